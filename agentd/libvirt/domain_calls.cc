#include "agentd/libvirt/domain_calls.h"

#include <libvirt/virterror.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>

#include "lib/base/text.h"

namespace mold::agentd {
namespace {

using core::Outcome;
using port::HypervisorResult;
using port::VmRef;

struct FreeDomain {
  void operator()(virDomain* domain) const { virDomainFree(domain); }
};
using Domain = std::unique_ptr<virDomain, FreeDomain>;

// Where a libvirt error leaves the question "was it carried out?".
ErrorKind kind_of(const virError& error) {
  // The connection broke, or its other side did not answer: the call may have been carried out.
  if (error.domain == VIR_FROM_RPC || error.domain == VIR_FROM_REMOTE) return ErrorKind::kUnknown;
  if (error.code == VIR_ERR_NO_DOMAIN) return ErrorKind::kNotFound;
  if (error.code == VIR_ERR_OPERATION_TIMEOUT) return ErrorKind::kUnknown;
  if (error.code == VIR_ERR_NO_CONNECT || error.code == VIR_ERR_INVALID_CONN) {
    return ErrorKind::kUnavailable;
  }
  if (error.code == VIR_ERR_AUTH_FAILED || error.code == VIR_ERR_ACCESS_DENIED ||
      error.code == VIR_ERR_OPERATION_DENIED) {
    return ErrorKind::kDenied;
  }
  if (error.code == VIR_ERR_NO_SUPPORT || error.code == VIR_ERR_ARGUMENT_UNSUPPORTED ||
      error.code == VIR_ERR_CONFIG_UNSUPPORTED || error.code == VIR_ERR_OPERATION_UNSUPPORTED) {
    return ErrorKind::kUnsupported;
  }
  if (error.code == VIR_ERR_OPERATION_INVALID || error.code == VIR_ERR_DOM_EXIST) {
    return ErrorKind::kConflict;
  }
  if (error.code == VIR_ERR_XML_ERROR || error.code == VIR_ERR_XML_DETAIL ||
      error.code == VIR_ERR_INVALID_ARG) {
    return ErrorKind::kInvalid;
  }
  return ErrorKind::kInternal;
}

HypervisorResult confirmed(bool exists, std::string text) {
  return {Outcome::kConfirmed, exists, ErrorKind::kInternal, std::move(text)};
}
HypervisorResult failed(bool exists, ErrorKind kind, std::string text) {
  return {Outcome::kFailed, exists, kind, std::move(text)};
}
// By the kind of the error: unknown stays unknown, everything else certainly failed.
HypervisorResult refused(bool exists, Error error) {
  const bool unknown = error.kind == ErrorKind::kUnknown;
  return {unknown ? Outcome::kUnknown : Outcome::kFailed, exists, error.kind,
          std::move(error.what)};
}

Result<std::optional<DomainIdentity>> identity_of(virDomain* domain) {
  const std::unique_ptr<char, void (*)(void*)> xml(
      virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, kMetadataUri, 0), &std::free);
  if (xml) {
    MOLD_TRY(const DomainIdentity identity, parse_identity_xml(xml.get()));
    return identity;
  }
  const virErrorPtr error = virGetLastError();
  if (error != nullptr && error->code == VIR_ERR_NO_DOMAIN_METADATA) return std::nullopt;
  return fail(libvirt_error("reading a domain's metadata"));
}

struct Power {
  core::DomainPower power = core::DomainPower::kRunning;
  bool io_error = false;  // see core::VmReport
};

core::DomainPower read_state(int state) {
  switch (static_cast<virDomainState>(state)) {
    case VIR_DOMAIN_PAUSED:
    case VIR_DOMAIN_PMSUSPENDED:
    case VIR_DOMAIN_CRASHED:
      return core::DomainPower::kPaused;  // its process is kept
    case VIR_DOMAIN_SHUTOFF:
      return core::DomainPower::kGone;
    case VIR_DOMAIN_NOSTATE:
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
    case VIR_DOMAIN_SHUTDOWN:
      return core::DomainPower::kRunning;
#ifdef VIR_ENUM_SENTINELS
    case VIR_DOMAIN_LAST:
      break;
#endif
  }
  return core::DomainPower::kRunning;
}

Result<Power> power_of(virDomain* domain) {
  int state = VIR_DOMAIN_NOSTATE;
  int reason = 0;
  if (virDomainGetState(domain, &state, &reason, 0) < 0) {
    return fail(libvirt_error("reading a domain's state"));
  }
  return Power{read_state(state),
               state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_IOERROR};
}

// The active domain of a UUID; null when there is none.
Result<Domain> find_active(virConnectPtr connection, const std::string& uuid) {
  Domain domain(virDomainLookupByUUIDString(connection, uuid.c_str()));
  if (!domain) {
    Error error = libvirt_error("looking for a domain");
    if (error.kind == ErrorKind::kNotFound) return Domain{};
    return fail(std::move(error));
  }
  const int active = virDomainIsActive(domain.get());
  if (active < 0) {
    Error error = libvirt_error("looking at a domain");
    if (error.kind == ErrorKind::kNotFound) return Domain{};
    return fail(std::move(error));
  }
  if (active == 0) return Domain{};
  return domain;
}

// Our domain of exactly that VM and generation. Without a value, `answer` is what to tell.
struct Found {
  Domain domain;  // null: absent, or see `answer`
  std::optional<HypervisorResult> answer;
  std::optional<DomainIdentity> other;  // one of ours, but not this one
};

Found find_ours(virConnectPtr connection, const VmRef& ref) {
  auto domain = find_active(connection, ref.uuid);
  if (!domain) {
    return {nullptr,
            HypervisorResult{Outcome::kFailed, true, domain.error().kind, domain.error().what},
            std::nullopt};
  }
  if (!*domain) return {};
  const auto identity = identity_of(domain->get());
  if (!identity) {
    return {nullptr, failed(true, identity.error().kind, identity.error().what), std::nullopt};
  }
  if (!*identity) {
    return {nullptr, failed(true, ErrorKind::kConflict, "a domain with this UUID is not ours"),
            std::nullopt};
  }
  if (**identity != DomainIdentity{ref.vm, ref.generation}) {
    return {nullptr,
            failed(true, ErrorKind::kConflict,
                   "generation " + std::to_string((*identity)->generation.value) + " of VM " +
                       std::to_string((*identity)->vm.value) + " is here"),
            **identity};
  }
  return {std::move(*domain), std::nullopt, std::nullopt};
}

HypervisorResult no_domain() {
  return failed(false, ErrorKind::kNotFound, "no such domain");
}

HypervisorResult not_known(std::string text) {
  return {Outcome::kUnknown, true, ErrorKind::kUnknown, std::move(text)};
}

std::string describe(const VmRecords::Remains& left) {
  if (left.processes.empty()) return "a dying QEMU may be of this VM";
  const QemuProcess& first = left.processes.front();
  return "libvirt has no such domain, but process " + std::to_string(first.pid) +
         " lives on (state " + first.state + ")";
}

// libvirt had no such domain at some moment after `since`.
HypervisorResult prove_gone(VmRecords& records, const std::string& uuid, std::uint64_t since,
                            std::string text) {
  const auto record = records.find(uuid);
  const auto left = records.end(uuid, since);
  if (!left) return not_known(left.error().what);
  if (!left->none()) return not_known(describe(*left));
  if (record && record->creating) return not_known("its creation is still under way");
  if (record) records.gone(uuid, record->identity);
  return confirmed(false, std::move(text));
}

// While one lives a creation keeps the VM's record.
class Creating {
 public:
  Creating(VmRecords& records, std::string uuid) : records_(records), uuid_(std::move(uuid)) {}
  ~Creating() { records_.end_create(uuid_); }
  Creating(const Creating&) = delete;
  Creating& operator=(const Creating&) = delete;

