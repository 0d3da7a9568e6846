#pragma once
// port::Hypervisor on libvirt. Every call is a job of one lane, with its own deadline; a call that
// overruns is Unknown and its thread is stood in for. Events from libvirt are only hints: each
// makes us look at the domain, and what was seen is told. Loop thread only; the loop outlives it.
//
// What keeps a look or a list from telling an old truth:
//  - a look names the generation that was known when it was asked for; "absent" ends that one only;
//  - a domain whose creation ended while a list was being made is added to the list, for its job
//    may have looked before.
//
// The keys of Ceph users are given to libvirtd before every creation that needs them, and again
// when it comes back: it keeps them in memory only.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agentd/libvirt/connection.h"
#include "agentd/libvirt/disk_source.h"
#include "agentd/libvirt/domain_calls.h"
#include "agentd/libvirt/domain_xml.h"
#include "agentd/libvirt/vm_records.h"
#include "lib/port/hypervisor.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/worker_lane.h"

namespace mold::agentd {

class LibvirtHypervisor final : public port::Hypervisor {
 public:
  struct Options {
    Connection::Options connection;
    std::string domain_type = "auto";  // auto: kvm if libvirt can, else qemu
    DomainDefaults defaults;
    Duration relist_period{30'000};
    std::string records_dir;  // of vm_records.h; empty: not kept over a restart
    std::string proc = "/proc";
  };

  LibvirtHypervisor(runtime::EventLoop& loop, Options options);
  ~LibvirtHypervisor() override;

  // Tells the pool of a disk, null for one that is not known. Without it all disks are files.
  using FindPool = std::function<const wire::PoolInfo*(PoolId)>;
  void set_pools(FindPool find) { find_pool_ = std::move(find); }

  void start(Events events) override;
  void create_paused(const port::VmRef& ref, const core::VmSpec& spec, Done done) override;
  void resume(const port::VmRef& ref, Done done) override;
  void shutdown(const port::VmRef& ref, Done done) override;
  void destroy(const port::VmRef& ref, Done done) override;
  void reboot(const port::VmRef& ref, Done done) override;
  void reset(const port::VmRef& ref, Done done) override;

  // For facts and status.
  [[nodiscard]] bool connected() const { return connection_.handle() != nullptr; }
  [[nodiscard]] const std::string& trouble() const { return connection_.trouble(); }
  [[nodiscard]] std::map<std::string, std::string> facts() const;
  [[nodiscard]] runtime::LaneStats lane_stats() const { return lane_.stats(); }

 private:
  using Job = std::function<port::HypervisorResult(virConnectPtr)>;
  struct Look {
    bool again = false;                   // an event came while it was under way
    std::optional<DomainIdentity> asked;  // what was known when it was asked for
  };

  void submit(Job job, Duration deadline, Done done);
  void answer_later(Done done, port::HypervisorResult result);
  void on_up();
  void on_lifecycle(const std::string& uuid, int event, int detail);
  void look(const std::string& uuid);
  void looked(const std::string& uuid, Result<Sight> result);
  void list();
  void listed(Result<Listed> result);
  void note_created(const port::VmRef& ref);
  [[nodiscard]] std::string domain_type() const;
  [[nodiscard]] Result<std::vector<DiskSource>> sources_of(const core::VmSpec& spec) const;
  void define_secrets();

  runtime::EventLoop& loop_;
  Options options_;
  Events events_;
  FindPool find_pool_;
  std::map<std::string, CephAuth> secrets_;  // by UUID, that libvirtd was given or is to be given
  std::shared_ptr<VmRecords> records_;       // jobs that hang may outlive us
  runtime::WorkerLane lane_;
  Connection connection_;
  runtime::Timer list_timer_;
  std::shared_ptr<bool> alive_;                  // false once we are gone: late completions look
  std::map<std::string, DomainIdentity> known_;  // by UUID, domains of ours seen last
  std::map<std::string, core::GoneReason> reasons_;  // told by the latest stop event
  std::map<std::string, Look> looks_;                // under way
  bool listing_ = false;
  bool list_again_ = false;
  int spoilt_lists_ = 0;  // in a row
  std::map<std::string, DomainIdentity> created_while_listing_;
};

}  // namespace mold::agentd
