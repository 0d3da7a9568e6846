#pragma once
// What a manager needs before it can be spoken to: the root account with one admin user, a name of
// its own, and the admin's key file (state.dir/admin.conf, mode 0600, in the form hactl reads).
// Made once, at the first start; a start that was cut off is continued by the next.
#include <string>

#include "lib/base/result.h"
#include "lib/runtime/event_loop.h"
#include "manager/config.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"
#include "manager/inventory/secret_box.h"

namespace mold::manager {

inline constexpr const char* kManagerUuidSetting = "manager.uuid";

// Turns the loop until what was made is durable.
Status prepare_first_start(runtime::EventLoop& loop, const ManagerConfig& config, Engine& engine,
                           Inventory& inventory, const SecretBox& box);

// Every name and address this machine can be reached by: the configured ones, host name, and the
// addresses of its interfaces (no link-local ones); for the server certificate.
std::vector<std::string> own_names(const std::vector<std::string>& configured);

}  // namespace mold::manager