 private:
  VmRecords& records_;
  std::string uuid_;
};

}  // namespace

Error libvirt_error(std::string_view doing) {
  const virErrorPtr error = virGetLastError();
  if (error == nullptr || error->code == VIR_ERR_OK) {
    return Error{ErrorKind::kUnknown, std::string(doing) + ": libvirt gave no reason"};
  }
  return Error{kind_of(*error), std::string(doing) + ": " +
                                    (error->message == nullptr ? "no message" : error->message)};
}

HypervisorResult call_create_paused(virConnectPtr connection, const VmRef& ref,
                                    const std::string& xml, VmRecords& records) {
  const std::string uuid = to_lower(ref.uuid);
  const auto left = records.remains(uuid);
  if (!left) return not_known(left.error().what);
  if (!left->none()) {
    Found found = find_ours(connection, ref);
    if (found.domain) return confirmed(true, "was created before");
    return found.answer ? *found.answer : failed(true, ErrorKind::kConflict, describe(*left));
  }
  if (auto status = records.begin_create(uuid, {ref.vm, ref.generation}); !status) {
    return failed(false, status.error().kind, "record of the VM: " + status.error().what);
  }
  const Creating creating(records, uuid);
  const Domain made(virDomainCreateXML(connection, xml.c_str(), VIR_DOMAIN_START_PAUSED));
  if (made) {
    static_cast<void>(records.remains(uuid));  // learns which process it is
    return confirmed(true, "created");
  }
  Error error = libvirt_error("creating the domain");
  // libvirt takes back what it began; look whether that is so, and whether it was here before.
  Found found = find_ours(connection, ref);
  if (found.domain) return confirmed(true, "was created before");
  if (found.other) records.saw(uuid, *found.other);
  if (found.answer) {
    if (found.answer->error == ErrorKind::kConflict) return *found.answer;
    return not_known(error.what);
  }
  const auto after = records.remains(uuid);
  if (!after || !after->none()) return not_known(error.what);
  return refused(false, std::move(error));
}

