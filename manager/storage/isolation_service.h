#pragma once
// Carries out what the brain wants of Ceph pools: isolates hosts, renews that, gives access back,
// puts the clients of one VM off; and reads who has the disks of running VMs open, which is what
// the proof of an isolation rests on (core/isolation). Decides nothing.
//
// A grant that is under way is waited for: it would give back what is being taken. The brain's
// entry for the host keeps further ones away meanwhile (PoolKeys::Options::taken).
//
// Loop thread only. Lives after engine, inventory, keys and the port, dies before them.
#include <functional>
#include <map>
#include <memory>
#include <set>
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
    Duration look_every{1'000};      // for VMs whose clients are not known
    Duration read_again{60'000};     // whose clients are known
    Duration read_deadline{10'000};  // one reading
    std::size_t images_at_once = 200;
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
  // One look at VMs, over all their pools: a VM counts when each of its images had somebody.
  struct Round {
    std::map<VmId, Generation> vms;
    std::map<VmId, std::vector<std::string>> clients;
    std::set<VmId> incomplete;
    std::size_t waits_for = 0;
  };
  struct Waiting {
    core::RequestIsolation wanted;
    Instant until;
  };
  void isolate(const core::RequestIsolation& wanted, Instant until);
  void look_at_waiting();
  void give_back(const core::RequestIsolation& wanted);
  void answer(const core::RequestIsolation& wanted, const port::CephAnswer& said,
              std::vector<std::string> listed = {});
  void look();
  void read(const std::shared_ptr<Round>& round, const PoolRecord& pool,
            std::vector<std::pair<VmId, std::string>> images);
  void end(const Round& round);

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
  bool reading_ = false;
  std::map<VmId, std::pair<Generation, Instant>> read_at_;
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::manager
