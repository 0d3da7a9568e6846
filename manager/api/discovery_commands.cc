// What this manager is and can do: listApis and its kin.
#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/text.h"
#include "manager/api/envelope.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

ApiResult<Value> list_apis(Call& call) {
  const std::string name = call.params().text("name");
  Array rows;
  for (const auto& [command, spec] : call.table().all()) {
    if (name.empty() || command == name) rows.emplace_back(describe(spec, call.table()));
  }
  if (rows.empty()) return refuse(call.params().wrong("name", "there is no such command"));
  const std::size_t total = rows.size();
  return list_body("api", std::move(rows), total);
}

ApiResult<Value> list_capabilities(Call&) {
  Object row;
  row.set("cloudstackversion", Value(kCompatibleVersion));
  row.set("securitygroupsenabled", Value(false)).set("dynamicrolesenabled", Value(false));
  row.set("allowusercreateprojects", Value(false)).set("projectinviterequired", Value(false));
  row.set("kvmsnapshotenabled", Value(false)).set("regionsecondaryenabled", Value(false));
  row.set("customhypervisordisplayname", Value("KVM"));
  row.set("defaultuipagesize", Value(20));
  return single_body("capability", std::move(row));
}

ApiResult<Value> list_hypervisors(Call& call) {
  MOLD_API_TRY([[maybe_unused]] const Zone* zone,
               find_optional(call, call.inventory().zones(), "zoneid"));
  Object row;
  row.set("name", Value("KVM"));
  Array one;
  one.emplace_back(std::move(row));
  return list_body("hypervisor", std::move(one), 1);
}

ApiResult<Value> list_managers(Call& call) {
  const ApiSettings& settings = call.services().settings;
  const StoreState store = call.engine().store_state();
  Object row;
  row.set("id", Value(settings.manager_uuid)).set("name", Value(settings.manager_name));
  row.set("state", Value("Up")).set("version", Value(settings.version));
  row.set("lastserverstart", Value(api_time(settings.started)));
  row.set("storewritable", Value(store.can_write));
  row.set_text("storeproblem", store.problem);
  const std::array<Value, 1> one{Value(std::move(row))};
  const Params& params = call.params();
  return paged_list(
      call, one,
      [&](const Value&) {
        if (params.has("id") && params.text("id") != settings.manager_uuid) return false;
        if (params.has("name") && params.text("name") != settings.manager_name) return false;
        return keyword_matches(params, settings.manager_name);
      },
      [](const Value& value) { return value; });
}

ApiResult<Value> list_users(Call& call) {
  const Params& params = call.params();
  const auto checked = check_ids(call, call.inventory().users());
  if (!checked) return refuse(checked.error());
  return paged_list(
      call, call.inventory().users().all(),
      [&](const auto& entry) {
        const User& user = entry.second;
        if (params.has("id") && user.uuid != params.text("id")) return false;
        if (params.has("username") && user.name != params.text("username")) return false;
        return keyword_matches(params, user.name);
      },
      [&call](const auto& entry) {
        const User& user = entry.second;
        Object row;
        row.set("id", Value(user.uuid)).set("username", Value(user.name));
        row.set("firstname", Value(user.name)).set("lastname", Value("user"));
        row.set("created", Value(api_time(user.created)));
        row.set("state", Value(user.enabled ? "enabled" : "disabled"));
        row.set("roletype", Value("Admin")).set("rolename", Value("Root Admin"));
        if (const Account* account = call.inventory().accounts().find(user.account)) {
          row.set("account", Value(account->name)).set("accountid", Value(account->uuid));
          row.set("accounttype", Value(account->type)).set("domain", Value(account->domain));
          row.set_text("domainid", account->domain_uuid);
        }
        row.set_text("apikey", user.api_key);  // the secret key is never shown
        return row;
      });
}

ApiResult<Value> list_accounts(Call& call) {
  const Params& params = call.params();
  const auto checked = check_ids(call, call.inventory().accounts());
  if (!checked) return refuse(checked.error());
  return paged_list(
      call, call.inventory().accounts().all(),
      [&](const auto& entry) {
        const Account& account = entry.second;
        if (params.has("id") && account.uuid != params.text("id")) return false;
        if (params.has("name") && account.name != params.text("name")) return false;
        return keyword_matches(params, account.name);
      },
      [](const auto& entry) {
        const Account& account = entry.second;
        Object row;
        row.set("id", Value(account.uuid)).set("name", Value(account.name));
        row.set("accounttype", Value(account.type)).set("domain", Value(account.domain));
        row.set_text("domainid", account.domain_uuid);
        row.set("roletype", Value("Admin")).set("rolename", Value("Root Admin"));
        row.set("state", Value(account.enabled ? "enabled" : "disabled"));
        row.set("created", Value(api_time(account.created)));
        return row;
      });
}

struct Room {
  int type;  // CloudStack's numbers: 0 memory, 1 CPU (MHz), 2 storage, 90 CPU cores
  std::string_view name;
  std::uint64_t used = 0;
  std::uint64_t total = 0;
};

