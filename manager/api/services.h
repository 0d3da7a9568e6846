#pragma once
// What the API's handlers work on. One value, made by the composition root, kept by the server for
// its whole life; everything in it outlives the server. Loop thread only.
#include <functional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/runtime/event_loop.h"
#include "manager/agents/registry.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"
#include "manager/power/drill_service.h"
#include "manager/power/power_poll.h"
#include "manager/power/power_service.h"
#include "manager/storage/storage_service.h"

namespace mold::manager::api {

// A setting of the configuration file, as listConfigurations shows it.
struct FixedSetting {
  std::string name;
  std::string value;
  std::string fallback;
  std::string description;
};

struct ApiSettings {
  bool allow_sha1 = true;      // api.allow_sha1: stock CloudStack clients sign with SHA-1
  bool plain_secrets = false;  // api.plain.secrets: also over plain HTTP from elsewhere
  std::string version;         // of this program
  std::string manager_uuid;    // names this manager in listManagementServers
  std::string manager_name;    // its host name
  WallTime started;
  Duration session_timeout{30 * 60'000};
  std::vector<FixedSetting> fixed;
};

struct Services {
  runtime::EventLoop& loop;
  Engine& engine;
  Inventory& inventory;
  AgentRegistry& agents;
  PowerService& power;
  DrillService& drills;
  PowerPoll& poll;
  StorageService& storage;
  ApiSettings settings;
};

}  // namespace mold::manager::api
