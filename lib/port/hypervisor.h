#pragma once
// The VMs of one host. Implemented by agentd/libvirt; a double in tests/ may stand in.
//
// Honest outcomes above all: kConfirmed means that the wished state was seen, kFailed that the call
// certainly changed nothing, kUnknown anything else (a call that timed out, a connection that broke
// under it). Decisions are not made here. Domains that are not ours are only counted.
//
// A call names VM and generation, and no other domain is ever touched. What stands in the way:
// * none with this UUID: destroy is confirmed, once no process of the VM is left either (kUnknown
//   until then); create_paused makes it, but fails with kConflict over a process that libvirt has
//   lost; the others fail with kNotFound.
// * another generation: destroy is confirmed, for the one that was meant is gone (kUnknown while
//   more processes than one may be there); the others fail with kConflict.
// * one that is not ours: every call fails with kConflict, destroy too.
//
// Loop thread only; completions come on the loop thread, exactly once, never inside the call.
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/engine/order.h"
#include "core/model/proof.h"
#include "core/model/vm.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/result.h"

namespace mold::port {

// Which VM a call is about; `uuid` finds the domain, `vm` and `generation` must agree with it.
struct VmRef {
  VmId vm;
  Generation generation;
  std::string uuid;
};

struct HypervisorResult {
  core::Outcome outcome = core::Outcome::kUnknown;
  bool exists = false;  // a domain of that VM exists after the call (when that was seen)
  ErrorKind error = ErrorKind::kUnknown;  // when not confirmed
  std::string text;
};

struct DomainList {
  std::vector<core::VmReport> ours;  // running or paused
  std::size_t foreign = 0;           // active domains that are not ours
};

class Hypervisor {
 public:
  using Done = std::function<void(HypervisorResult)>;

  struct Events {
    // A domain of ours was seen to appear, change or end.
    std::function<void(const core::VmReport&)> on_domain;
    // The complete list, after each (re)connection and now and then.
    std::function<void(const DomainList&)> on_list;
  };

  virtual ~Hypervisor() = default;
  // Before the first call of anything else; connects and goes on connecting by itself.
  virtual void start(Events events) = 0;

  // Makes the domain, not running. Finding this very generation is confirmed, too.
  virtual void create_paused(const VmRef& ref, const core::VmSpec& spec, Done done) = 0;
  virtual void resume(const VmRef& ref, Done done) = 0;
  // Asks the guest to power off (ACPI); confirmed means asked.
  virtual void shutdown(const VmRef& ref, Done done) = 0;
  // By force; confirmed means that the domain is gone.
  virtual void destroy(const VmRef& ref, Done done) = 0;
  // Asks the guest; confirmed means asked.
  virtual void reboot(const VmRef& ref, Done done) = 0;
  // As the reset button does, without asking.
  virtual void reset(const VmRef& ref, Done done) = 0;
};

}  // namespace mold::port
