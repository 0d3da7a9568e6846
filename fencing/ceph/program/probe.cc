#include "fencing/ceph/program/probe.h"

#include <cerrno>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "fencing/ceph/program/blocklist.h"
#include "fencing/ceph/program/image_state.h"
#include "fencing/ceph/program/users.h"

namespace mold::ceph {
namespace {

constexpr std::time_t kSoonSeconds = 60;
constexpr std::size_t kMostLate = 2;  // images without an answer; no other one is asked then

// What the manager of the cluster (mgr) counts; without one it is not known.
void read_space(Cluster& cluster, const std::string& pool, port::CephPoolFacts& facts) {
  const auto out = cluster.ask({{"prefix", "df"}, {"format", "json"}});
  if (!out) return;
  const PoolSpace space = parse_space(*out, pool).value_or(PoolSpace{});
  facts.free_bytes = space.free_bytes;
  facts.total_bytes = space.total_bytes;
}

// Who watches and is not kept out already: an entry that ends in a moment keeps nobody out.
std::vector<std::string> watching(const ImageState& state, const Blocklist& listed) {
  const WallTime soon{static_cast<std::int64_t>(std::time(nullptr) + kSoonSeconds) * 1'000};
  std::vector<std::string> live;
  for (const std::string& client : state.watchers) {
    const auto entry = listed.find(client);
    if (entry == listed.end() || entry->second.ms < soon.ms) live.push_back(client);
  }
  return live;
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

// Each image for itself: one that cannot be read is told as such. Only where nothing can be read,
// or a second one has no answer in time, is that the pool's trouble.
Status read_clients(Cluster& cluster, const CephRequest& request, Guard& guard,
                    port::CephClients& answer) {
  MOLD_TRY(auto io, cluster.pool(request.access.pool));
  std::vector<ImageState> states;
  bool watched = false;
  std::size_t unread = 0;
  std::size_t late = 0;
  Error last;
  for (const std::string& name : request.images) {
    guard.doing("reading who has " + name + " open");
    port::ImageClients one;
    one.image = name;
    ImageState state;
    auto read = late < kMostLate ? read_image(io, name) : Result<ImageState>(fail(last));
    if (read) {
      state = std::move(*read);
      one.exists = state.exists;
      watched = watched || !state.watchers.empty();
    } else {
      last = read.error();
      one.problem = last.what;
      ++unread;
      if (!is_refusal(last.kind)) ++late;
    }
    answer.images.push_back(std::move(one));
    states.push_back(std::move(state));
  }
  if (unread > 0 && unread == states.size()) return fail(last);
  Blocklist listed;
  if (watched) {
    guard.doing("reading the blocklist");
    MOLD_TRY(listed, read_blocklist(cluster));
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    const auto all = states[i].clients();
    answer.images[i].clients.assign(all.begin(), all.end());
    answer.images[i].watching = watching(states[i], listed);
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
