// hactl pool: storage pools, who can use them and why not, and the users that hosts have in Ceph.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "hactl/command.h"
#include "hactl/commands/rows.h"
#include "hactl/lookup.h"

namespace mold::hactl {
namespace {

std::vector<Cell> host_row(const Json& host) {
  const std::string reason = text_of(host, "reason");
  return {{text_of(host, "hostname")},
          state_cell(text_of(host, "state")),
          state_cell(text_of(host, "lease")),
          {reason.empty() ? text_of(host, "connection") : reason}};
}

// How many of its hosts can use it, and why the first one that cannot does not.
std::pair<std::string, std::string> reach_of(const Json& pool) {
  const std::vector<Json> hosts = array_of(pool, "hosts");
  std::size_t up = 0;
  std::string why;
  for (const Json& host : hosts) {
    if (text_of(host, "state") == "Up")
      ++up;
    else if (why.empty())
      why = text_of(host, "hostname") + ": " + text_of(host, "reason");
  }
  return {fmt::format("{}/{}", up, hosts.size()), why};
}

Status list_pools(Context& context) {
  MOLD_TRY(const std::vector<Json> pools, list_all(context.client, kPool));
  if (context.out.json()) {
    context.out.value(Json(pools));
    return {};
  }
  std::vector<std::vector<Cell>> rows;
  for (const Json& pool : pools) {
    const auto [hosts, why] = reach_of(pool);
    rows.push_back({{text_of(pool, "name")},
                    {text_of(pool, "type")},
                    state_cell(text_of(pool, "state")),
                    {text_of(pool, "clustername")},
                    {text_of(pool, "path")},
                    {size_text(number_of(pool, "disksizetotal"))},
                    {size_text(number_of(pool, "disksizeused"))},
                    {hosts, why.empty() ? Tone::kPlain : Tone::kWarn},
                    {why}});
  }
  context.out.table({"POOL", "TYPE", "STATE", "CLUSTER", "PATH", "SIZE", "USED", "HOSTS", "WHY"},
                    rows);
  return {};
}

Status show_pool(Context& context) {
  MOLD_TRY(const Json pool, find_one(context.client, kPool, context.args[0]));
  if (context.out.json()) {
    context.out.value(pool);
    return {};
  }
  const Json& details = object_of(pool, "details");
  context.out.facts({{"name", {text_of(pool, "name")}},
                     {"id", {text_of(pool, "id")}},
                     {"type", {text_of(pool, "type")}},
                     {"state", state_cell(text_of(pool, "state"))},
                     {"cluster", {text_of(pool, "clustername")}},
                     {"server", {text_of(pool, "ipaddress")}},
                     {"path", {text_of(pool, "path")}},
                     {"mounted at", {text_of(details, "mountpath")}},
                     {"Ceph cluster", {text_of(details, "fsid")}},
                     {"Ceph user of the manager", {text_of(details, "user")}},
                     {"policy", {text_of(pool, "policy")}},
                     {"heartbeat", {text_of(details, "heartbeat")}},
                     {"tags", {text_of(pool, "tags")}},
                     {"size", {size_text(number_of(pool, "disksizetotal"))}},
                     {"used", {size_text(number_of(pool, "disksizeused"))}}});
  context.out.line("");
  std::vector<std::vector<Cell>> rows;
  for (const Json& host : array_of(pool, "hosts")) rows.push_back(host_row(host));
  context.out.table({"HOST", "STATE", "LEASE", "HOW, OR WHY NOT"}, rows);
  return {};
}

Status list_users(Context& context) {
  MOLD_TRY(const std::vector<Json> users, list_all(context.client, kCephUser));
  if (context.out.json()) {
    context.out.value(Json(users));
    return {};
  }
  std::vector<std::vector<Cell>> rows;
  for (const Json& user : users) {
    rows.push_back({{text_of(user, "hostname")},
                    {text_of(user, "user")},
                    state_cell(text_of(user, "state")),
                    {text_of(user, "pools")},
                    {text_of(user, "fsid"), Tone::kDim},
                    {text_of(user, "reason")}});
  }
  context.out.table({"HOST", "USER", "STATE", "POOLS", "CEPH CLUSTER", "WHY"}, rows);
  return {};
}

Status forget_user(Context& context) {
  const std::string& user = context.args[0];
  const std::string& fsid = context.args[1];
  MOLD_TRY_VOID(confirm(context, fmt::format("client.{} may stay in Ceph {} for ever?", user, fsid),
                        "yes", false));
  MOLD_TRY(const Json done,
           context.client.call("forgetCephUser", {{"user", user}, {"fsid", fsid}}));
  tell_done(context, done, fmt::format("client.{} is forgotten; nobody will remove it", user));
  return {};
}

}  // namespace

std::vector<Command> pool_commands() {
  return {
      {.name = "pool list",
       .summary = "storage pools, and how many hosts can use them",
       .run = list_pools},
      {.name = "pool show",
       .usage = "POOL",
       .summary = "all about one, with each host and why it cannot use it",
       .least = 1,
       .most = 1,
       .run = show_pool},
      {.name = "pool users",
       .summary = "users that hosts have in Ceph, and those still to be removed there",
       .run = list_users},
      {.name = "pool forget-user",
       .usage = "USER FSID",
       .summary = "gives up removing a user from a Ceph that is no more",
       .least = 2,
       .most = 2,
       .run = forget_user},
  };
}

}  // namespace mold::hactl
