#pragma once
// The table of commands: what a client may call, told in one place, from which dispatch, parameter
// checks and listApis are all made. Each family file has one function that adds its rows; there is
// no registration behind anybody's back. Built once at start, constant afterwards; loop thread.
//
// A handler is one of four kinds, and the dispatcher keeps their promise:
//   Read    looks and answers at once.
//   Change  changes records and brain in one dispatch of the loop; the answer goes out only when
//   all
//           of it is durable. Its event is noted in the same transaction.
//   Begin   an async command: opens a job; {jobid, id} goes out only when the job is durable.
//   Later   answers by itself, some time (long polls, reads from the store).
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "manager/api/api_error.h"
#include "manager/api/params.h"
#include "manager/api/value.h"

namespace mold::manager::api {

class Call;
using CallPtr = std::shared_ptr<Call>;

struct BegunJob {
  std::string job_uuid;
  std::string entity_uuid;  // for commands that create something; else empty
};

using Read = ApiResult<Value> (*)(Call&);
struct Change {
  ApiResult<Value> (*run)(Call&);
};
using Begin = ApiResult<BegunJob> (*)(Call&);
using Later = void (*)(const CallPtr&);
using Handler = std::variant<Read, Change, Begin, Later>;

inline constexpr bool kSecretAnswer = true;

struct CommandSpec {
  std::string_view name;  // "listHosts", exact
  std::string_view description;
  std::string_view object;  // name of the answer's object
  std::string_view fields;  // of that object, "id:string count:integer"
  std::vector<ParamSpec> params;
  Handler handler;
  std::string_view event_type = {};  // noted by Change and Begin
  bool paged = false;                // takes keyword, page and pagesize too
  bool secret_answer = false;        // a token or the like

  // Not over plain HTTP from elsewhere.
  [[nodiscard]] bool is_confidential() const;
  [[nodiscard]] bool is_async() const { return std::holds_alternative<Begin>(handler); }
};

class CommandTable {
 public:
  // A name that is there already is a fault of the program: CHECK.
  void add(CommandSpec spec);
  // Exact letter case, as with the peers.
  [[nodiscard]] const CommandSpec* find(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, CommandSpec, std::less<>>& all() const {
    return commands_;
  }

 private:
  std::map<std::string, CommandSpec, std::less<>> commands_;
};

// Rows for each family; build_command_table() calls them all.
void add_topology_commands(CommandTable& table);
void add_host_commands(CommandTable& table);
void add_storage_commands(CommandTable& table);
void add_ceph_user_commands(CommandTable& table);
void add_offering_commands(CommandTable& table);
void add_vm_commands(CommandTable& table);
void add_oobm_commands(CommandTable& table);
void add_fence_commands(CommandTable& table);
void add_configuration_commands(CommandTable& table);
void add_ha_commands(CommandTable& table);
void add_job_commands(CommandTable& table);
void add_event_commands(CommandTable& table);
void add_discovery_commands(CommandTable& table);
CommandTable build_command_table();

// One row of listApis.
Object describe(const CommandSpec& spec, const CommandTable& table);

}  // namespace mold::manager::api
