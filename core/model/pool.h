#pragma once
// A storage pool that VMs live on and hosts beat on.
#include <string>

#include "lib/base/ids.h"

namespace mold::core {

struct Pool {
  PoolId id;
  ClusterId cluster;  // every host of the cluster mounts it at `path`
  std::string uuid;
  std::string name;
  std::string path;  // shared directory
  bool heartbeat = true;
};

}  // namespace mold::core
