#include "fencing/ceph/program/blocklist.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "fencing/ceph/client_name.h"
#include "fencing/ceph/program/users.h"

namespace mold::ceph {
namespace {

using nlohmann::json;

json blocklist_command(const char* operation, const std::string& client) {
  return {{"prefix", "osd blocklist"}, {"blocklistop", operation}, {"addr", client}};
}

// Only the first value: newer monitors write a second array behind it, with ranges of addresses.
json first_value(const std::string& text) {
  std::istringstream stream(text);
  json value;
  try {
    stream >> value;
  } catch (const json::exception&) {
    return json(json::value_t::discarded);
  }
  return value;
}

// "2026-11-21T19:22:09.281763+0000", which is how monitors print times.
std::optional<WallTime> parse_until(const std::string& text) {
  std::tm parts{};
  const char* const rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr || !text.ends_with("+0000")) return std::nullopt;
  return WallTime{static_cast<std::int64_t>(::timegm(&parts)) * 1'000};
}

// Of this machine; off by less than kClocks from that of the monitors, or entries count as short.
WallTime wall_now() {
  return {static_cast<std::int64_t>(std::time(nullptr)) * 1'000};
}
constexpr std::int64_t kClocksMs = 10'000;

bool lasts(WallTime until, Duration expiry) {
  return until.ms >= wall_now().ms + expiry.count() - kClocksMs;
}

Status unlist(Cluster& cluster, const std::string& client) {
  MOLD_TRY_VOID(cluster.change(blocklist_command("rm", client)));
  return {};
}

Status list(Cluster& cluster, const std::string& client, Duration expiry, bool anew) {
  if (anew) MOLD_TRY_VOID(unlist(cluster, client));
  json command = blocklist_command("add", client);
  command["expire"] = static_cast<double>(std::max(expiry, kListedFor).count()) / 1e3;
  MOLD_TRY_VOID(cluster.change(command));
  return {};
}

}  // namespace

Result<Blocklist> read_blocklist(Cluster& cluster) {
  MOLD_TRY(const std::string out,
           cluster.ask({{"prefix", "osd blocklist ls"}, {"format", "json"}}));
  const json entries = first_value(out);
  if (!entries.is_array()) return fail(ErrorKind::kCorrupt, "osd blocklist ls: an odd answer");
  Blocklist clients;
  for (const json& entry : entries) {
    if (!entry.is_object()) return fail(ErrorKind::kCorrupt, "osd blocklist ls: an odd entry");
    // Whole hosts and nets are none of our business.
    const auto client = client_name(entry.value("addr", ""));
    if (!client) continue;
    const auto until = parse_until(entry.value("until", ""));
    if (!until) return fail(ErrorKind::kCorrupt, "osd blocklist ls: an odd time");
    clients[*client] = *until;
  }
  return clients;
}

Status list_clients(Cluster& cluster, const std::set<std::string>& clients, const Blocklist& before,
                    Duration expiry, const std::function<void(const std::string&)>& listed,
                    const std::function<Status()>& beside) {
  std::vector<std::function<Status()>> jobs;
  if (beside) jobs.push_back(beside);
  for (const std::string& client : clients) {
    const auto there = before.find(client);
    if (there != before.end() && lasts(there->second, expiry)) {
      listed(client);
      continue;
    }
    jobs.emplace_back([&, anew = there != before.end()]() -> Status {
      MOLD_TRY_VOID(list(cluster, client, expiry, anew));
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
    if (!lasts(found->second, expiry))
      return fail(ErrorKind::kUnknown, client + " reads back as listed for too short a time");
  }
  return {};
}

port::CephAnswer renew(Cluster& cluster, const CephRequest& request) {
  const std::set<std::string> clients(request.clients.begin(), request.clients.end());
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
