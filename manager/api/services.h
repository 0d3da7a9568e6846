#pragma once
// What the API's handlers work on. One value, made by the composition root, kept by the server for
// its whole life; everything in it outlives the server. Loop thread only.
#include <functional>
#include <string>

#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/runtime/event_loop.h"
#include "manager/agents/registry.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"
#include "manager/power/power_service.h"

namespace mold::manager::api {

struct ApiSettings {
  bool allow_sha1 = true;      // api.allow_sha1: stock CloudStack clients sign with SHA-1
  bool plain_secrets = false;  // api.plain.secrets: also over plain HTTP from elsewhere
  std::string version;         // of this program
  std::string manager_uuid;    // names this manager in listManagementServers
  std::string manager_name;    // its host name
  WallTime started;
  Duration session_timeout{30 * 60'000};
};

struct Services {
  runtime::EventLoop& loop;
  Engine& engine;
  Inventory& inventory;
  AgentRegistry& agents;
  PowerService& power;
  ApiSettings settings;
};

}  // namespace mold::manager::api
