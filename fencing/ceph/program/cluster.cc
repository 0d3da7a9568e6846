#include "fencing/ceph/program/cluster.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "lib/wire/json_fields.h"

namespace mold::ceph {
namespace {

constexpr std::size_t kAtOnce = 128;  // threads of run_together()

ErrorKind kind_of(int rc) {
  switch (-rc) {
    case EPERM:
    case EACCES:
      return ErrorKind::kDenied;
    case ENOENT:
      return ErrorKind::kNotFound;
    case EEXIST:
    case EBUSY:
    case ENOTEMPTY:
      return ErrorKind::kConflict;
    case EINVAL:
    case ERANGE:
    case ENAMETOOLONG:
      return ErrorKind::kInvalid;
    case EOPNOTSUPP:
    case ENOSYS:
      return ErrorKind::kUnsupported;
    case ENOSPC:
    case EDQUOT:
      return ErrorKind::kBusy;
    case ETIMEDOUT:
      return ErrorKind::kTimeout;
    default:
      return ErrorKind::kUnavailable;  // ESHUTDOWN: we are on the blocklist ourselves
  }
}

// Ceph counts whole seconds here; the Guard is more exact.
std::string whole_seconds(Duration time) {
  return std::to_string((std::max(time, Duration{1}).count() + 999) / 1'000);
}

Status configure(librados::Rados& rados, const CephRequest& request) {
  const std::string limit = whole_seconds(request.deadline);
  const std::map<std::string, std::string> settings = {
      {"mon_host", request.access.mon_host},
      {"client_mount_timeout", limit},  // 300 s otherwise; of the connection alone
      {"rados_mon_op_timeout", limit},
      {"rados_osd_op_timeout",  // also of images opened through this connection
       whole_seconds(request.verb == CephVerb::kClients ? request.deadline / 4 : request.deadline)},
      {"log_file", ""},
      {"log_to_stderr", "false"},
      {"err_to_stderr", "false"},
      {"admin_socket", ""},
      {"keyring", ""}};
  for (const auto& [name, value] : settings) {
    if (const int rc = rados.conf_set(name.c_str(), value.c_str()); rc < 0)
      return fail(ErrorKind::kInvalid, "setting " + name + " is refused");
  }
  return {};
}

// Words of a command for a person: "auth caps client.h1"; never its whole JSON.
std::string words(const nlohmann::json& command) {
  std::string text = command.value("prefix", "");
  for (const char* const name : {"blocklistop", "addr", "entity"}) {
    if (command.contains(name)) text += " " + command.value(name, "");
  }
  return text;
}

}  // namespace

Error ceph_error(int rc, std::string_view doing, std::string_view said) {
  std::string text(doing);
  text +=
      ": " + std::string(said.empty() ? std::string_view(std::strerror(-rc)) : said.substr(0, 300));
  text += " (" + std::to_string(rc) + ")";
  return {kind_of(rc), std::move(text)};
}

bool is_refusal(int rc) {
  return is_refusal(kind_of(rc));
}

bool is_refusal(ErrorKind kind) {
  return kind != ErrorKind::kTimeout && kind != ErrorKind::kUnavailable;
}

Result<std::unique_ptr<Cluster>> Cluster::connect(const CephRequest& request, const Secret& key,
                                                  Changes& changes) {
  auto cluster = std::make_unique<Cluster>(changes);
  const std::string who = "client." + request.access.user;
  if (const int rc = cluster->rados_.init2(who.c_str(), "ceph", 0); rc < 0)
    return fail(ceph_error(rc, "making a handle"));
  MOLD_TRY_VOID(configure(cluster->rados_, request));
  // With the key where keys are asked for; a cluster that asks nobody is served, too, and said so.
  cluster->rados_.conf_set("auth_client_required", "cephx, none");
  if (cluster->rados_.conf_set("key", key.reveal().c_str()) < 0)
    return fail(ErrorKind::kInvalid, "the key is none");
  if (const int rc = cluster->rados_.connect(); rc < 0)
    return fail(ceph_error(rc, "connecting as " + who));
  return cluster;
}

Result<bool> Cluster::lets_anybody_in(const CephRequest& request) {
  librados::Rados rados;
  const std::string who = "client." + request.access.user;
  if (const int rc = rados.init2(who.c_str(), "ceph", 0); rc < 0)
    return fail(ceph_error(rc, "making a handle"));
  MOLD_TRY_VOID(configure(rados, request));
  rados.conf_set("auth_supported", "none");
  rados.conf_set("auth_client_required", "none");
  const int rc = rados.connect();
  if (rc == 0) return true;
  if (rc == -EACCES || rc == -EPERM || rc == -EOPNOTSUPP) return false;
  return fail(ceph_error(rc, "trying to connect without a key"));
}

int Cluster::run(const nlohmann::json& command, std::string& out, std::string& said) {
  const librados::bufferlist nothing;
  librados::bufferlist answer;
  const int rc = rados_.mon_command(wire::write_json(command), nothing, &answer, &said);
  out = answer.to_str();
  return rc;
}

int Cluster::attempt(const nlohmann::json& command) {
  std::string out;
  std::string said;
  return run(command, out, said);
}

Result<std::string> Cluster::ask(const nlohmann::json& command) {
  std::string out;
  std::string said;
  if (const int rc = run(command, out, said); rc < 0)
    return fail(ceph_error(rc, words(command), said));
  return out;
}

Result<std::string> Cluster::change(const nlohmann::json& command) {
  std::string out;
  std::string said;
  changes_.begin();
  const int rc = run(command, out, said);
  if (rc < 0 && is_refusal(rc)) changes_.refused();
  if (rc < 0) return fail(ceph_error(rc, words(command), said));
  return out;
}

Result<librados::IoCtx> Cluster::pool(const std::string& name, const std::string& name_space) {
  librados::IoCtx io;
  if (const int rc = rados_.ioctx_create(name.c_str(), io); rc < 0)
    return fail(ceph_error(rc, "pool " + name));
  if (!name_space.empty()) io.set_namespace(name_space);
  return io;
}

Status Cluster::wait_for_latest_map() {
  if (const int rc = rados_.wait_for_latest_osdmap(); rc < 0)
    return fail(ceph_error(rc, "waiting for the latest map of OSDs"));
  return {};
}

port::CephAnswer Cluster::answer_for(const Error& error) const {
  port::CephAnswer answer = unconnected_answer(error);
  if (changes_.any()) answer.outcome = core::Outcome::kUnknown;
  return answer;
}

Status run_together(const std::vector<std::function<Status()>>& jobs) {
  std::vector<Status> results(jobs.size());
  for (std::size_t begin = 0; begin < jobs.size(); begin += kAtOnce) {
    const std::size_t end = std::min(begin + kAtOnce, jobs.size());
    std::vector<std::thread> threads;
    for (std::size_t i = begin; i < end; ++i)
      threads.emplace_back([&jobs, &results, i] { results[i] = jobs[i](); });
    for (std::thread& thread : threads) thread.join();
  }
  for (Status& result : results) {
    if (!result) return std::move(result);
  }
  return {};
}

port::CephAnswer unconnected_answer(const Error& error) {
  return {core::Outcome::kFailed, error.kind, error.what};
}

}  // namespace mold::ceph
