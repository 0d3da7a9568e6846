#include "agentd/brain_shell.h"

#include <utility>

#include "agentd/storage/disk_paths.h"
#include "lib/base/check.h"
#include "lib/runtime/journal_log.h"

namespace mold::agentd {
namespace {

// A lost lease must be noticed though nothing else happens.
constexpr Duration kTick{250};

std::string_view name_of(core::HypervisorVerb verb) {
  switch (verb) {
    case core::HypervisorVerb::kCreatePaused:
      return "create";
    case core::HypervisorVerb::kResume:
      return "resume";
    case core::HypervisorVerb::kShutdown:
      return "shutdown";
    case core::HypervisorVerb::kDestroy:
      return "destroy";
    case core::HypervisorVerb::kReboot:
      return "reboot";
    case core::HypervisorVerb::kReset:
      return "reset";
    case core::HypervisorVerb::kCreateDisk:
      return "create-disk";
    case core::HypervisorVerb::kDeleteDisk:
      return "delete-disk";
  }
  MOLD_UNREACHABLE();
}

}  // namespace

BrainShell::BrainShell(runtime::EventLoop& loop, port::Hypervisor& hypervisor, VmDisks& disks,
                       LeaseWatch& leases)
    : loop_(loop),
      hypervisor_(hypervisor),
      disks_(disks),
      leases_(leases),
      deadline_(loop),
      tick_(loop) {}

void BrainShell::start(Hooks hooks) {
  hooks_ = std::move(hooks);
  hypervisor_.start({[this](const core::VmReport& report) { observed(report); },
                     [this](const port::DomainList& list) {
                       foreign_ = list.foreign;
                       feed(core::DomainsListed{list.ours});
                     }});
  tick_.start_periodic(kTick, [this] { feed(core::AgentTimePassed{}); });
}

void BrainShell::feed(const core::AgentEvent& event) {
  const Instant now = loop_.now();
  for (const core::AgentAction& action : brain_.step(event, leases_.view(now), now)) {
    carry_out(action);
  }
  set_timer();
}

void BrainShell::set_timer() {
  const auto due = brain_.deadline();
  if (!due) return deadline_.cancel();
  deadline_.start_at(*due, [this] { feed(core::AgentTimePassed{}); });
}

void BrainShell::observed(core::VmReport report) {
  // mold-heartbeat kills QEMU itself; libvirt can only see it crash.
  if (report.gone_reason == core::GoneReason::kCrashed && leases_.any_lost()) {
    report.gone_reason = core::GoneReason::kSelfFenced;
  }
  feed(core::DomainObserved{std::move(report)});
}

void BrainShell::carry_out(const core::AgentAction& action) {
  if (const auto* const call = std::get_if<core::Hypervise>(&action)) return carry_out(*call);
  if (const auto* const read = std::get_if<core::ReadDisks>(&action)) return carry_out(*read);
  if (const auto* const send = std::get_if<core::SendResult>(&action)) {
    return hooks_.send_result(send->result);
  }
  if (std::holds_alternative<core::SendReport>(action)) return hooks_.send_report();
  hooks_.say_hello();
}

port::Hypervisor::Done BrainShell::completion(std::uint64_t call) {
  return [this, call](port::HypervisorResult result) {
    if (result.outcome != core::Outcome::kConfirmed) {
      runtime::log_warning("hypervisor: " + result.text, {{"CALL", std::to_string(call)}});
    }
    feed(core::HypervisorAnswered{call, result.outcome, result.exists, result.error,
                                  std::move(result.text)});
  };
}

void BrainShell::carry_out(const core::ReadDisks& read) {
  const auto answer = [this, call = read.call, vm = read.vm](core::DiskReading reading) {
    if (reading.outcome != core::Outcome::kConfirmed) {
      runtime::log_warning("disks of vm " + std::to_string(vm.value) + ": " + reading.text,
                           {{"CALL", std::to_string(call)}});
    }
    feed(core::DisksRead{call, std::move(reading)});
  };
  if (const Status paths = check_disk_paths(leases_.pools(), read.spec); !paths) {
    core::DiskReading bad;
    bad.outcome = core::Outcome::kFailed;
    bad.error = paths.error().kind;
    bad.text = paths.error().what;
    loop_.post([answer, bad] { answer(bad); });
    return;
  }
  disks_.read(read.spec, answer);
}

void BrainShell::refuse(const core::Hypervise& call, const Error& error) {
  loop_.post([done = completion(call.call), error] {
    done({core::Outcome::kFailed, false, error.kind, error.what});
  });
}

void BrainShell::carry_out(const core::Hypervise& call) {
  runtime::log_info("vm " + std::to_string(call.vm.value) + ": " + std::string(name_of(call.verb)),
                    {{"VM", std::to_string(call.vm.value)},
                     {"GENERATION", std::to_string(call.generation.value)},
                     {"CALL", std::to_string(call.call)}});
  const port::VmRef ref{call.vm, call.generation, call.spec.uuid};
  const Status paths = check_disk_paths(leases_.pools(), call.spec);
  switch (call.verb) {
    case core::HypervisorVerb::kCreatePaused:
      if (!paths) return refuse(call, paths.error());
      return hypervisor_.create_paused(ref, call.spec, completion(call.call));
    case core::HypervisorVerb::kResume:
      return hypervisor_.resume(ref, completion(call.call));
    case core::HypervisorVerb::kShutdown:
      return hypervisor_.shutdown(ref, completion(call.call));
    case core::HypervisorVerb::kDestroy:
      return hypervisor_.destroy(ref, completion(call.call));
    case core::HypervisorVerb::kReboot:
      return hypervisor_.reboot(ref, completion(call.call));
    case core::HypervisorVerb::kReset:
      return hypervisor_.reset(ref, completion(call.call));
    case core::HypervisorVerb::kCreateDisk:
      if (!paths) return refuse(call, paths.error());
      return disks_.create(call.spec, completion(call.call));
    case core::HypervisorVerb::kDeleteDisk:
      if (!paths) return refuse(call, paths.error());
      return disks_.remove(call.spec, completion(call.call));
  }
  MOLD_UNREACHABLE();
}

}  // namespace mold::agentd
