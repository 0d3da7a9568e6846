#pragma once
// The connection to libvirtd: made in a lane, watched by keepalive and close callback, made anew
// with growing pauses when it is lost. VMs do not depend on it: a libvirtd that restarts or hangs
// costs sight and control for a while, never a VM. Loop thread only; the handle may be used on lane
// threads. The EventBridge must be installed before start().
#include <libvirt/libvirt.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/base/rng.h"
#include "lib/base/time.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/worker_lane.h"

namespace mold::agentd {

// One opened connection. The last owner closes it, which may block: owners on the loop hand it to a
// lane (Connection does).
class LibvirtHandle {
 public:
  ~LibvirtHandle();
  LibvirtHandle(const LibvirtHandle&) = delete;
  LibvirtHandle& operator=(const LibvirtHandle&) = delete;

  [[nodiscard]] virConnectPtr raw() const { return raw_; }
  [[nodiscard]] bool kvm_usable() const { return kvm_usable_; }
  [[nodiscard]] const std::string& libvirt_version() const { return libvirt_version_; }
  [[nodiscard]] const std::string& hypervisor_version() const { return hypervisor_version_; }

 private:
  friend class Connection;
  LibvirtHandle() = default;
  virConnectPtr raw_ = nullptr;
  int lifecycle_id_ = -1;
  bool close_watched_ = false;
  std::shared_ptr<void> close_token_;  // what the close callback is told
  bool kvm_usable_ = false;
  std::string libvirt_version_;
  std::string hypervisor_version_;
};

class Connection {
 public:
  struct Options {
    std::string uri = "qemu:///system";
    int keepalive_interval_s = 3;
    unsigned keepalive_count = 3;
    Duration open_deadline{15'000};
    Duration retry_first{200};
    Duration retry_last{5'000};
  };
  struct Events {
    std::function<void()> on_up;
    std::function<void(const std::string& why)> on_down;
    // Of any domain; `event` and `detail` are libvirt's VIR_DOMAIN_EVENT_*.
    std::function<void(const std::string& uuid, int event, int detail)> on_lifecycle;
  };

  Connection(runtime::EventLoop& loop, runtime::WorkerLane& lane, Options options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start(Events events);
  // Null while there is none.
  [[nodiscard]] std::shared_ptr<LibvirtHandle> handle() const { return handle_; }
  // A call on it failed as calls on broken connections do: it is dropped and made anew.
  void give_up(const std::string& why);
  // Why there is no connection, for people.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  friend class LibvirtHandle;
  struct Link;  // what the C callbacks of one attempt know of us
  static Result<std::shared_ptr<LibvirtHandle>> open(const Options& options,
                                                     const std::shared_ptr<Link>& link);
  static void probe(LibvirtHandle& handle);
  static void on_close(virConnectPtr connection, int reason, void* opaque);
  static int on_domain_event(virConnectPtr connection, virDomainPtr domain, int event, int detail,
                             void* opaque);
  static void free_link(void* opaque);

  void try_open();
  void opened(std::uint64_t attempt, Result<std::shared_ptr<LibvirtHandle>> result);
  void lost(std::uint64_t attempt, const std::string& why);
  void retry();
  void drop_handle();

  runtime::EventLoop& loop_;
  runtime::WorkerLane& lane_;
  Options options_;
  Events events_;
  std::shared_ptr<LibvirtHandle> handle_;
  std::shared_ptr<Link> link_;
  std::uint64_t attempt_ = 0;
  Duration pause_{0};
  Rng rng_;
  std::string trouble_ = "not connected yet";
  runtime::Timer retry_timer_;
};

}  // namespace mold::agentd