std::array<Room, 4> rooms_of(Call& call, const PlaceFilter& where) {
  std::array<Room, 4> rooms{{{0, "MEMORY"}, {1, "CPU"}, {2, "STORAGE"}, {90, "CPU_CORE"}}};
  HostUses uses = host_uses(call.engine().state());
  for (const auto& [id, host] : call.engine().state().hosts) {
    if (!where.matches(place_of(call.inventory(), host.cluster))) continue;
    const HostUse use = uses[id];
    rooms[0].used += use.memory_bytes;
    rooms[0].total += host.capacity.memory_bytes;
    rooms[1].used += use.cpu_mhz;
    rooms[1].total += std::uint64_t{host.capacity.cpus} * host.capacity.cpu_mhz;
    rooms[3].used += use.cpus;
    rooms[3].total += host.capacity.cpus;
  }
  for (const auto& [id, pool] : call.inventory().pools().all()) {
    if (!where.matches(place_of(call.inventory(), pool.cluster))) continue;
    if (const auto report = call.services().agents.pool_report(id)) {
      rooms[2].total += report->total_bytes;
      rooms[2].used += report->total_bytes - std::min(report->total_bytes, report->free_bytes);
    }
  }
  return rooms;
}

ApiResult<Value> list_capacity(Call& call) {
  MOLD_API_TRY(const PlaceFilter where, read_place_filter(call));
  const auto type = call.params().integer("type");
  return paged_list(
      call, rooms_of(call, where),
      [&type](const Room& room) { return !type || *type == room.type; },
      [&where](const Room& room) {
        Object row;
        row.set("type", Value(room.type)).set("name", Value(room.name));
        if (where.zone != nullptr) row.set("zoneid", Value(where.zone->uuid));
        if (where.cluster != nullptr) row.set("clusterid", Value(where.cluster->uuid));
        row.set("capacityused", Value(room.used)).set("capacitytotal", Value(room.total));
        const std::uint64_t share = room.total == 0 ? 0 : room.used * 100 / room.total;
        row.set("percentused", Value(std::to_string(share)));
        return row;
      });
}

void add_account_commands(CommandTable& table) {
  const ParamSpec id{"id", ParamType::kUuid, kOptional, "the ID"};
  const ParamSpec all{"listall", ParamType::kBool, kOptional, "accepted: root admin sees all"};
  table.add({"listUsers",
             "Lists users",
             "user",
             "id:string username:string firstname:string lastname:string created:date "
             "state:string roletype:string rolename:string account:string accountid:string "
             "accounttype:integer domain:string domainid:string apikey:string",
             {id, {"username", ParamType::kText, kOptional, "the name of the user"}, all},
             list_users,
             {},
             true});
  table.add({"listAccounts",
             "Lists accounts",
             "account",
             "id:string name:string accounttype:integer domain:string domainid:string "
             "roletype:string rolename:string state:string created:date",
             {id, {"name", ParamType::kText, kOptional, "the name of the account"}, all},
             list_accounts,
             {},
             true});
}

}  // namespace

void add_discovery_commands(CommandTable& table) {
  table.add({"listApis",
             "Lists the commands of this API",
             "api",
             "name:string description:string isasync:boolean related:string params:set "
             "response:set",
             {{"name", ParamType::kText, kOptional, "only this command"}},
             list_apis});
  table.add({"listCapabilities",
             "Tells what this cloud can do",
             "capability",
             "cloudstackversion:string securitygroupsenabled:boolean dynamicrolesenabled:boolean "
             "defaultuipagesize:long",
             {},
             list_capabilities});
  table.add({"listHypervisors",
             "Lists hypervisors",
             "hypervisor",
             "name:string",
             {{"zoneid", ParamType::kUuid, kOptional, "the zone"}},
             list_hypervisors});
  table.add({"listManagementServers",
             "Lists managers",
             "managementserver",
             "id:string name:string state:string version:string lastserverstart:date "
             "storewritable:boolean storeproblem:string",
             {{"id", ParamType::kUuid, kOptional, "the ID of the manager"},
              {"name", ParamType::kText, kOptional, "the name of the manager"}},
             list_managers,
             {},
             true});
  table.add({"listCapacity",
             "Lists what is there and what is taken",
             "capacity",
             "type:short name:string zoneid:string clusterid:string capacityused:long "
             "capacitytotal:long percentused:string",
             {{"type", ParamType::kInteger, kOptional, "0 memory, 1 CPU, 2 storage, 90 CPU cores"},
              {"zoneid", ParamType::kUuid, kOptional, "only of this zone"},
              {"podid", ParamType::kUuid, kOptional, "only of this pod"},
              {"clusterid", ParamType::kUuid, kOptional, "only of this cluster"}},
             list_capacity,
             {},
             true});
  add_account_commands(table);
}

}  // namespace mold::manager::api
