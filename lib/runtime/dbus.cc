#include "lib/runtime/dbus.h"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <utility>

#include "lib/base/check.h"
#include "lib/runtime/dbus_values.h"
#include "lib/runtime/journal_log.h"

namespace mold::runtime {
namespace {

constexpr std::string_view kOwnErrors = "org.moldha.Error.";
constexpr std::uint64_t kUidTimeoutUs = 5'000'000;

struct KindName {
  ErrorKind kind;
  std::string_view name;
};
constexpr std::array<KindName, 12> kKindNames{{
    {ErrorKind::kInvalid, "Invalid"},
    {ErrorKind::kNotFound, "NotFound"},
    {ErrorKind::kConflict, "Conflict"},
    {ErrorKind::kDenied, "Denied"},
    {ErrorKind::kUnsupported, "Unsupported"},
    {ErrorKind::kBusy, "Busy"},
    {ErrorKind::kTimeout, "Timeout"},
    {ErrorKind::kUnavailable, "Unavailable"},
    {ErrorKind::kCorrupt, "Corrupt"},
    {ErrorKind::kCancelled, "Cancelled"},
    {ErrorKind::kInternal, "Internal"},
    {ErrorKind::kUnknown, "Unknown"},
}};
// What others say. A missing answer means that the call may have had its effect.
constexpr std::array<KindName, 17> kForeignNames{{
    {ErrorKind::kUnavailable, "org.freedesktop.DBus.Error.ServiceUnknown"},
    {ErrorKind::kUnavailable, "org.freedesktop.DBus.Error.NameHasNoOwner"},
    {ErrorKind::kUnknown, "org.freedesktop.DBus.Error.NoReply"},
    {ErrorKind::kUnknown, "org.freedesktop.DBus.Error.Timeout"},
    {ErrorKind::kUnknown, "org.freedesktop.DBus.Error.TimedOut"},
    {ErrorKind::kUnknown, "org.freedesktop.DBus.Error.Disconnected"},
    {ErrorKind::kDenied, "org.freedesktop.DBus.Error.AccessDenied"},
    {ErrorKind::kDenied, "org.freedesktop.DBus.Error.AuthFailed"},
    {ErrorKind::kDenied, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"},
    {ErrorKind::kInvalid, "org.freedesktop.DBus.Error.InvalidArgs"},
    {ErrorKind::kInvalid, "org.freedesktop.DBus.Error.InvalidSignature"},
    {ErrorKind::kUnsupported, "org.freedesktop.DBus.Error.UnknownMethod"},
    {ErrorKind::kUnsupported, "org.freedesktop.DBus.Error.UnknownInterface"},
    {ErrorKind::kNotFound, "org.freedesktop.DBus.Error.UnknownObject"},
    {ErrorKind::kBusy, "org.freedesktop.DBus.Error.LimitsExceeded"},
    {ErrorKind::kNotFound, "org.freedesktop.systemd1.NoSuchUnit"},
    {ErrorKind::kConflict, "org.freedesktop.systemd1.UnitExists"},
}};

// A call under way, deleted with its slot.
struct PendingCall {
  std::function<void(sd_bus_message* reply)> done;
};

int on_reply(sd_bus_message* reply, void* raw, sd_bus_error*) {
  const auto call = std::exchange(static_cast<PendingCall*>(raw)->done, nullptr);
  if (call) call(reply);
  return 0;
}

Status call_message(sd_bus* bus, sd_bus_message* m, std::uint64_t timeout_us,
                    std::function<void(sd_bus_message*)> done) {
  auto* const pending = new PendingCall{std::move(done)};
  sd_bus_slot* slot = nullptr;
  const int r = sd_bus_call_async(bus, &slot, m, &on_reply, pending, timeout_us);
  if (r < 0) {
    delete pending;
    return fail(bus_error(r, "calling over D-Bus"));
  }
  sd_bus_slot_set_destroy_callback(slot, [](void* p) { delete static_cast<PendingCall*>(p); });
  sd_bus_slot_set_floating(slot, 1);
  sd_bus_slot_unref(slot);
  return {};
}

Result<DbusValues> take_reply(sd_bus_message* reply) {
  const sd_bus_error* const error = sd_bus_message_get_error(reply);
  if (error == nullptr) return read_dbus_values(reply);
  const std::string name = error->name == nullptr ? "" : error->name;
  const std::string text = error->message == nullptr ? name : error->message;
  return fail(dbus_error_kind(name), text);
}

}  // namespace

ErrorKind dbus_error_kind(std::string_view error_name) {
  if (error_name.starts_with(kOwnErrors)) {
    const std::string_view own = error_name.substr(kOwnErrors.size());
    for (const auto& entry : kKindNames) {
      if (entry.name == own) return entry.kind;
    }
  }
  for (const auto& entry : kForeignNames) {
    if (entry.name == error_name) return entry.kind;
  }
  return ErrorKind::kInternal;
}

struct DbusCall::State {
  MessagePtr message;
  std::string sender;
  uid_t uid = static_cast<uid_t>(-1);
  DbusValues args;
  std::string out;
  bool answered = false;
};

DbusCall::DbusCall(std::unique_ptr<State> state) : state_(std::move(state)) {}
DbusCall::~DbusCall() {
  if (!state_->answered) reply_error({ErrorKind::kInternal, "the call was not answered"});
}

const std::string& DbusCall::sender() const {
  return state_->sender;
}
uid_t DbusCall::uid() const {
  return state_->uid;
}
const DbusValues& DbusCall::args() const {
  return state_->args;
}

std::string_view DbusCall::text(std::size_t index) const {
  if (index >= state_->args.size()) return {};
  const auto* const text = std::get_if<std::string>(&state_->args[index]);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

void DbusCall::reply(const DbusValues& values) {
  if (state_->answered) return;
  sd_bus_message* raw = nullptr;
  if (sd_bus_message_new_method_return(state_->message.get(), &raw) < 0) return;
  const MessagePtr answer(raw);
  if (auto fits = append_values(raw, state_->out, values); !fits) {
    reply_error(fits.error());
    return;
  }
  state_->answered = true;
  // A caller that is gone does not miss the answer.
  static_cast<void>(sd_bus_send(nullptr, raw, nullptr));
}

void DbusCall::reply_error(const Error& error) {
  if (std::exchange(state_->answered, true)) return;
  std::string name(kOwnErrors);
  for (const auto& entry : kKindNames) {
    if (entry.kind == error.kind) name += entry.name;
  }
  const sd_bus_error raw{name.c_str(), error.what.c_str(), 0};
  static_cast<void>(sd_bus_reply_method_error(state_->message.get(), &raw));
}

struct Bus::Impl {
  struct Object {
    Impl* bus;
    std::vector<DbusMethod> methods;
    std::vector<DbusSignalSpec> signals;
    std::vector<sd_bus_vtable> table;
  };
  struct Watch {
    std::function<void(const DbusValues&)> handler;
  };

  EventLoop* loop = nullptr;
  sd_bus* bus = nullptr;
  std::list<Object> objects;  // stable places: sd-bus keeps pointers into them
  std::list<Watch> watches;
  std::function<void()> on_disconnected;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { sd_bus_flush_close_unref(bus); }

  Status attach(EventLoop& the_loop);
  void ask_uid_and_call(std::unique_ptr<DbusCall::State> state, const DbusMethod& method);
  static int on_method(sd_bus_message* m, void* object, sd_bus_error*);
  static int on_signal(sd_bus_message* m, void* watch, sd_bus_error*);
  static int on_lost(sd_bus_message* m, void* self, sd_bus_error*);
  static std::shared_ptr<DbusCall> make_call(std::unique_ptr<DbusCall::State> state) {
    return std::make_shared<DbusCall>(std::move(state));
  }
};

Status Bus::Impl::attach(EventLoop& the_loop) {
  loop = &the_loop;
  sd_bus_set_exit_on_disconnect(bus, 0);
  int r = sd_bus_attach_event(bus, loop->raw(), SD_EVENT_PRIORITY_NORMAL);
  if (r >= 0) {
    r = sd_bus_match_signal(bus, nullptr, nullptr, "/org/freedesktop/DBus/Local",
                            "org.freedesktop.DBus.Local", "Disconnected", &Impl::on_lost, this);
  }
  if (r < 0) return fail(bus_error(r, "attaching the bus to the loop"));
  return {};
}

int Bus::Impl::on_lost(sd_bus_message*, void* raw, sd_bus_error*) {
  log(LogLevel::kError, messages::kBusLost, "the connection to the bus is lost");
  const auto call = std::exchange(static_cast<Impl*>(raw)->on_disconnected, nullptr);
  if (call) call();
  return 0;
}

int Bus::Impl::on_signal(sd_bus_message* m, void* raw, sd_bus_error*) {
  const auto handler = static_cast<Watch*>(raw)->handler;
  const auto values = read_dbus_values(m);
  if (values) handler(*values);
  return 0;
}

int Bus::Impl::on_method(sd_bus_message* m, void* raw, sd_bus_error*) {
  auto* const object = static_cast<Object*>(raw);
  const std::string_view name = sd_bus_message_get_member(m);
  const auto method = std::find_if(object->methods.begin(), object->methods.end(),
                                   [name](const auto& x) { return x.name == name; });
  if (method == object->methods.end()) return -ENOENT;
  auto state = std::make_unique<DbusCall::State>();
  state->message.reset(sd_bus_message_ref(m));
  state->out = method->out;
  if (const char* const sender = sd_bus_message_get_sender(m); sender != nullptr) {
    state->sender = sender;
  }
  auto args = read_dbus_values(m);
  if (!args) {
    make_call(std::move(state))->reply_error(args.error());
    return 1;
  }
  state->args = std::move(*args);
  object->bus->ask_uid_and_call(std::move(state), *method);
  return 1;
}

// The bus knows who is behind a connection; asking it must not block the loop.
void Bus::Impl::ask_uid_and_call(std::unique_ptr<DbusCall::State> state, const DbusMethod& method) {
  sd_bus_message* raw = nullptr;
  int r = sd_bus_message_new_method_call(bus, &raw, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                         "org.freedesktop.DBus", "GetConnectionUnixUser");
  const MessagePtr question(raw);
  if (r >= 0) r = sd_bus_message_append_basic(raw, 's', state->sender.c_str());
  DbusCall::State* const place = state.get();
  const auto call = make_call(std::move(state));
  if (r < 0) {
    call->reply_error(bus_error(r, "asking who calls"));
    return;
  }
  const auto asked = call_message(
      bus, raw, kUidTimeoutUs, [call, place, handler = method.handler](sd_bus_message* reply) {
        const auto values = take_reply(reply);
        const auto* const uid =
            values && !values->empty() ? std::get_if<std::uint32_t>(&values->front()) : nullptr;
        if (uid == nullptr) {
          call->reply_error({ErrorKind::kDenied, "the bus does not tell who calls"});
          return;
        }
        place->uid = *uid;
        handler(call);
      });
  if (!asked) call->reply_error(asked.error());
}

Bus::Bus(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Bus::~Bus() = default;

Result<std::unique_ptr<Bus>> Bus::open_system(EventLoop& loop) {
  auto impl = std::make_shared<Impl>();
  if (const int r = sd_bus_open_system(&impl->bus); r < 0) {
    Error error = bus_error(r, "opening the system bus");
    error.kind = ErrorKind::kUnavailable;
    return fail(error);
  }
  MOLD_TRY_VOID(impl->attach(loop));
  return std::unique_ptr<Bus>(new Bus(std::move(impl)));
}

Result<std::unique_ptr<Bus>> Bus::open_address(EventLoop& loop, const std::string& address) {
  auto impl = std::make_shared<Impl>();
  int r = sd_bus_new(&impl->bus);
  if (r >= 0) r = sd_bus_set_address(impl->bus, address.c_str());
  if (r >= 0) r = sd_bus_set_bus_client(impl->bus, 1);
  if (r >= 0) r = sd_bus_start(impl->bus);
  if (r < 0) {
    Error error = bus_error(r, "opening the bus " + address);
    error.kind = ErrorKind::kUnavailable;
    return fail(error);
  }
  MOLD_TRY_VOID(impl->attach(loop));
  return std::unique_ptr<Bus>(new Bus(std::move(impl)));
}

Status Bus::request_name(const std::string& name) {
  const int r = sd_bus_request_name(impl_->bus, name.c_str(), 0);
  if (r >= 0) return {};
  Error error = bus_error(r, "asking for the bus name " + name);
  if (r == -EEXIST || r == -EALREADY) error.kind = ErrorKind::kConflict;
  return fail(error);
}

Status Bus::add_object(const std::string& path, const std::string& interface,
                       std::vector<DbusMethod> methods, std::vector<DbusSignalSpec> signals) {
  auto& object = impl_->objects.emplace_back();
  object.bus = impl_.get();
  object.methods = std::move(methods);
  object.signals = std::move(signals);
  object.table.push_back(SD_BUS_VTABLE_START(0));
  for (const auto& m : object.methods) {
    object.table.push_back(SD_BUS_METHOD(m.name.c_str(), m.in.c_str(), m.out.c_str(),
                                         &Impl::on_method, SD_BUS_VTABLE_UNPRIVILEGED));
  }
  for (const auto& s : object.signals) {
    object.table.push_back(SD_BUS_SIGNAL(s.name.c_str(), s.signature.c_str(), 0));
  }
  object.table.push_back(SD_BUS_VTABLE_END);
  const int r = sd_bus_add_object_vtable(impl_->bus, nullptr, path.c_str(), interface.c_str(),
                                         object.table.data(), &object);
  if (r < 0) {
    impl_->objects.pop_back();
    return fail(bus_error(r, "publishing " + interface + " at " + path));
  }
  return {};
}

Status Bus::emit(const std::string& path, const std::string& interface, const std::string& signal,
                 std::string_view signature, const DbusValues& values) {
  sd_bus_message* raw = nullptr;
  int r =
      sd_bus_message_new_signal(impl_->bus, &raw, path.c_str(), interface.c_str(), signal.c_str());
  if (r < 0) return fail(bus_error(r, "making a D-Bus signal"));
  const MessagePtr message(raw);
  MOLD_TRY_VOID(append_values(raw, signature, values));
  r = sd_bus_send(impl_->bus, raw, nullptr);
  if (r < 0) return fail(bus_error(r, "sending a D-Bus signal"));
  return {};
}

void Bus::call_async(const std::string& destination, const std::string& path,
                     const std::string& interface, const std::string& method,
                     std::string_view signature, const DbusValues& args, Duration timeout,
                     std::function<void(Result<DbusValues>)> done) {
  sd_bus_message* raw = nullptr;
  const int r = sd_bus_message_new_method_call(impl_->bus, &raw, destination.c_str(), path.c_str(),
                                               interface.c_str(), method.c_str());
  const MessagePtr message(raw);
  Status ready;
  if (r < 0) {
    ready = fail(bus_error(r, "making a D-Bus call"));
  } else {
    ready = append_values(raw, signature, args);
  }
  const auto shared = std::make_shared<std::function<void(Result<DbusValues>)>>(std::move(done));
  if (ready) {
    const auto timeout_us = static_cast<std::uint64_t>(std::max<std::int64_t>(timeout.count(), 1));
    ready = call_message(impl_->bus, raw, timeout_us * 1000,
                         [shared](sd_bus_message* reply) { (*shared)(take_reply(reply)); });
  }
  if (ready) return;
  // Told later, like every other answer.
  impl_->loop->post([shared, error = ready.error()] { (*shared)(fail(error)); });
}

Status Bus::watch_signal(const std::string& sender, const std::string& path,
                         const std::string& interface, const std::string& signal,
                         std::function<void(const DbusValues&)> handler) {
  const auto or_any = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
  auto& watch = impl_->watches.emplace_back();
  watch.handler = std::move(handler);
  const int r = sd_bus_match_signal_async(impl_->bus, nullptr, or_any(sender), or_any(path),
                                          or_any(interface), or_any(signal), &Impl::on_signal,
                                          nullptr, &watch);
  if (r < 0) {
    impl_->watches.pop_back();
    return fail(bus_error(r, "watching a D-Bus signal"));
  }
  return {};
}

void Bus::on_disconnected(std::function<void()> callback) {
  impl_->on_disconnected = std::move(callback);
}

sd_bus* Bus::raw() const {
  return impl_->bus;
}

}  // namespace mold::runtime