HypervisorResult call_resume(virConnectPtr connection, const VmRef& ref) {
  Found found = find_ours(connection, ref);
  if (found.answer) return *found.answer;
  if (!found.domain) return no_domain();
  if (virDomainResume(found.domain.get()) < 0) {
    Error error = libvirt_error("resuming the domain");
    const auto power = power_of(found.domain.get());
    if (power && power->power == core::DomainPower::kRunning)
      return confirmed(true, "runs already");
    return refused(error.kind != ErrorKind::kNotFound, std::move(error));
  }
  const auto power = power_of(found.domain.get());
  if (!power) {
    return {Outcome::kUnknown, power.error().kind != ErrorKind::kNotFound, ErrorKind::kUnknown,
            power.error().what};
  }
  if (power->power == core::DomainPower::kRunning) return confirmed(true, "runs");
  return failed(power->power != core::DomainPower::kGone, ErrorKind::kInternal,
                "the domain does not run after its resume");
}

HypervisorResult call_shutdown(virConnectPtr connection, const VmRef& ref) {
  Found found = find_ours(connection, ref);
  if (found.answer) return *found.answer;
  if (!found.domain) return no_domain();
  if (virDomainShutdown(found.domain.get()) == 0) return confirmed(true, "asked to power off");
  Error error = libvirt_error("asking the guest to power off");
  return refused(error.kind != ErrorKind::kNotFound, std::move(error));
}

HypervisorResult call_destroy(virConnectPtr connection, const VmRef& ref, VmRecords& records) {
  const std::string uuid = to_lower(ref.uuid);
  std::uint64_t since = VmRecords::now_ticks();
  Found found = find_ours(connection, ref);
  if (found.other) {
    // libvirt runs one domain of a UUID at most, and that is not the one to destroy.
    const auto left = records.remains(uuid);
    if (!left) return not_known(left.error().what);
    if (left->processes.size() > 1) return not_known("more than one process has this UUID");
    if (const auto record = records.find(uuid); record && record->creating) {
      return not_known("a creation is still under way");
    }
    return confirmed(false, "not this one: " + found.answer->text);
  }
  if (found.answer) return *found.answer;
  if (!found.domain) return prove_gone(records, uuid, since, "no such domain");
  std::string why;
  if (virDomainDestroy(found.domain.get()) < 0) why = libvirt_error("destroying the domain").what;
  // Whatever it said: gone is what is not there any more.
  since = VmRecords::now_ticks();
  const auto after = find_active(connection, ref.uuid);
  if (after && !*after) return prove_gone(records, uuid, since, "destroyed");
  if (!after) why += (why.empty() ? "" : "; ") + after.error().what;
  return {Outcome::kUnknown, true, ErrorKind::kUnknown,
          why.empty() ? "the domain is still there" : why};
}

namespace {

HypervisorResult restart(virConnectPtr connection, const VmRef& ref,
                         int (*how)(virDomainPtr, unsigned), const char* doing, const char* done) {
  Found found = find_ours(connection, ref);
  if (found.answer) return *found.answer;
  if (!found.domain) return no_domain();
  if (how(found.domain.get(), 0) == 0) return confirmed(true, done);
  Error error = libvirt_error(doing);
  return refused(error.kind != ErrorKind::kNotFound, std::move(error));
}

}  // namespace

HypervisorResult call_reboot(virConnectPtr connection, const VmRef& ref) {
  return restart(connection, ref, virDomainReboot, "rebooting the domain", "asked to reboot");
}

