#include "fencing/ceph/program/run.h"

#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "fencing/ceph/program/blocklist.h"
#include "fencing/ceph/program/cluster.h"
#include "fencing/ceph/program/disks.h"
#include "fencing/ceph/program/guard.h"
#include "fencing/ceph/program/isolate.h"
#include "fencing/ceph/program/probe.h"
#include "fencing/ceph/program/users.h"

namespace mold::ceph {
namespace {

// An answer of the kind that this verb has.
std::string bare_answer(CephVerb verb, port::CephAnswer common, const IsolationProgress& progress) {
  const auto as = [&common](auto answer) {
    static_cast<port::CephAnswer&>(answer) = std::move(common);
    return answer;
  };
  switch (verb) {
    case CephVerb::kProbe:
      return encode_answer(as(port::CephPoolFacts{}));
    case CephVerb::kClients:
      return encode_answer(as(port::CephClients{}));
    case CephVerb::kGrant:
      return encode_answer(as(port::CephStorage::Key{}));
    case CephVerb::kIsolate: {
      auto answer = as(port::IsolationAnswer{});
      answer.listed.assign(progress.listed.begin(), progress.listed.end());
      return encode_answer(answer);
    }
    case CephVerb::kRemoveUser:
    case CephVerb::kRenew:
    case CephVerb::kLift:
    case CephVerb::kCreateDisk:
    case CephVerb::kRemoveDisk:
      break;
  }
  return encode_answer(common);
}

bool asks_for_cephx(CephVerb verb) {
  return verb == CephVerb::kProbe || verb == CephVerb::kIsolate;
}

std::string answer_of(Cluster& cluster, const CephRequest& request, bool anybody, Guard& guard,
                      IsolationProgress& progress) {
  switch (request.verb) {
    case CephVerb::kProbe:
      return encode_answer(probe(cluster, request, anybody, guard));
    case CephVerb::kClients:
      return encode_answer(clients(cluster, request, guard));
    case CephVerb::kGrant:
      guard.doing("changing client." + request.user);
      return encode_answer(grant(cluster, request));
    case CephVerb::kRemoveUser:
      guard.doing("removing client." + request.user);
      return encode_answer(remove_user(cluster, request));
    case CephVerb::kIsolate:
      return encode_answer(isolate(cluster, request, anybody, guard, progress));
    case CephVerb::kRenew:
      guard.doing("listing the clients anew");
      return encode_answer(renew(cluster, request));
    case CephVerb::kLift:
      guard.doing("taking the clients from the blocklist");
      return encode_answer(lift(cluster, request));
    case CephVerb::kCreateDisk:
      return encode_answer(create_disk(cluster, request, guard));
    case CephVerb::kRemoveDisk:
      break;
  }
  return encode_answer(remove_disk(cluster, request, guard));
}

}  // namespace

void run_request(const CephRequest& request, const Secret& key) {
  // Both live as long as the process: other threads use them until it ends.
  auto& progress = *new IsolationProgress;
  auto& changes = *new Changes;
  auto& guard = *new Guard(request.deadline, [&](const std::string& doing) {
    return bare_answer(request.verb,
                       {changes.last_word() ? core::Outcome::kUnknown : core::Outcome::kFailed,
                        ErrorKind::kTimeout, "no answer from the cluster in time (" + doing + ")"},
                       progress);
  });
  const auto end = [&](const Error& error) {
    guard.answer(bare_answer(request.verb, unconnected_answer(error), progress));
  };
  std::future<Result<bool>> stranger;
  if (asks_for_cephx(request.verb)) {
    stranger =
        std::async(std::launch::async, [&request] { return Cluster::lets_anybody_in(request); });
  }
  auto cluster = Cluster::connect(request, key, changes);
  if (!cluster) end(cluster.error());
  bool anybody = false;
  if (stranger.valid()) {
    const auto asked = stranger.get();
    if (!asked) end(asked.error());
    anybody = *asked;
  }
  guard.answer(answer_of(**cluster, request, anybody, guard, progress));
}

}  // namespace mold::ceph
