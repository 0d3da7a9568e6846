#include "agentd/libvirt/domain_calls.h"

#include <libvirt/virterror.h>

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

Result<core::DomainPower> power_of(virDomain* domain) {
  int state = VIR_DOMAIN_NOSTATE;
  if (virDomainGetState(domain, &state, nullptr, 0) < 0) {
    return fail(libvirt_error("reading a domain's state"));
  }
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
};

Found find_ours(virConnectPtr connection, const VmRef& ref) {
  auto domain = find_active(connection, ref.uuid);
  if (!domain)
    return {nullptr,
            HypervisorResult{Outcome::kFailed, true, domain.error().kind, domain.error().what}};
  if (!*domain) return {};
  const auto identity = identity_of(domain->get());
  if (!identity) return {nullptr, failed(true, identity.error().kind, identity.error().what)};
  if (!*identity) {
    return {nullptr, failed(true, ErrorKind::kConflict, "a domain with this UUID is not ours")};
  }
  if (**identity != DomainIdentity{ref.vm, ref.generation}) {
    return {nullptr, failed(true, ErrorKind::kConflict,
                            "generation " + std::to_string((*identity)->generation.value) +
                                " of VM " + std::to_string((*identity)->vm.value) + " is here")};
  }
  return {std::move(*domain), std::nullopt};
}

HypervisorResult no_domain() {
  return failed(false, ErrorKind::kNotFound, "no such domain");
}

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
                                    const std::string& xml) {
  const Domain made(virDomainCreateXML(connection, xml.c_str(), VIR_DOMAIN_START_PAUSED));
  if (made) return confirmed(true, "created");
  Error error = libvirt_error("creating the domain");
  // libvirt takes back what it began; look whether that is so, and whether it was here before.
  Found found = find_ours(connection, ref);
  if (found.domain) return confirmed(true, "was created before");
  if (found.answer) {
    if (found.answer->error == ErrorKind::kConflict) return *found.answer;
    return {Outcome::kUnknown, true, ErrorKind::kUnknown, error.what};
  }
  return refused(false, std::move(error));
}

HypervisorResult call_resume(virConnectPtr connection, const VmRef& ref) {
  Found found = find_ours(connection, ref);
  if (found.answer) return *found.answer;
  if (!found.domain) return no_domain();
  if (virDomainResume(found.domain.get()) < 0) {
    Error error = libvirt_error("resuming the domain");
    const auto power = power_of(found.domain.get());
    if (power && *power == core::DomainPower::kRunning) return confirmed(true, "runs already");
    return refused(error.kind != ErrorKind::kNotFound, std::move(error));
  }
  const auto power = power_of(found.domain.get());
  if (!power) {
    return {Outcome::kUnknown, power.error().kind != ErrorKind::kNotFound, ErrorKind::kUnknown,
            power.error().what};
  }
  if (*power == core::DomainPower::kRunning) return confirmed(true, "runs");
  return failed(*power != core::DomainPower::kGone, ErrorKind::kInternal,
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

HypervisorResult call_destroy(virConnectPtr connection, const VmRef& ref) {
  Found found = find_ours(connection, ref);
  if (found.answer) return *found.answer;
  if (!found.domain) return confirmed(false, "no such domain");
  std::string why;
  if (virDomainDestroy(found.domain.get()) < 0) why = libvirt_error("destroying the domain").what;
  // Whatever it said: gone is what is not there any more.
  const auto after = find_active(connection, ref.uuid);
  if (after && !*after) return confirmed(false, "destroyed");
  if (!after) why += (why.empty() ? "" : "; ") + after.error().what;
  return {Outcome::kUnknown, true, ErrorKind::kUnknown,
          why.empty() ? "the domain is still there" : why};
}

HypervisorResult call_reboot(virConnectPtr connection, const VmRef& ref) {
  Found found = find_ours(connection, ref);
  if (found.answer) return *found.answer;
  if (!found.domain) return no_domain();
  if (virDomainReboot(found.domain.get(), 0) == 0) return confirmed(true, "asked to reboot");
  Error error = libvirt_error("rebooting the domain");
  return refused(error.kind != ErrorKind::kNotFound, std::move(error));
}

Result<Sight> call_look(virConnectPtr connection, const std::string& uuid) {
  MOLD_TRY(const Domain domain, find_active(connection, uuid));
  if (!domain) return Sight{};
  Sight sight;
  sight.present = true;
  auto identity = identity_of(domain.get());
  if (!identity && identity.error().kind == ErrorKind::kNotFound) return Sight{};  // just ended
  if (!identity) return fail(std::move(identity).error());
  if (!*identity) return sight;
  auto power = power_of(domain.get());
  if (!power && power.error().kind == ErrorKind::kNotFound) return Sight{};
  if (!power) return fail(std::move(power).error());
  if (*power == core::DomainPower::kGone) return Sight{};
  sight.ours = core::VmReport{(*identity)->vm, to_lower(uuid), (*identity)->generation, *power,
                              core::GoneReason::kUnknown};
  return sight;
}

Result<port::DomainList> call_list(virConnectPtr connection) {
  virDomainPtr* raw = nullptr;
  const int count = virConnectListAllDomains(connection, &raw, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
  if (count < 0) return fail(libvirt_error("listing domains"));
  const std::unique_ptr<virDomainPtr, void (*)(void*)> list(raw, &std::free);
  std::vector<Domain> domains;
  for (virDomainPtr domain : std::span(raw, static_cast<std::size_t>(count))) {
    domains.emplace_back(domain);
  }
  port::DomainList out;
  for (const Domain& domain : domains) {
    char uuid[VIR_UUID_STRING_BUFLEN] = {};
    if (virDomainGetUUIDString(domain.get(), uuid) < 0) {
      return fail(libvirt_error("reading a domain's UUID"));
    }
    auto sight = call_look(connection, uuid);
    if (!sight && sight.error().kind == ErrorKind::kInvalid) {
      ++out.foreign;  // carries our mark, but nothing that we could have written
      continue;
    }
    if (!sight) return fail(std::move(sight).error());
    if (sight->ours) {
      out.ours.push_back(*sight->ours);
    } else if (sight->present) {
      ++out.foreign;
    }
  }
  return out;
}

}  // namespace mold::agentd