HypervisorResult call_reset(virConnectPtr connection, const VmRef& ref) {
  return restart(connection, ref, virDomainReset, "resetting the domain", "reset");
}

namespace {

// What is to be seen of a VM of which libvirt had no domain at some moment after `since`.
Result<Sight> look_without_domain(VmRecords& records, const std::string& uuid,
                                  std::uint64_t since) {
  const auto record = records.find(uuid);
  if (!record || record->creating) return Sight{};  // never here, or its creation tells
  MOLD_TRY(const VmRecords::Remains left, records.end(uuid, since));
  if (left.none()) {
    records.gone(uuid, record->identity);
    return Sight{};
  }
  if (left.processes.empty()) return fail(ErrorKind::kBusy, describe(left));
  Sight sight;
  sight.present = true;
  sight.stray = true;
  sight.ours = core::VmReport{record->identity.vm, uuid, record->identity.generation,
                              core::DomainPower::kRunning, core::GoneReason::kUnknown};
  return sight;
}

}  // namespace

Result<Sight> call_look(virConnectPtr connection, const std::string& uuid, VmRecords& records) {
  const std::string key = to_lower(uuid);
  const std::uint64_t since = VmRecords::now_ticks();
  MOLD_TRY(const Domain domain, find_active(connection, uuid));
  if (!domain) return look_without_domain(records, key, since);
  Sight sight;
  sight.present = true;
  auto identity = identity_of(domain.get());
  if (!identity && identity.error().kind == ErrorKind::kNotFound) {  // just ended
    return look_without_domain(records, key, since);
  }
  if (!identity) return fail(std::move(identity).error());
  if (!*identity) return sight;
  auto power = power_of(domain.get());
  const bool ended =
      power ? power->power == core::DomainPower::kGone : power.error().kind == ErrorKind::kNotFound;
  if (ended) return look_without_domain(records, key, since);
  if (!power) return fail(std::move(power).error());
  records.saw(key, **identity);
  sight.ours = core::VmReport{
      (*identity)->vm, key, (*identity)->generation, power->power, core::GoneReason::kUnknown,
      power->io_error};
  return sight;
}

namespace {

// A VM that was here and that libvirt does not list: proven gone, or lost by libvirt.
Status add_lost(virConnectPtr connection, VmRecords& records, Listed& out) {
  bool learn = false;
  for (const VmRecords::Known& known : records.known()) {
    const bool listed =
        std::any_of(out.domains.ours.begin(), out.domains.ours.end(),
                    [&known](const core::VmReport& report) { return report.uuid == known.uuid; });
    learn |= listed && !known.has_process;
    if (listed || known.creating) continue;
    const auto sight = call_look(connection, known.uuid, records);
    if (!sight && sight.error().kind == ErrorKind::kInvalid) continue;  // there, counted as foreign
    if (!sight) return fail(sight.error());
    if (sight->ours) out.domains.ours.push_back(*sight->ours);
    out.strays |= sight->stray;
  }
  if (learn) static_cast<void>(records.remains({}));
  return {};
}

}  // namespace

Result<Listed> call_list(virConnectPtr connection, VmRecords& records) {
  virDomainPtr* raw = nullptr;
  const int count = virConnectListAllDomains(connection, &raw, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
  if (count < 0) return fail(libvirt_error("listing domains"));
  const std::unique_ptr<virDomainPtr, void (*)(void*)> list(raw, &std::free);
  std::vector<Domain> domains;
  for (virDomainPtr domain : std::span(raw, static_cast<std::size_t>(count))) {
    domains.emplace_back(domain);
  }
  Listed all;
  port::DomainList& out = all.domains;
  for (const Domain& domain : domains) {
    char uuid[VIR_UUID_STRING_BUFLEN] = {};
    if (virDomainGetUUIDString(domain.get(), uuid) < 0) {
      return fail(libvirt_error("reading a domain's UUID"));
    }
    auto sight = call_look(connection, uuid, records);
    if (!sight && sight.error().kind == ErrorKind::kInvalid) {
      ++out.foreign;  // carries our mark, but nothing that we could have written
      continue;
    }
    if (!sight) return fail(std::move(sight).error());
    if (sight->ours) {
      out.ours.push_back(*sight->ours);
      all.strays |= sight->stray;
    } else if (sight->present) {
      ++out.foreign;
    }
  }
  MOLD_TRY_VOID(add_lost(connection, records, all));
  return all;
}

}  // namespace mold::agentd
