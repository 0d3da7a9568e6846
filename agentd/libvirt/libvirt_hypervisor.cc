#include "agentd/libvirt/libvirt_hypervisor.h"

#include <algorithm>
#include <utility>

#include "agentd/libvirt/ceph_secrets.h"
#include "lib/base/text.h"
#include "lib/runtime/journal_log.h"

namespace mold::agentd {
namespace {

using core::Outcome;
using port::HypervisorResult;
using port::VmRef;

constexpr std::size_t kThreads = 6;
constexpr std::size_t kQueue = 512;
constexpr Duration kCreateDeadline{60'000};
constexpr Duration kDestroyDeadline{45'000};  // libvirt itself waits 15-30 s for a stubborn QEMU
constexpr Duration kCallDeadline{15'000};
constexpr Duration kRetry{1'000};
constexpr Duration kLaneGrace{300};  // at exit; calls under way are libvirtd's business
constexpr int kSpoiltListLimit = 5;

core::GoneReason reason_of(int detail) {
  switch (static_cast<virDomainEventStoppedDetailType>(detail)) {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
      return core::GoneReason::kShutdown;
    case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
      return core::GoneReason::kKilled;
    case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
    case VIR_DOMAIN_EVENT_STOPPED_FAILED:
      return core::GoneReason::kCrashed;
    case VIR_DOMAIN_EVENT_STOPPED_MIGRATED:
    case VIR_DOMAIN_EVENT_STOPPED_SAVED:
    case VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT:
      return core::GoneReason::kUnknown;
#ifdef VIR_ENUM_SENTINELS
    case VIR_DOMAIN_EVENT_STOPPED_LAST:
      break;
#endif
  }
  return core::GoneReason::kUnknown;
}

HypervisorResult from_lane(Error error) {
  const bool unknown = error.kind == ErrorKind::kUnknown || error.kind == ErrorKind::kInternal;
  return {unknown ? Outcome::kUnknown : Outcome::kFailed, unknown, error.kind,
          "libvirt: " + error.what};
}

HypervisorResult secret_refused(const Error& error) {
  const bool unknown = error.kind == ErrorKind::kUnknown;
  return {Outcome::kFailed, false, unknown ? ErrorKind::kUnavailable : error.kind, error.what};
}

}  // namespace

LibvirtHypervisor::LibvirtHypervisor(runtime::EventLoop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      records_(std::make_shared<VmRecords>(options_.records_dir, options_.proc)),
      lane_(loop, "libvirt", kThreads, kQueue),
      connection_(loop, lane_, options_.connection),
      list_timer_(loop),
      alive_(std::make_shared<bool>(true)) {
  lane_.set_grace(kLaneGrace);
}

LibvirtHypervisor::~LibvirtHypervisor() {
  *alive_ = false;
}

void LibvirtHypervisor::start(Events events) {
  events_ = std::move(events);
  connection_.start({[this] { on_up(); }, [this](const std::string&) { list_timer_.cancel(); },
                     [this](const std::string& uuid, int event, int detail) {
                       on_lifecycle(uuid, event, detail);
                     }});
}

std::map<std::string, std::string> LibvirtHypervisor::facts() const {
  const auto handle = connection_.handle();
  if (!handle) return {};
  return {{"libvirt_version", handle->libvirt_version()},
          {"qemu_version", handle->hypervisor_version()},
          {"domain_type", domain_type()}};
}

std::string LibvirtHypervisor::domain_type() const {
  if (options_.domain_type != "auto") return options_.domain_type;
  const auto handle = connection_.handle();
  return handle && handle->kvm_usable() ? "kvm" : "qemu";
}

// ---- calls --------------------------------------------------------------------------------------

void LibvirtHypervisor::answer_later(Done done, HypervisorResult result) {
  loop_.post([done = std::move(done), result = std::move(result), alive = alive_] {
    if (*alive) done(result);
  });
}

void LibvirtHypervisor::submit(Job job, Duration deadline, Done done) {
  const auto handle = connection_.handle();
  if (!handle) {
    answer_later(std::move(done), {Outcome::kFailed, false, ErrorKind::kUnavailable,
                                   "libvirt: " + connection_.trouble()});
    return;
  }
  lane_.submit(
      [handle, job = std::move(job)]() -> Result<HypervisorResult> { return job(handle->raw()); },
      [done = std::move(done)](Result<HypervisorResult> result) {
        done(result ? std::move(*result) : from_lane(std::move(result).error()));
      },
      deadline);
}

Result<std::vector<DiskSource>> LibvirtHypervisor::sources_of(const core::VmSpec& spec) const {
  std::vector<DiskSource> sources;
  if (!find_pool_) return sources;
  for (const core::Disk& disk : spec.disks) {
    const wire::PoolInfo* const pool = find_pool_(disk.pool);
    if (pool == nullptr) return fail(ErrorKind::kNotFound, disk.path + ": its pool is not known");
    MOLD_TRY(DiskSource source, source_of(disk, *pool));
    sources.push_back(std::move(source));
  }
  return sources;
}

void LibvirtHypervisor::create_paused(const VmRef& ref, const core::VmSpec& spec, Done done) {
  DomainDefaults defaults = options_.defaults;
  defaults.type = domain_type();
  const auto sources = sources_of(spec);
  const auto xml =
      sources ? build_domain_xml(spec, DomainIdentity{ref.vm, ref.generation}, defaults, *sources)
              : Result<std::string>(fail(sources.error()));
  if (!xml) {
    answer_later(std::move(done), {Outcome::kFailed, false, xml.error().kind, xml.error().what});
    return;
  }
  std::map<std::string, CephAuth> secrets;
  for (const DiskSource& source : *sources) {
    if (source.auth) secrets.insert_or_assign(source.auth->secret_uuid, *source.auth);
  }
  for (const auto& [uuid, auth] : secrets) secrets_.insert_or_assign(uuid, auth);
  submit(
      [ref, xml = *xml, secrets = std::move(secrets), records = records_](virConnectPtr c) {
        for (const auto& [uuid, auth] : secrets) {
          // Whatever became of it, no domain was asked for yet.
          if (const Status defined = call_define_secret(c, auth); !defined) {
            return secret_refused(defined.error());
          }
        }
        return call_create_paused(c, ref, xml, *records);
      },
      kCreateDeadline,
      [this, ref, done = std::move(done)](HypervisorResult result) {
        if (result.exists && result.outcome == Outcome::kConfirmed) note_created(ref);
        done(std::move(result));
      });
}

void LibvirtHypervisor::note_created(const VmRef& ref) {
  const std::string uuid = to_lower(ref.uuid);
  known_[uuid] = DomainIdentity{ref.vm, ref.generation};
  if (listing_) created_while_listing_[uuid] = known_[uuid];
}

void LibvirtHypervisor::resume(const VmRef& ref, Done done) {
  submit([ref](virConnectPtr c) { return call_resume(c, ref); }, kCallDeadline, std::move(done));
}
void LibvirtHypervisor::shutdown(const VmRef& ref, Done done) {
  submit([ref](virConnectPtr c) { return call_shutdown(c, ref); }, kCallDeadline, std::move(done));
}
void LibvirtHypervisor::destroy(const VmRef& ref, Done done) {
  submit([ref, records = records_](virConnectPtr c) { return call_destroy(c, ref, *records); },
         kDestroyDeadline, std::move(done));
}
void LibvirtHypervisor::reboot(const VmRef& ref, Done done) {
  submit([ref](virConnectPtr c) { return call_reboot(c, ref); }, kCallDeadline, std::move(done));
}
void LibvirtHypervisor::reset(const VmRef& ref, Done done) {
  submit([ref](virConnectPtr c) { return call_reset(c, ref); }, kCallDeadline, std::move(done));
}

// ---- what is seen -------------------------------------------------------------------------------

// A libvirtd that restarted has forgotten them.
void LibvirtHypervisor::define_secrets() {
  const auto handle = connection_.handle();
  if (!handle || secrets_.empty()) return;
  lane_.submit(
      [handle, secrets = secrets_]() -> Result<bool> {
        for (const auto& [uuid, auth] : secrets) {
          MOLD_TRY_VOID(call_define_secret(handle->raw(), auth));
        }
        return true;
      },
      [](const Result<bool>& done) {
        // Tried again before the next start that needs one.
        if (!done) runtime::log_warning("libvirt: " + done.error().what);
      },
      kCallDeadline);
}

void LibvirtHypervisor::on_up() {
  define_secrets();
  list();
  list_timer_.start_periodic(options_.relist_period, [this] { list(); });
}

void LibvirtHypervisor::on_lifecycle(const std::string& uuid, int event, int detail) {
  const std::string key = to_lower(uuid);
  if (event == VIR_DOMAIN_EVENT_STOPPED) {
    reasons_[key] = reason_of(detail);
  } else if (event == VIR_DOMAIN_EVENT_STARTED) {
    reasons_.erase(key);
  }
  look(key);
}

void LibvirtHypervisor::look(const std::string& uuid) {
  const auto under_way = looks_.find(uuid);
  if (under_way != looks_.end()) {
    under_way->second.again = true;
    return;
  }
  const auto handle = connection_.handle();
  if (!handle) return;  // the list after the reconnection tells
  Look& asked = looks_[uuid];
  if (const auto known = known_.find(uuid); known != known_.end()) asked.asked = known->second;
  lane_.submit(
      [handle, uuid, records = records_] { return call_look(handle->raw(), uuid, *records); },
      [this, uuid](Result<Sight> sight) { looked(uuid, std::move(sight)); }, kCallDeadline);
}

void LibvirtHypervisor::looked(const std::string& uuid, Result<Sight> result) {
  const Look done = looks_[uuid];
  looks_.erase(uuid);
  if (!result) {
    runtime::log_warning("libvirt: " + result.error().what, {{"VM_UUID", uuid}});
    list_again_ = true;
    list_timer_.start_after(kRetry, [this] { on_up(); });
    return;
  }
  if (result->ours) {
    known_[uuid] = DomainIdentity{result->ours->vm, result->ours->generation};
    events_.on_domain(*result->ours);
    if (result->stray) list_timer_.start_after(kRetry, [this] { on_up(); });
  } else if (done.asked) {
    const auto known = known_.find(uuid);
    if (known != known_.end() && known->second == *done.asked) known_.erase(known);
    core::VmReport gone{done.asked->vm, uuid, done.asked->generation, core::DomainPower::kGone,
                        core::GoneReason::kUnknown};
    if (const auto reason = reasons_.find(uuid); reason != reasons_.end()) {
      gone.gone_reason = reason->second;
      reasons_.erase(reason);
    }
    events_.on_domain(gone);
  } else {
    reasons_.erase(uuid);
  }
  if (done.again) look(uuid);
}

void LibvirtHypervisor::list() {
  const auto handle = connection_.handle();
  if (!handle) return;
  if (listing_) {
    list_again_ = true;
    return;
  }
  listing_ = true;
  list_again_ = false;
  created_while_listing_.clear();
  lane_.submit([handle, records = records_] { return call_list(handle->raw(), *records); },
               [this](Result<Listed> result) { listed(std::move(result)); }, kCallDeadline);
}

void LibvirtHypervisor::listed(Result<Listed> result) {
  listing_ = false;
  if (!result) {
    runtime::log_warning("libvirt: " + result.error().what);
    // A list that overran or broke: the connection is not worth much.
    if (result.error().kind == ErrorKind::kUnknown) {
      connection_.give_up(result.error().what);
    } else {
      list_timer_.start_after(kRetry, [this] { on_up(); });
    }
    return;
  }
  if (!created_while_listing_.empty() && ++spoilt_lists_ <= kSpoiltListLimit) {
    list();
    return;
  }
  spoilt_lists_ = 0;
  for (const auto& [uuid, identity] : created_while_listing_) {
    const std::string& wanted = uuid;
    std::vector<core::VmReport>& ours = result->domains.ours;
    if (std::any_of(ours.begin(), ours.end(),
                    [&wanted](const auto& report) { return report.uuid == wanted; })) {
      continue;
    }
    ours.push_back({identity.vm, uuid, identity.generation, core::DomainPower::kPaused,
                    core::GoneReason::kUnknown});
    list_again_ = true;  // and soon as it really is
  }
  known_.clear();
  for (const core::VmReport& report : result->domains.ours) {
    known_[report.uuid] = DomainIdentity{report.vm, report.generation};
  }
  if (result->strays) list_timer_.start_after(kRetry, [this] { on_up(); });
  events_.on_list(result->domains);
  if (list_again_) list();
}

}  // namespace mold::agentd
