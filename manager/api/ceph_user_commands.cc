// Users of hosts in Ceph (ours): which there are, and which are still to be removed.
#include "manager/api/envelope.h"
#include "manager/api/jobs.h"
#include "manager/api/lookup.h"
#include "manager/api/storage_new_pool.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

constexpr std::string_view kCephUserFields =
    "user:string fsid:string hostid:string hostname:string pools:string state:string reason:string";

Object user_view(const Inventory& inventory, const CephUser& user) {
  Object row;
  row.set("user", Value(user.record.user)).set("fsid", Value(user.record.fsid));
  if (const HostRecord* const host = inventory.hosts().find(user.record.host)) {
    row.set("hostid", Value(host->uuid)).set("hostname", Value(host->name));
  }
  row.set_text("pools", joined_tags(user.record.pools));
  row.set("state", Value(user.leaving                ? "Leaving"
                         : user.record.pools.empty() ? "Asked"
                                                     : "Granted"));
  row.set_text("reason", user.text);
  return row;
}

ApiResult<Value> list_host_users(Call& call) {
  MOLD_API_TRY(const HostRecord* host, live_host(call, "hostid"));
  const bool leaving = call.params().flag("leaving", false);
  return paged_list(
      call, call.services().storage.keys().users(),
      [&](const CephUser& user) {
        return (!leaving || user.leaving) && (host == nullptr || host->id == user.record.host) &&
               keyword_matches(call.params(), user.record.user);
      },
      [&call](const CephUser& user) { return user_view(call.inventory(), user); });
}

ApiResult<Value> forget_user(Call& call) {
  const std::string user(call.params().text("user"));
  const std::string fsid(call.params().text("fsid"));
  call.about("CephUser", {}, "client." + user + " of Ceph " + fsid + " need not be removed");
  const Status done = call.services().storage.keys().leaving().forget(user, fsid);
  if (!done) return refuse(from_error(done.error()));
  return success_body();
}

}  // namespace

void add_ceph_user_commands(CommandTable& table) {
  table.add(
      {"listCephUsers",
       "Lists the users that hosts have in Ceph, and those that are still to be removed there",
       "cephuser",
       kCephUserFields,
       {{"hostid", ParamType::kUuid, kOptional, "only of this host"},
        {"leaving", ParamType::kBool, kOptional, "only those that are to be removed"}},
       list_host_users,
       {},
       true});
  table.add({"forgetCephUser",
             "Gives up removing a user of a deleted host, or of a deleted pool, in Ceph",
             "success",
             "success:boolean",
             {{"user", ParamType::kText, kRequired, "its name, without client."},
              {"fsid", ParamType::kText, kRequired, "of which Ceph cluster"}},
             Change{forget_user},
             "CEPH.USER.FORGET"});
}

}  // namespace mold::manager::api
