#include "agentd/libvirt/event_bridge.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <sys/epoll.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace mold::agentd {
namespace {

using runtime::EventLoop;
using runtime::IoSource;
using runtime::Timer;

// `wanted` and `removed` are written under the bridge's lock by any thread and read on the loop;
// the sources belong to the loop.
struct Handle {
  int id = 0;
  int fd = -1;
  std::atomic<int> wanted{0};  // VIR_EVENT_HANDLE_*
  std::atomic<bool> removed{false};
  virEventHandleCallback callback = nullptr;
  virFreeCallback free_opaque = nullptr;
  void* opaque = nullptr;
  std::unique_ptr<IoSource> source;
};

struct Timeout {
  int id = 0;
  std::atomic<int> wanted{-1};  // ms; -1: off
  std::atomic<bool> removed{false};
  virEventTimeoutCallback callback = nullptr;
  virFreeCallback free_opaque = nullptr;
  void* opaque = nullptr;
  std::unique_ptr<Timer> timer;
};

struct Bridge {
  std::mutex mutex;
  EventLoop* loop = nullptr;  // all below: under the mutex
  int next_id = 1;
  std::map<int, std::shared_ptr<Handle>> handles;
  std::map<int, std::shared_ptr<Timeout>> timeouts;
};

// Never destroyed: threads that libvirt holds may outlive main().
Bridge& bridge() {
  static auto* const instance = new Bridge;
  return *instance;
}

std::uint32_t to_epoll(int events) {
  std::uint32_t out = 0;
  if ((events & VIR_EVENT_HANDLE_READABLE) != 0) out |= EPOLLIN;
  if ((events & VIR_EVENT_HANDLE_WRITABLE) != 0) out |= EPOLLOUT;
  return out;
}

int from_epoll(std::uint32_t events) {
  int out = 0;
  if ((events & EPOLLIN) != 0) out |= VIR_EVENT_HANDLE_READABLE;
  if ((events & EPOLLOUT) != 0) out |= VIR_EVENT_HANDLE_WRITABLE;
  if ((events & EPOLLERR) != 0) out |= VIR_EVENT_HANDLE_ERROR;
  if ((events & EPOLLHUP) != 0) out |= VIR_EVENT_HANDLE_HANGUP;
  return out;
}

// REQUIRES: the bridge's mutex is held, so that a task cannot be posted to a loop that detached.
void post_locked(std::function<void()> task) {
  if (bridge().loop != nullptr) bridge().loop->post(std::move(task));
}

// ---- on the loop --------------------------------------------------------------------------------

void apply(const std::shared_ptr<Handle>& handle) {
  if (handle->removed || !handle->source) return;
  handle->source->set_events(to_epoll(handle->wanted));
}

void open_source(EventLoop& loop, const std::shared_ptr<Handle>& handle) {
  if (handle->removed) return;
  Handle* const raw = handle.get();  // the source dies with the handle
  handle->source = std::make_unique<IoSource>(
      loop, handle->fd, to_epoll(handle->wanted), [raw](std::uint32_t events) {
        if (!raw->removed) raw->callback(raw->id, raw->fd, from_epoll(events), raw->opaque);
      });
}

void arm(const std::shared_ptr<Timeout>& timeout) {
  if (!timeout->timer) return;
  const int wanted = timeout->wanted;
  if (timeout->removed || wanted < 0) {
    timeout->timer->cancel();
    return;
  }
  timeout->timer->start_after(Duration{wanted}, [weak = std::weak_ptr(timeout)] {
    const auto self = weak.lock();
    if (!self || self->removed || self->wanted < 0) return;
    self->callback(self->id, self->opaque);
    arm(self);  // libvirt's timers go on until they are changed
  });
}

template <class Source>
void release(const std::shared_ptr<Source>& source) {
  if (source->free_opaque != nullptr) source->free_opaque(source->opaque);
  source->free_opaque = nullptr;
}

// ---- what libvirt calls, on any thread ----------------------------------------------------------

int add_handle(int fd, int events, virEventHandleCallback callback, void* opaque,
               virFreeCallback free_opaque) {
  auto handle = std::make_shared<Handle>();
  handle->fd = fd;
  handle->wanted = events;
  handle->callback = callback;
  handle->opaque = opaque;
  handle->free_opaque = free_opaque;
  const std::lock_guard lock(bridge().mutex);
  handle->id = bridge().next_id++;
  bridge().handles.emplace(handle->id, handle);
  post_locked([loop = bridge().loop, handle] { open_source(*loop, handle); });
  return handle->id;
}

void update_handle(int id, int events) {
  const std::lock_guard lock(bridge().mutex);
  const auto found = bridge().handles.find(id);
  if (found == bridge().handles.end()) return;
  found->second->wanted = events;
  post_locked([handle = found->second] { apply(handle); });
}

int remove_handle(int id) {
  const std::lock_guard lock(bridge().mutex);
  const auto found = bridge().handles.find(id);
  if (found == bridge().handles.end()) return -1;
  const std::shared_ptr<Handle> handle = found->second;
  handle->removed = true;
  bridge().handles.erase(found);
  post_locked([handle] {
    handle->source.reset();
    release(handle);
  });
  return 0;
}

int add_timeout(int frequency, virEventTimeoutCallback callback, void* opaque,
                virFreeCallback free_opaque) {
  auto timeout = std::make_shared<Timeout>();
  timeout->wanted = frequency;
  timeout->callback = callback;
  timeout->opaque = opaque;
  timeout->free_opaque = free_opaque;
  const std::lock_guard lock(bridge().mutex);
  timeout->id = bridge().next_id++;
  bridge().timeouts.emplace(timeout->id, timeout);
  post_locked([loop = bridge().loop, timeout] {
    if (timeout->removed) return;
    timeout->timer = std::make_unique<Timer>(*loop);
    arm(timeout);
  });
  return timeout->id;
}

void update_timeout(int id, int frequency) {
  const std::lock_guard lock(bridge().mutex);
  const auto found = bridge().timeouts.find(id);
  if (found == bridge().timeouts.end()) return;
  found->second->wanted = frequency;
  post_locked([timeout = found->second] { arm(timeout); });
}

int remove_timeout(int id) {
  const std::lock_guard lock(bridge().mutex);
  const auto found = bridge().timeouts.find(id);
  if (found == bridge().timeouts.end()) return -1;
  const std::shared_ptr<Timeout> timeout = found->second;
  timeout->removed = true;
  bridge().timeouts.erase(found);
  post_locked([timeout] {
    timeout->timer.reset();
    release(timeout);
  });
  return 0;
}

// Errors are returned and logged by who asked; libvirt's habit of printing them is switched off.
void drop_error(void*, virErrorPtr) {}

}  // namespace

Status EventBridge::install(EventLoop& loop) {
  static std::once_flag once;
  std::call_once(once, [] {
    virEventRegisterImpl(add_handle, update_handle, remove_handle, add_timeout, update_timeout,
                         remove_timeout);
    virSetErrorFunc(nullptr, drop_error);
  });
  const std::lock_guard lock(bridge().mutex);
  if (bridge().loop != nullptr) {
    return fail(ErrorKind::kConflict, "libvirt's events are attached to another loop");
  }
  bridge().loop = &loop;
  return {};
}

void EventBridge::detach() {
  std::map<int, std::shared_ptr<Handle>> handles;
  std::map<int, std::shared_ptr<Timeout>> timeouts;
  {
    const std::lock_guard lock(bridge().mutex);
    bridge().loop = nullptr;
    handles.swap(bridge().handles);
    timeouts.swap(bridge().timeouts);
  }
  // What libvirt holds behind `opaque` is left to it: its threads may still use it.
  for (const auto& [id, handle] : handles) {
    handle->removed = true;
    handle->source.reset();
  }
  for (const auto& [id, timeout] : timeouts) {
    timeout->removed = true;
    timeout->timer.reset();
  }
}

}  // namespace mold::agentd
