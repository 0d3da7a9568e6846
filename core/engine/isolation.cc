// Cutting a host off from the Ceph pools that its VMs live on: no device of the host's has to
// answer for it, so it works when the BMC died with its host. Begun under the same evidence as a
// power cut, beside it; whichever proves first frees the VMs.
#include "core/isolation/isolation.h"

#include <algorithm>
#include <utility>

#include "core/engine/stepper.h"
#include "core/fencing/ladder.h"

namespace mold::core {
namespace {

std::string pool_name(const State& state, PoolId id) {
  const auto pool = state.pools.find(id);
  return pool == state.pools.end() ? "pool " + std::to_string(id.value) : pool->second.name;
}

// Those that another host is isolated by. Whose image is whose may be read wrongly: a frozen host's
// client is found on a disk that was given to the next. It belongs to the one that had it first.
std::vector<std::string> without_others(const State& state, HostId host,
                                        std::vector<std::string> clients) {
  for (const auto& [id, other] : state.hosts) {
    if (id == host) continue;
    for (const PoolIsolation& isolation : other.isolations) {
      std::erase_if(clients, [&isolation](const std::string& client) {
        return std::binary_search(isolation.clients.begin(), isolation.clients.end(), client);
      });
    }
  }
  return clients;
}

// Nor are those of an earlier copy of this VM that was fenced alone.
std::vector<std::string> without_earlier(const Vm& vm, std::vector<std::string> clients) {
  for (const ClientFence& fence : vm.fences) {
    if (fence.generation == vm.generation) continue;
    std::erase_if(clients, [&fence](const std::string& client) {
      return std::binary_search(fence.clients.begin(), fence.clients.end(), client);
    });
  }
  return clients;
}

}  // namespace

// A reading counts only while the host is there: later the watch of its QEMU may have timed out,
// and somebody else's would stand for it.
void Stepper::on(const ClientsSeen& e) {
  Vm* vm = find(e.vm);
  if (vm == nullptr || vm->state != VmState::kRunning || vm->generation != e.generation) return;
  const Host* const host = find(vm->host);
  if (host == nullptr || !beats_now(*host)) return;
  std::vector<std::string> all = vm->clients;
  add_clients(all, without_others(s_, host->id, without_earlier(*vm, e.clients)));
  if (all == vm->clients) return;
  vm->clients = std::move(all);
  touch(*vm);
}

void Stepper::begin_isolation(Host& host, const StorageVerdict& storage) {
  if (silent_for(host) < b_.policy_.dead_after || beats_now(host)) return;
  if (doubted(host.cluster)) return;  // whoever has its VMs' images open may be another host's
  if (storage.liveness != Liveness::kSilent || brake_holds(host)) return;
  want_isolation(host);
}

// One entry for each Ceph pool that a VM of this host lies on. Written before anything goes out.
void Stepper::want_isolation(Host& host) {
  for (const auto& [id, pool] : s_.pools) {
    if (pool.kind != PoolKind::kRbd || pool.cluster != host.cluster) continue;
    std::vector<std::string> clients;
    bool used = false;
    for (const auto& [vm_id, vm] : s_.vms) {
      if (vm.host != host.id || !uses_pool(vm, id)) continue;
      used = true;
      add_clients(clients, vm.clients);
    }
    if (!used) continue;
    PoolIsolation* isolation = find_isolation(host, id);
    if (isolation == nullptr) {
      isolation = &host.isolations.emplace_back();
      isolation->pool = id;
      isolation->next_try = now_.mono;
      note(host, EvidenceKind::kVerdict, "to be isolated from pool " + pool.name);
      touch(host);
    }
    if (isolation->lifting) {  // it died again before that was done
      isolation->lifting = false;
      isolation->proven = false;
      if (isolation->tries > 0) isolation->next_try = now_.mono + b_.policy_.isolation_deadline;
      touch(host);
    }
    std::vector<std::string> all = isolation->clients;
    add_clients(all, clients);
    if (all == isolation->clients) continue;
    isolation->clients = std::move(all);
    isolation->proven = false;
    touch(host);
  }
}

// Begun isolations are brought to their end whatever the host does meanwhile: a QEMU whose client
// was on the list once never writes again, so its VM has to be started anew, and elsewhere.
void Stepper::look_at_isolations(Host& host) {
  if (host.isolations.empty() || doubted(host.cluster)) return;
  use_isolation_proof(host);
  for (PoolIsolation& isolation : host.isolations) {
    if (isolation.op || now_.mono < isolation.next_try) continue;
    if (isolation.lifting) {
      request_isolation(host, isolation, IsolationVerb::kLift);
    } else if (!isolation.proven) {
      // Nothing was done yet and it is back: let it be.
      if (!isolation.in_doubt && beats_now(host)) continue;
      request_isolation(host, isolation, IsolationVerb::kIsolate);
    } else if (!b_.isolation_rules_.never_renewed) {
      request_isolation(host, isolation, IsolationVerb::kRenew);
    } else {
      isolation.next_try = now_.mono + b_.policy_.isolation_renew;
    }
  }
  const auto untouched = [this, &host](const PoolIsolation& isolation) {
    return !isolation.op && !isolation.in_doubt && !isolation.proven &&
           (beats_now(host) || isolation.lifting);
  };
  if (std::erase_if(host.isolations, untouched) > 0) touch(host);
}

void Stepper::request_isolation(Host& host, PoolIsolation& isolation, IsolationVerb verb) {
  const auto pool = s_.pools.find(isolation.pool);
  RequestIsolation request;
  request.op = isolation.op = new_op();
  request.host = host.id;
  request.pool = isolation.pool;
  request.verb = isolation.verb = verb;
  request.clients = verb == IsolationVerb::kLift ? without_others(s_, host.id, isolation.clients)
                                                 : isolation.clients;
  request.expiry = b_.policy_.isolation_expiry;
  request.deadline = b_.policy_.isolation_deadline;
  if (verb == IsolationVerb::kIsolate && pool != s_.pools.end()) {
    for (const auto& [id, vm] : s_.vms) {
      if (vm.host != host.id) continue;
      for (std::string& image : images_on(vm, pool->second))
        request.images.push_back(std::move(image));
    }
  }
  isolation.images = request.images;
  isolation.doubted_before = isolation.in_doubt;
  isolation.in_doubt = true;
  touch(host);
  if (verb != IsolationVerb::kRenew)
    note(host, EvidenceKind::kAction,
         std::string(to_string(verb)) + " on pool " + pool_name(s_, isolation.pool) + ", try " +
             std::to_string(isolation.tries + 1) + ": " + std::to_string(isolation.clients.size()) +
             " known clients");
  turn_.actions.emplace_back(std::move(request));
}

void Stepper::on(const IsolationAnswered& e) {
  if (e.vm) {
    on_fence_answer(e);
    return;
  }
  Host* host = find(e.host);
  PoolIsolation* const isolation = host == nullptr ? nullptr : find_isolation(*host, e.pool);
  if (isolation == nullptr || !isolation->op || isolation->op != e.op) return;
  isolation->op = OpId{};
  isolation->images.clear();
  isolation->last = std::string(to_string(isolation->verb)) + " " +
                    std::string(to_string(e.outcome)) + ": " + e.text;
  add_clients(isolation->clients, e.listed);
  touch(*host);
  const bool confirmed = e.outcome == Outcome::kConfirmed;
  if (confirmed) {
    isolation->tries = 0;
  } else {
    ++isolation->tries;
  }
  isolation->next_try = now_.mono + isolation_backoff(b_.policy_, isolation->tries);
  if (!confirmed || isolation->verb != IsolationVerb::kRenew)
    note(*host, confirmed ? EvidenceKind::kReading : EvidenceKind::kAlarm,
         "pool " + pool_name(s_, e.pool) + ": " + isolation->last);
  // What was not confirmed may still land; the opposite is not asked for before that is over.
  const bool turned = isolation->lifting != (isolation->verb == IsolationVerb::kLift);
  if (turned) {
    isolation->next_try = confirmed ? now_.mono : now_.mono + b_.policy_.isolation_deadline;
    return;
  }
  switch (isolation->verb) {
    case IsolationVerb::kIsolate:
      isolation->proven =
          confirmed && std::includes(e.listed.begin(), e.listed.end(), isolation->clients.begin(),
                                     isolation->clients.end());
      // It failed before it did anything: nothing more to be taken back than before.
      if (e.outcome == Outcome::kFailed && e.listed.empty())
        isolation->in_doubt = isolation->doubted_before;
      // What was given before (a grant whose answer was lost) may land late: read back once more.
      if (confirmed) isolation->next_try = now_.mono + b_.policy_.isolation_deadline;
      wake_waiting_vms(host->cluster);
      return;
    case IsolationVerb::kRenew:
      if (confirmed) isolation->next_try = now_.mono + b_.policy_.isolation_renew;
      // It has access again, or that cannot be read: to be isolated anew.
      if (e.outcome == Outcome::kFailed) isolation->proven = false;
      return;
    case IsolationVerb::kLift:
      if (!confirmed) return;
      note(*host, EvidenceKind::kVerdict, "has access to pool " + pool_name(s_, e.pool) + " again");
      std::erase_if(host->isolations,
                    [&e](const PoolIsolation& other) { return other.pool == e.pool; });
      wake_waiting_vms(host->cluster);
      return;
    case IsolationVerb::kEvict:
    case IsolationVerb::kReadmit:
      return;  // of single VMs: on_fence_answer
  }
}

// Somebody's isolation is under way that lists whoever has this VM's images open: that must be over
// before another host opens them.
bool Stepper::is_being_isolated(const Vm& vm) const {
  return std::any_of(s_.hosts.begin(), s_.hosts.end(), [&](const auto& entry) {
    const auto& isolations = entry.second.isolations;
    return std::any_of(isolations.begin(), isolations.end(), [&](const PoolIsolation& isolation) {
      const auto pool = s_.pools.find(isolation.pool);
      if (!isolation.op || isolation.images.empty() || pool == s_.pools.end()) return false;
      const std::vector<std::string> own = images_on(vm, pool->second);
      return std::find_first_of(isolation.images.begin(), isolation.images.end(), own.begin(),
                                own.end()) != isolation.images.end();
    });
  });
}

// Frees the VMs that the isolation covers. The host stays to be proven dead for all else.
void Stepper::use_isolation_proof(Host& host) {
  const bool frees = std::any_of(s_.vms.begin(), s_.vms.end(), [&](const auto& entry) {
    return entry.second.host == host.id && is_covered(b_.isolation_rules_, host, entry.second);
  });
  if (!frees) return;
  Proof proof = make_isolation_proof(host);
  note(host, EvidenceKind::kProof, "storage-isolated: " + proof.reading);
  release_vms(host, proof);
  host.proof = std::move(proof);
  touch(host);
}

Proof Stepper::make_isolation_proof(const Host& host) const {
  Proof proof = make_proof(host, ProofMethod::kStorageIsolated, "");
  proof.whole_host = false;
  for (const PoolIsolation& isolation : host.isolations) {
    if (!isolation.proven || isolation.lifting) continue;
    proof.pools.push_back(isolation.pool);
    proof.reading +=
        (proof.reading.empty() ? "" : "; ") + pool_name(s_, isolation.pool) + ": " + isolation.last;
  }
  std::sort(proof.pools.begin(), proof.pools.end());
  return proof;
}

// Isolated from all that ran on it, and nothing is placed there any more.
bool Stepper::is_isolated_and_empty(const Host& host) const {
  if (host.isolations.empty()) return false;
  const bool isolated = std::all_of(
      host.isolations.begin(), host.isolations.end(),
      [](const PoolIsolation& isolation) { return isolation.proven && !isolation.lifting; });
  return isolated && std::none_of(s_.vms.begin(), s_.vms.end(), [&host](const auto& entry) {
           return entry.second.host == host.id ||
                  (entry.second.op && entry.second.op_host == host.id);
         });
}

// A power cut would free nobody any more, and one that goes on being tried hits the host when it
// boots together with its BMC. What is under way is waited for: it may still hit until then.
void Stepper::end_fencing_by_isolation(Host& host) {
  if (is_waiting(host.fence.ladder)) {
    set_reason(host,
               "isolated from its pools, no VM is left on it: waiting for the end of the power cut "
               "that is under way");
    return;
  }
  prove_dead(host, make_isolation_proof(host));
}

// The boot whose clients are listed is over.
void Stepper::lift_isolations(Host& host, const std::string& why) {
  for (PoolIsolation& isolation : host.isolations) {
    if (isolation.lifting) continue;
    isolation.lifting = true;
    isolation.next_try =
        isolation.tries > 0 ? now_.mono + b_.policy_.isolation_deadline : now_.mono;
    isolation.tries = 0;
    note(host, EvidenceKind::kVerdict,
         "to get access to pool " + pool_name(s_, isolation.pool) + " again: " + why);
    touch(host);
  }
}

}  // namespace mold::core
