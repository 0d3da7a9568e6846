#pragma once
// The disks of VMs, whatever pool they lie on: made, removed, made ready for a start, and asked
// who has them open. Hands each disk to what its pool's kind calls for: files (disk_store.h),
// logical volumes (lvm_disks.h), RBD images (port::CephStorage). Decides nothing: whether a VM may
// start with what was read is the brain's to say (core/agent/disk_clients.h).
//
// Loop thread only; completions on the loop, exactly once, never inside the call, and none once it
// is destroyed. What it refers to outlives it.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agentd/storage/disk_store.h"
#include "agentd/storage/lvm_disks.h"
#include "core/agent/disk_clients.h"
#include "lib/port/ceph_storage.h"

namespace mold::agentd {

class VmDisks {
 public:
  struct Options {
    DiskStore::Options files;
    LvmDisks::Options lvm;
    // A start waits for it, and its leases are judged anew afterwards.
    Duration clients_deadline{5'000};
    Duration image_deadline{900'000};  // a template may be imported
    Duration remove_deadline{120'000};
  };
  struct Hooks {
    std::function<const wire::PoolInfo*(PoolId)> pool;
    // Whether files may be made there now: an NFS pool that is not mounted is a bare directory.
    std::function<Status(const wire::PoolInfo&)> ready;
    std::function<std::vector<std::string>()> own_addresses;
  };
  using Done = port::Hypervisor::Done;
  using Read = std::function<void(core::DiskReading)>;

  // Both may be null: RBD is refused then. `images` makes and removes, which may take minutes;
  // `clients` has to answer while a start waits.
  VmDisks(runtime::EventLoop& loop, Options options, port::CephStorage* clients,
          port::CephStorage* images);
  ~VmDisks();
  VmDisks(const VmDisks&) = delete;
  VmDisks& operator=(const VmDisks&) = delete;

  // Without hooks no pool is known, and everything is refused.
  void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }

  // All disks of the VM, one after the other; ends at the first that fails.
  void create(const core::VmSpec& spec, Done done);
  void remove(const core::VmSpec& spec, Done done);
  // Activates volumes, and reads the clients of all RBD disks.
  void read(const core::VmSpec& spec, Read done);

  [[nodiscard]] LvmDisks& lvm() { return lvm_; }

 private:
  struct Order;
  struct Reading;
  void next(const std::shared_ptr<Order>& order);
  void carry_out(const std::shared_ptr<Order>& order, const core::Disk& disk,
                 const wire::PoolInfo& pool);
  void image(const std::shared_ptr<Order>& order, const core::Disk& disk,
             const wire::PoolInfo& pool);
  void next_reading(const std::shared_ptr<Reading>& reading);
  void activate(const std::shared_ptr<Reading>& reading, const core::Disk& disk,
                const wire::PoolInfo& pool);
  void ask_clients(const std::shared_ptr<Reading>& reading, const wire::PoolInfo& pool);

  runtime::EventLoop& loop_;
  Options options_;
  port::CephStorage* clients_;
  port::CephStorage* images_;
  Hooks hooks_;
  DiskStore files_;
  LvmDisks lvm_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mold::agentd
