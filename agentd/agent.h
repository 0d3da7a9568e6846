#pragma once
// The agent: composition of its parts and the wiring between them. Loop thread only; dies before
// the loop. Starting it means: settings are good, libvirt's lane and the link are under way. It
// depends on neither libvirtd nor the manager being there, and whatever ends it leaves the VMs
// running.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agentd/brain_shell.h"
#include "agentd/config.h"
#include "agentd/control/bus_object.h"
#include "agentd/enrol/identity.h"
#include "agentd/enrol/renewal.h"
#include "agentd/host/facts.h"
#include "agentd/lease/lease_watch.h"
#include "agentd/lease/stall_meter.h"
#include "agentd/libvirt/libvirt_hypervisor.h"
#include "agentd/link/manager_link.h"
#include "agentd/pool_gauge.h"
#include "agentd/storage/nfs_mounts.h"
#include "agentd/storage/vm_disks.h"
#include "lib/port/ceph_storage.h"
#include "lib/port/fence_witness.h"
#include "lib/port/power_control.h"
#include "lib/runtime/tls_config.h"
#include "lib/runtime/worker_lane.h"

namespace mold::agentd {

class Agent {
 public:
  // Each may be none: no power requests are taken, no cluster software is listened to, no RBD pool
  // can be used.
  struct Rooms {
    std::unique_ptr<port::PowerControl> power;
    std::unique_ptr<port::FenceWitness> witness;
    std::unique_ptr<port::CephStorage> ceph;         // asked while a start waits
    std::unique_ptr<port::CephStorage> ceph_images;  // makes and removes images: may take minutes
  };
  Agent(runtime::EventLoop& loop, AgentConfig config, HostFacts facts, Rooms rooms = {});
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  Status start();
  // SIGHUP: certificates are read again.
  void reload();
  // A line for `systemctl status`.
  [[nodiscard]] std::string status_line() const;

 private:
  void find_identity();
  void adopt(Identity identity);
  void keep_renewed();
  [[nodiscard]] wire::HelloRequest make_hello();
  [[nodiscard]] wire::BeatRequest make_beat();
  [[nodiscard]] wire::ReportRequest make_report();
  void on_session(const wire::HelloRequest& said, const wire::HelloAnswer& answer);
  void on_order(const wire::Order& order);
  void take_pools(std::uint64_t version, const std::vector<wire::PoolInfo>& pools);
  void save_pools();
  void wire_storage();
  [[nodiscard]] core::PoolUse use_of(const wire::PoolInfo& pool);
  void measure_stall();
  void tell_systemd();
  void trim_later(Duration delay);
  [[nodiscard]] std::string status_text() const;

  runtime::EventLoop& loop_;
  AgentConfig config_;
  HostFacts facts_;
  Rooms rooms_;
  std::optional<Identity> identity_;
  std::optional<runtime::TlsConfig> tls_;
  std::string identity_trouble_;

  LeaseWatch leases_;
  StallMeter stall_;
  runtime::WorkerLane files_lane_;
  VmDisks disks_;
  NfsMounts mounts_;
  PoolGauge gauge_;
  LibvirtHypervisor hypervisor_;
  BrainShell brain_;
  ManagerLink link_;
  Renewal renewal_;
  BusObject bus_;

  std::string cluster_uuid_;
  std::uint64_t pools_version_ = 0;
  runtime::Timer identity_timer_;
  runtime::Timer stall_timer_;
  runtime::Timer status_timer_;
  runtime::Timer trim_timer_;
  runtime::Timer volumes_timer_;
  std::string told_;
};

}  // namespace mold::agentd
