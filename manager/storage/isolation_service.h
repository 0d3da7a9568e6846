#pragma once
// Carries out what the brain wants of Ceph pools: isolates hosts, renews that, gives access back,
// puts the clients of one VM off; and reads who has the disks of running VMs open, which is what
// the proof of an isolation rests on (core/isolation). Decides nothing.
//
// A grant that is under way is waited for: it would give back what is being taken. The brain's
// entry for the host keeps further ones away meanwhile (PoolKeys::Options::taken).
//
// Each pool is read for itself, one reading at a time, its VMs in turn: a pool that hangs, a VM
// whose disk nobody has open or an image that cannot be read keeps no other VM from being seen.
//
// Loop thread only. Lives after engine, inventory, keys and the port, dies before them.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/action.h"
#include "lib/port/ceph_storage.h"
#include "lib/runtime/event_loop.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"
#include "manager/storage/pool_keys.h"

namespace mold::manager {

class IsolationService {
 public:
  struct Options {
    Duration look_every{1'000};        // for VMs whose clients are not known
    Duration read_again{60'000};       // whose clients are known
    Duration read_deadline{10'000};    // one reading
    std::size_t images_at_once = 200;  // in it
  };

  // What is to be told to the brain: IsolationAnswered, ClientsSeen.
  using Tell = std::function<void(const core::Event&)>;

  // `ceph` may be null: then every request fails, and says why.
  IsolationService(runtime::EventLoop& loop, const Engine& engine, const Inventory& inventory,
                   PoolKeys& keys, port::CephStorage* ceph, Tell tell, Options options);
  ~IsolationService();
  IsolationService(const IsolationService&) = delete;
  IsolationService& operator=(const IsolationService&) = delete;

  void start();
  // Answered by core::IsolationAnswered, once, never inside the call.
  void request(const core::RequestIsolation& wanted);

 private:
  // Who had all images of a VM on one pool open; and so for each of its pools.
  struct Sight {
    std::vector<std::string> clients;
    Instant at;
  };
  struct Seen {
    Generation generation;
    std::map<PoolId, Sight> on;
  };
  struct Turn {
    bool reading = false;
    Instant since;
    Instant rests_until;  // after a reading that failed, as long as that took
    VmId last;            // whose images were read last
  };
  // The images of one VM on the pool that is read.
  struct Wanted {
    VmId vm;
    Generation generation;
    std::vector<std::string> images;
  };
  struct Waiting {
    core::RequestIsolation wanted;
    Instant until;
  };
  [[nodiscard]] Result<port::CephAccess> access_for(const core::RequestIsolation& wanted) const;
  void isolate(const core::RequestIsolation& wanted, Instant until);
  [[nodiscard]] std::string isolated_user(const core::RequestIsolation& wanted) const;
  void look_at_waiting();
  void give_back(const core::RequestIsolation& wanted);
  void answer(const core::RequestIsolation& wanted, const port::CephAnswer& said,
              std::vector<std::string> listed = {});
  void look();
  [[nodiscard]] bool is_complete(const core::Vm& vm, const Seen& seen) const;
  [[nodiscard]] bool is_due(const core::Vm& vm, PoolId pool) const;
  [[nodiscard]] std::vector<Wanted> next_of(const core::Pool& pool, VmId last) const;
  void read(PoolId pool, Turn& turn);
  void take(PoolId pool, const std::vector<Wanted>& wanted, const port::CephClients& said);
  void tell_if_complete(const core::Vm& vm);

  runtime::EventLoop& loop_;
  const Engine& engine_;
  const Inventory& inventory_;
  PoolKeys& keys_;
  port::CephStorage* ceph_;
  Tell tell_;
  Options options_;
  runtime::Timer timer_;
  runtime::Timer waiting_timer_;
  std::vector<Waiting> waiting_;  // for a grant to end
  std::map<PoolId, Turn> turns_;
  std::map<VmId, Seen> seen_;
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::manager
