#include "fencing/ceph/program/probe.h"

#include <cerrno>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "fencing/ceph/program/image_state.h"
#include "fencing/ceph/program/users.h"

namespace mold::ceph {
namespace {

using nlohmann::json;

// What the manager of the cluster (mgr) counts; without one it is not known.
void read_space(Cluster& cluster, const std::string& pool, port::CephPoolFacts& facts) {
  const auto out = cluster.ask({{"prefix", "df"}, {"format", "json"}});
  if (!out) return;
  const json df = json::parse(*out, nullptr, /*allow_exceptions=*/false);
  if (!df.is_object() || !df.contains("pools") || !df["pools"].is_array()) return;
  for (const json& one : df["pools"]) {
    if (!one.is_object() || one.value("name", "") != pool) continue;
    const json stats = one.value("stats", json::object());
    if (!stats.is_object()) continue;
    const auto number = [&stats](const char* name) {
      const auto found = stats.find(name);
      return found != stats.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
    };
    facts.free_bytes = number("max_avail");
    facts.total_bytes = facts.free_bytes + number("stored");
  }
}

Status read_facts(Cluster& cluster, const CephRequest& request, Guard& guard,
                  port::CephPoolFacts& facts) {
  guard.doing("looking for the pool");
  MOLD_TRY(auto io, cluster.pool(request.access.pool));
  if (const int rc = cluster.rados().cluster_fsid(&facts.fsid); rc < 0)
    return fail(ceph_error(rc, "reading the cluster's id"));
  guard.doing("reading an object");
  std::uint64_t size = 0;
  std::time_t changed = 0;
  const int rc = io.stat("rbd_directory", &size, &changed);
  if (rc < 0 && rc != -ENOENT)
    return fail(ceph_error(rc, "reading from pool " + request.access.pool));
  guard.doing("trying what this user may");
  MOLD_TRY(facts.may_fence, may_fence(cluster, io, {}));
  if (!facts.may_fence) facts.missing = line_for(cluster, request);
  read_space(cluster, request.access.pool, facts);
  return {};
}

Status read_clients(Cluster& cluster, const CephRequest& request, Guard& guard,
                    port::CephClients& answer) {
  MOLD_TRY(auto io, cluster.pool(request.access.pool));
  for (const std::string& name : request.images) {
    guard.doing("reading who has " + name + " open");
    MOLD_TRY(const ImageState state, read_image(io, name));
    const auto all = state.clients();
    answer.images.push_back({name, state.exists, {all.begin(), all.end()}});
  }
  return {};
}

}  // namespace

port::CephPoolFacts probe(Cluster& cluster, const CephRequest& request, bool anybody,
                          Guard& guard) {
  port::CephPoolFacts facts;
  facts.cephx = !anybody;
  if (const Status read = read_facts(cluster, request, guard, facts); !read) {
    static_cast<port::CephAnswer&>(facts) = cluster.answer_for(read.error());
    return facts;
  }
  facts.outcome = core::Outcome::kConfirmed;
  facts.text = "pool " + request.access.pool + " of cluster " + facts.fsid + " answers";
  if (!facts.cephx) facts.text += "; it asks nobody for a key";
  if (!facts.may_fence) facts.text += "; this user may not fence; to permit it: " + facts.missing;
  return facts;
}

port::CephClients clients(Cluster& cluster, const CephRequest& request, Guard& guard) {
  port::CephClients answer;
  if (const Status read = read_clients(cluster, request, guard, answer); !read) {
    answer.images.clear();
    static_cast<port::CephAnswer&>(answer) = cluster.answer_for(read.error());
    return answer;
  }
  answer.outcome = core::Outcome::kConfirmed;
  answer.text = "read " + std::to_string(answer.images.size()) + " images";
  return answer;
}

}  // namespace mold::ceph
