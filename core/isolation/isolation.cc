#include "core/isolation/isolation.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"

namespace mold::core {
namespace {

bool is_one_ceph(const std::map<PoolId, Pool>& pools, PoolId a, PoolId b) {
  if (a == b) return true;
  const auto one = pools.find(a);
  const auto other = pools.find(b);
  return one != pools.end() && other != pools.end() && !one->second.ceph_fsid.empty() &&
         one->second.ceph_fsid == other->second.ceph_fsid;
}

}  // namespace

void add_clients(std::vector<std::string>& clients, const std::vector<std::string>& more) {
  clients.insert(clients.end(), more.begin(), more.end());
  std::sort(clients.begin(), clients.end());
  clients.erase(std::unique(clients.begin(), clients.end()), clients.end());
}

const PoolIsolation* find_isolation(const Host& host, PoolId pool) {
  const auto found =
      std::find_if(host.isolations.begin(), host.isolations.end(),
                   [pool](const PoolIsolation& isolation) { return isolation.pool == pool; });
  return found == host.isolations.end() ? nullptr : &*found;
}

PoolIsolation* find_isolation(Host& host, PoolId pool) {
  return const_cast<PoolIsolation*>(find_isolation(std::as_const(host), pool));
}

std::vector<std::string> images_on(const Vm& vm, const Pool& pool) {
  std::vector<std::string> images;
  const std::string prefix = pool.path + "/";
  for (const Disk& disk : vm.spec.disks) {
    if (disk.pool == pool.id && disk.path.compare(0, prefix.size(), prefix) == 0)
      images.push_back(disk.path.substr(prefix.size()));
  }
  return images;
}

bool is_covered(const IsolationRules& rules, const Host& host, const Vm& vm) {
  if (vm.spec.disks.empty()) return false;  // nothing of it is on any storage: nothing to isolate
  if (vm.clients.empty() && !rules.unseen_is_covered) return false;
  return std::all_of(vm.spec.disks.begin(), vm.spec.disks.end(), [&](const Disk& disk) {
    const PoolIsolation* const isolation = find_isolation(host, disk.pool);
    if (isolation == nullptr || isolation->lifting) return false;
    if (!isolation->proven && !(rules.unknown_counts && isolation->tries > 0)) return false;
    // Those of all its disks, whichever pool they are of: more than needed, and simpler to be sure
    // of.
    return std::includes(isolation->clients.begin(), isolation->clients.end(), vm.clients.begin(),
                         vm.clients.end());
  });
}

Duration isolation_backoff(const Policy& policy, int tries) {
  return std::min(policy.fence_retry_last, policy.isolation_retry * (1 << std::min(tries, 5)));
}

std::string explain(const PoolIsolation& isolation, Instant now) {
  std::string text = isolation.lifting    ? "it is reborn, access is being given back"
                     : isolation.proven   ? "proven, until the host boots anew"
                     : isolation.in_doubt ? "not proven yet"
                                          : "about to begin";
  text += ", " + std::to_string(isolation.clients.size()) + " clients";
  if (isolation.op) {
    text += ", waits for the answer to " + std::string(to_string(isolation.verb));
  } else if (!isolation.proven || isolation.lifting) {
    text += ", next try in " + seconds_text(isolation.next_try - now);
  }
  return isolation.last.empty() ? text : text + " (last: " + isolation.last + ")";
}

bool keeps_out(const std::map<PoolId, Pool>& pools, const Host& host, const Vm& vm) {
  const bool isolated = std::any_of(
      host.isolations.begin(), host.isolations.end(), [&](const PoolIsolation& isolation) {
        return std::any_of(vm.spec.disks.begin(), vm.spec.disks.end(), [&](const Disk& disk) {
          return is_one_ceph(pools, disk.pool, isolation.pool);
        });
      });
  return isolated ||
         std::any_of(vm.fences.begin(), vm.fences.end(), [&host](const ClientFence& fence) {
           return fence.host == host.id && !fence.gone;
         });
}

// No access is taken from its host, so a handle that is opened later is not covered. QEMU opens its
// disks once, and no order creates this generation again after it ran.
std::string not_to_be_fenced_alone(const std::map<PoolId, Pool>& pools, const Vm& vm) {
  if (!vm.host || (vm.state != VmState::kRunning && vm.state != VmState::kStopping))
    return "it does not run";
  for (const Disk& disk : vm.spec.disks) {
    const auto pool = pools.find(disk.pool);
    if (pool == pools.end() || pool->second.kind != PoolKind::kRbd)
      return "its disk " + disk.path +
             " is on no Ceph pool: only its host as a whole can be fenced";
  }
  if (vm.clients.empty()) return "who has its disks open was not seen yet";
  return {};
}

bool is_fenced_alone(const IsolationRules& rules, const Vm& vm) {
  if (!vm.host || vm.spec.disks.empty() || vm.clients.empty()) return false;
  return std::all_of(vm.spec.disks.begin(), vm.spec.disks.end(), [&](const Disk& disk) {
    return std::any_of(vm.fences.begin(), vm.fences.end(), [&](const ClientFence& fence) {
      return fence.pool == disk.pool && fence.host == vm.host &&
             fence.generation == vm.generation && fence.wanted &&
             (fence.proven || (rules.unknown_counts && fence.tries > 0)) &&
             std::includes(fence.clients.begin(), fence.clients.end(), vm.clients.begin(),
                           vm.clients.end());
    });
  });
}

}  // namespace mold::core
