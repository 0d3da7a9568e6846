#include "fencing/ceph/program/blocklist.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "fencing/ceph/program/users.h"

namespace mold::ceph {
namespace {

using nlohmann::json;

json blocklist_command(const char* operation, const std::string& client) {
  return {{"prefix", "osd blocklist"}, {"blocklistop", operation}, {"addr", client}};
}

WallTime wall_now() {
  return {static_cast<std::int64_t>(std::time(nullptr)) * 1'000};
}

Status unlist(Cluster& cluster, const std::string& client) {
  MOLD_TRY_VOID(cluster.change(blocklist_command("rm", client)));
  return {};
}

Status list(Cluster& cluster, const std::string& client, bool anew) {
  if (anew) MOLD_TRY_VOID(unlist(cluster, client));
  json command = blocklist_command("add", client);
  command["expire"] = static_cast<double>(kListedFor.count()) / 1e3;
  MOLD_TRY_VOID(cluster.change(command));
  return {};
}

// kConflict: the user has access again.
Status check_no_access(Cluster& cluster, const std::string& user) {
  MOLD_TRY(const auto known, read_user(cluster, user));
  if (!known || known->caps == no_access_caps()) return {};
  std::string caps;
  for (const auto& [service, may] : known->caps) caps += " " + service + " '" + may + "'";
  return fail(ErrorKind::kConflict, "client." + user + " has access again:" + caps);
}

}  // namespace

Result<Blocklist> read_blocklist(Cluster& cluster) {
  MOLD_TRY(const std::string out,
           cluster.ask({{"prefix", "osd blocklist ls"}, {"format", "json"}}));
  return parse_blocklist(out);
}

Status list_clients(Cluster& cluster, const std::set<std::string>& clients, const Blocklist& before,
                    Duration expiry, const std::function<void(const std::string&)>& listed) {
  std::vector<std::function<Status()>> jobs;
  for (const std::string& client : clients) {
    const auto there = before.find(client);
    if (there != before.end() && lasts(there->second, wall_now(), expiry)) {
      listed(client);
      continue;
    }
    jobs.emplace_back([&, anew = there != before.end()]() -> Status {
      MOLD_TRY_VOID(list(cluster, client, anew));
      listed(client);
      return {};
    });
  }
  return run_together(jobs);
}

Status check_listed(Cluster& cluster, const std::set<std::string>& clients, Duration expiry) {
  MOLD_TRY(const Blocklist now, read_blocklist(cluster));
  for (const std::string& client : clients) {
    const auto found = now.find(client);
    if (found == now.end())
      return fail(ErrorKind::kUnknown, client + " does not read back from the blocklist");
    if (!lasts(found->second, wall_now(), expiry))
      return fail(ErrorKind::kUnknown, client + " reads back as listed for too short a time");
  }
  return {};
}

port::CephAnswer renew(Cluster& cluster, const CephRequest& request) {
  const std::set<std::string> clients(request.clients.begin(), request.clients.end());
  // First of all: who has it opens disks as a new client, and no renewal keeps that out.
  if (!request.user.empty()) {
    if (const Status kept_out = check_no_access(cluster, request.user); !kept_out)
      return refusal_of(cluster, request, kept_out.error());
  }
  const auto before = read_blocklist(cluster);
  if (!before) return refusal_of(cluster, request, before.error());
  Status done = list_clients(cluster, clients, *before, request.expiry, [](const std::string&) {});
  if (done) done = check_listed(cluster, clients, request.expiry);
  if (!done) return refusal_of(cluster, request, done.error());
  return {core::Outcome::kConfirmed, ErrorKind::kUnknown,
          "stay listed: " + std::to_string(request.clients.size()) + " clients"};
}

port::CephAnswer lift(Cluster& cluster, const CephRequest& request) {
  std::vector<std::function<Status()>> jobs;
  for (const std::string& client : request.clients)
    jobs.emplace_back([&] { return unlist(cluster, client); });
  if (const Status done = run_together(jobs); !done)
    return refusal_of(cluster, request, done.error());
  const auto after = read_blocklist(cluster);
  if (!after) return refusal_of(cluster, request, after.error());
  for (const std::string& client : request.clients) {
    if (after->contains(client))
      return cluster.answer_for({ErrorKind::kUnknown, client + " is still on the blocklist"});
  }
  return {core::Outcome::kConfirmed, ErrorKind::kUnknown,
          "not listed any more: " + std::to_string(request.clients.size()) + " clients"};
}

}  // namespace mold::ceph
