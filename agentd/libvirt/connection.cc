#include "agentd/libvirt/connection.h"

#include <libvirt/virterror.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "agentd/libvirt/domain_calls.h"
#include "lib/runtime/journal_log.h"

namespace mold::agentd {
namespace {

std::string version_text(unsigned long version) {
  return std::to_string(version / 1'000'000) + "." + std::to_string(version / 1000 % 1000) + "." +
         std::to_string(version % 1000);
}

std::string close_reason(int reason) {
  if (reason == VIR_CONNECT_CLOSE_REASON_KEEPALIVE) return "libvirtd does not answer";
  if (reason == VIR_CONNECT_CLOSE_REASON_EOF) return "libvirtd closed the connection";
  return "the connection to libvirtd broke";
}

// At the end of the process: closing may block, and libvirtd notices by itself.
void leave_open(std::shared_ptr<LibvirtHandle> handle) {
  static auto* const left = new std::vector<std::shared_ptr<LibvirtHandle>>;
  left->push_back(std::move(handle));
}

}  // namespace

// Owned by our Connection and by every C callback that libvirt holds; `owner` is touched on the
// loop only, where libvirt's callbacks come, too.
struct Connection::Link {
  Connection* owner = nullptr;
  std::uint64_t attempt = 0;
};

LibvirtHandle::~LibvirtHandle() {
  if (raw_ == nullptr) return;
  if (lifecycle_id_ >= 0) virConnectDomainEventDeregisterAny(raw_, lifecycle_id_);
  if (close_watched_) virConnectUnregisterCloseCallback(raw_, &Connection::on_close);
  virConnectClose(raw_);
}

Connection::Connection(runtime::EventLoop& loop, runtime::WorkerLane& lane, Options options)
    : loop_(loop),
      lane_(lane),
      options_(std::move(options)),
      rng_(static_cast<std::uint64_t>(loop.wall().ms)),
      retry_timer_(loop) {}

Connection::~Connection() {
  if (link_) link_->owner = nullptr;
  if (handle_) leave_open(std::move(handle_));
}

void Connection::start(Events events) {
  events_ = std::move(events);
  try_open();
}

void Connection::free_link(void* opaque) {
  delete static_cast<std::shared_ptr<Link>*>(opaque);
}

void Connection::on_close(virConnectPtr, int reason, void* opaque) {
  const std::shared_ptr<Link> link = *static_cast<std::shared_ptr<Link>*>(opaque);
  if (link->owner == nullptr) return;
  // Not from inside libvirt's callback: what follows lets go of the connection.
  link->owner->loop_.post([link, reason] {
    if (link->owner != nullptr) link->owner->lost(link->attempt, close_reason(reason));
  });
}

int Connection::on_domain_event(virConnectPtr, virDomainPtr domain, int event, int detail,
                                void* opaque) {
  const std::shared_ptr<Link>& link = *static_cast<std::shared_ptr<Link>*>(opaque);
  if (link->owner == nullptr || link->attempt != link->owner->attempt_) return 0;
  char uuid[VIR_UUID_STRING_BUFLEN] = {};
  if (virDomainGetUUIDString(domain, uuid) == 0 && link->owner->handle_) {
    link->owner->events_.on_lifecycle(uuid, event, detail);
  }
  return 0;
}

// On a lane thread.
Result<std::shared_ptr<LibvirtHandle>> Connection::open(const Options& options,
                                                        const std::shared_ptr<Link>& link) {
  std::shared_ptr<LibvirtHandle> handle(new LibvirtHandle);
  handle->raw_ = virConnectOpen(options.uri.c_str());
  if (handle->raw_ == nullptr) return fail(libvirt_error("connecting to " + options.uri));
  // Owned by the handle, for drivers without this callback (test:///) say yes and never free it.
  // Safe: unregistering waits for a callback that is under way.
  const auto for_close = std::make_shared<std::shared_ptr<Link>>(link);
  handle->close_token_ = for_close;
  handle->close_watched_ = virConnectRegisterCloseCallback(handle->raw_, &Connection::on_close,
                                                           for_close.get(), nullptr) == 0;
  // Local drivers (test:///) have neither; 1 and errors mean just that.
  virConnectSetKeepAlive(handle->raw_, options.keepalive_interval_s, options.keepalive_count);
  auto* const for_events = new std::shared_ptr<Link>(link);
  handle->lifecycle_id_ = virConnectDomainEventRegisterAny(
      handle->raw_, nullptr, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
      VIR_DOMAIN_EVENT_CALLBACK(&Connection::on_domain_event), for_events, &free_link);
  if (handle->lifecycle_id_ < 0) {
    Error error = libvirt_error("asking libvirt for events");
    delete for_events;
    return fail(std::move(error));
  }
  probe(*handle);
  return handle;
}

void Connection::probe(LibvirtHandle& handle) {
  unsigned long version = 0;
  if (virConnectGetLibVersion(handle.raw_, &version) == 0) {
    handle.libvirt_version_ = version_text(version);
  }
  version = 0;
  if (virConnectGetVersion(handle.raw_, &version) == 0) {
    handle.hypervisor_version_ = version_text(version);
  }
  // libvirtd knows best whether KVM can be used; our own view of /dev may be a private one.
  char* const capabilities =
      virConnectGetDomainCapabilities(handle.raw_, nullptr, nullptr, nullptr, "kvm", 0);
  handle.kvm_usable_ = capabilities != nullptr;
  std::free(capabilities);
  virResetLastError();
}

void Connection::try_open() {
  const std::uint64_t attempt = ++attempt_;
  link_ = std::make_shared<Link>(Link{this, attempt});
  lane_.submit([options = options_, link = link_] { return open(options, link); },
               [link = link_](Result<std::shared_ptr<LibvirtHandle>> result) {
                 if (link->owner != nullptr) link->owner->opened(link->attempt, std::move(result));
               },
               options_.open_deadline);
}

void Connection::opened(std::uint64_t attempt, Result<std::shared_ptr<LibvirtHandle>> result) {
  if (attempt != attempt_) return;
  if (!result) {
    if (trouble_ != result.error().what) {
      trouble_ = result.error().what;
      runtime::log_warning("libvirt: " + trouble_);
    }
    retry();
    return;
  }
  handle_ = std::move(*result);
  pause_ = Duration{0};
  trouble_.clear();
  runtime::log_info("libvirt: connected, version " + handle_->libvirt_version(),
                    {{"KVM", handle_->kvm_usable() ? "yes" : "no"}});
  events_.on_up();
}

void Connection::give_up(const std::string& why) {
  if (handle_) lost(attempt_, why);
}

void Connection::lost(std::uint64_t attempt, const std::string& why) {
  if (attempt != attempt_ || !handle_) return;
  trouble_ = why;
  runtime::log_warning("libvirt: connection lost: " + why);
  link_->owner = nullptr;
  drop_handle();
  events_.on_down(why);
  retry();
}

void Connection::retry() {
  pause_ = std::clamp(pause_ * 2, options_.retry_first, options_.retry_last);
  const Duration pause{rng_.between(pause_.count() / 2, pause_.count())};
  retry_timer_.start_after(pause, [this] { try_open(); });
}

// Closing may block; where the lane does not take it either, the connection is left to leak.
void Connection::drop_handle() {
  if (!handle_) return;
  auto* const last = new std::shared_ptr<LibvirtHandle>(std::move(handle_));
  handle_.reset();
  lane_.submit(
      [last]() -> Result<bool> {
        delete last;
        return true;
      },
      [](const Result<bool>&) {}, Duration{10'000});
}

}  // namespace mold::agentd
