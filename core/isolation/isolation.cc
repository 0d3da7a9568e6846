#include "core/isolation/isolation.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"

namespace mold::core {

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

bool keeps_out(const Host& host, const Vm& vm) {
  return std::any_of(
      host.isolations.begin(), host.isolations.end(),
      [&vm](const PoolIsolation& isolation) { return uses_pool(vm, isolation.pool); });
}

}  // namespace mold::core
