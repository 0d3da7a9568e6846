#include "fencing/ceph/program/users.h"

#include <atomic>
#include <cerrno>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace mold::ceph {
namespace {

using nlohmann::json;

json caps_list(const Caps& caps) {
  json list = json::array();
  for (const auto& [service, text] : caps) {
    list.push_back(service);
    list.push_back(text);
  }
  return list;
}

json user_command(const char* prefix, const std::string& user) {
  return {{"prefix", prefix}, {"entity", "client." + user}, {"format", "json"}};
}

// On a user that cannot be: no host has a name like that.
std::vector<json> commands_on_nobody() {
  const std::string nobody = std::string(kHostUserPrefix) + "none.probe";
  json caps = user_command("auth caps", nobody);
  caps["caps"] = caps_list(no_access_caps());
  return {user_command("auth get", nobody), caps};
}

}  // namespace

Result<std::optional<KnownUser>> read_user(Cluster& cluster, const std::string& user) {
  auto out = cluster.ask(user_command("auth get", user));
  if (!out && out.error().kind == ErrorKind::kNotFound) return std::nullopt;
  if (!out) return fail(out.error());
  auto known = parse_user(*out, user);
  wipe(*out);
  if (!known) return fail(known.error());
  return std::optional<KnownUser>(std::move(*known));
}

Status set_caps(Cluster& cluster, const std::string& user, const Caps& caps) {
  json command = user_command("auth caps", user);
  command["caps"] = caps_list(caps);
  MOLD_TRY_VOID(cluster.change(command));
  return {};
}

std::string line_for(Cluster& cluster, const CephRequest& request) {
  const auto own = read_user(cluster, request.access.user);
  const bool known = own && *own && (*own)->caps.contains("osd");
  const std::string& host =
      request.verb == CephVerb::kIsolate ? request.isolation.user : request.user;
  return permitting_line(request.access, known ? (*own)->caps.at("osd") : std::string{}, host);
}

port::CephAnswer refusal_of(Cluster& cluster, const CephRequest& request, const Error& error) {
  port::CephAnswer answer = cluster.answer_for(error);
  if (error.kind == ErrorKind::kDenied)
    answer.text += "; an admin has to run: " + line_for(cluster, request);
  return answer;
}

Result<bool> may_fence(Cluster& cluster, librados::IoCtx& io, const std::string& host_user) {
  // Of an address that is kept for documentation (RFC 5737), and of none at all.
  std::vector<json> commands = {
      {{"prefix", "osd blocklist"}, {"blocklistop", "rm"}, {"addr", "192.0.2.1:0/1"}},
      {{"prefix", "osd blocklist"}, {"blocklistop", "add"}, {"addr", "none/1"}, {"expire", 1.0}}};
  if (host_user.empty() || host_user.starts_with(kHostUserPrefix)) {
    const auto more = commands_on_nobody();
    commands.insert(commands.end(), more.begin(), more.end());
  } else {
    commands.push_back(user_command("auth get", host_user));
  }
  std::atomic<bool> may = true;
  const auto denied = [&may](int rc) {
    if (rc == -EACCES || rc == -EPERM) may = false;
    return rc == -EACCES || rc == -EPERM;
  };
  std::vector<std::function<Status()>> jobs;
  for (const json& command : commands) {
    jobs.emplace_back([&cluster, &denied, &command]() -> Status {
      const int rc = cluster.attempt(command);
      if (rc >= 0 || denied(rc) || is_refusal(rc)) return {};
      return fail(ceph_error(rc, "trying what this user may"));
    });
  }
  jobs.emplace_back([&io, &denied]() -> Status {
    librados::ObjectWriteOperation write;
    write.assert_exists();
    write.remove();
    const int rc = io.operate("mold-ha.no-such-object", &write);
    if (rc >= 0 || rc == -ENOENT || denied(rc)) return {};
    return fail(ceph_error(rc, "trying to write"));
  });
  const Status tried = run_together(jobs);
  if (!may) return false;
  if (!tried) return fail(tried.error());
  return true;
}

port::CephStorage::Key grant(Cluster& cluster, const CephRequest& request) {
  port::CephStorage::Key answer;
  const auto put = [&](const Error& error) {
    static_cast<port::CephAnswer&>(answer) = refusal_of(cluster, request, error);
    return answer;
  };
  if (request.user == request.access.user) {
    return put({ErrorKind::kUnsupported,
                "client." + request.user + " is the user that asks; a host needs one of its own"});
  }
  const Caps caps = host_caps(request.pools);
  auto known = read_user(cluster, request.user);
  if (!known) return put(known.error());
  if (!*known) {
    json command = user_command("auth get-or-create", request.user);
    command["caps"] = caps_list(caps);
    auto made = cluster.change(command);
    if (!made) return put(made.error());
    wipe(*made);
  } else if ((*known)->caps != caps) {
    if (const Status set = set_caps(cluster, request.user, caps); !set) return put(set.error());
  }
  known = read_user(cluster, request.user);
  if (!known) return put(known.error());
  if (!*known || (*known)->caps != caps)
    return put({ErrorKind::kUnknown, "client." + request.user + " was changed by somebody else"});
  answer.outcome = core::Outcome::kConfirmed;
  answer.text = "client." + request.user + " may: osd '" + caps.at("osd") + "'";
  answer.key = (*known)->key;
  return answer;
}

port::CephAnswer remove_user(Cluster& cluster, const CephRequest& request) {
  const auto gone = cluster.change(user_command("auth rm", request.user));
  if (!gone) return refusal_of(cluster, request, gone.error());
  const auto known = read_user(cluster, request.user);
  if (!known) return refusal_of(cluster, request, known.error());
  if (*known)
    return cluster.answer_for(
        {ErrorKind::kUnknown, "client." + request.user + " was made anew by somebody else"});
  return {core::Outcome::kConfirmed, ErrorKind::kUnknown, "client." + request.user + " is gone"};
}

}  // namespace mold::ceph
