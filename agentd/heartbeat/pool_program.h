#pragma once
// The whole life of a program that carries beats for one pool (mold-heartbeat-rados and
// mold-heartbeat-nfs): takes its setup from descriptor 3 and goes on as any pool's child. Started
// by mold-heartbeat only. It may allocate, use threads and crash: the supervisor starts another.
#include <functional>
#include <memory>

#include "agentd/heartbeat/pool_medium.h"

namespace mold::heartbeat {

using MediumOf = std::function<std::unique_ptr<PoolMedium>(const PoolChildSetup&)>;

// The exit code of main().
int run_pool_program(const MediumOf& make);

}  // namespace mold::heartbeat
