#pragma once
// The local bus: hactl talks to agentd with it, and systemd is asked over it. A thin owner of
// sd-bus attached to our loop; loop thread only. Arguments are plain values (no nested containers:
// what is structured travels as one JSON string). For anything richer, raw() gives the sd_bus.
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/runtime/event_loop.h"

struct sd_bus;
struct sd_bus_message;

namespace mold::runtime {

// Signature letters: b i u x t d s as. 'o' (object path) is read and written as a string, too.
using DbusValue = std::variant<bool, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t,
                               double, std::string, std::vector<std::string>>;
using DbusValues = std::vector<DbusValue>;

// One incoming method call. Shared; answer exactly once, now or later; dropped -> error reply.
class DbusCall {
 public:
  struct State;  // opaque
  explicit DbusCall(std::unique_ptr<State> state);
  ~DbusCall();
  DbusCall(const DbusCall&) = delete;
  DbusCall& operator=(const DbusCall&) = delete;

  [[nodiscard]] const std::string& sender() const;
  [[nodiscard]] uid_t uid() const;  // of the caller, as the bus knows it
  [[nodiscard]] const DbusValues& args() const;
  // The text argument at `index`; empty when it is not there or not a text.
  [[nodiscard]] std::string_view text(std::size_t index) const;
  // The values must fit the method's out signature.
  void reply(const DbusValues& values);
  // Error name: org.moldha.Error.<Kind>.
  void reply_error(const Error& error);

 private:
  std::unique_ptr<State> state_;
};

struct DbusMethod {
  std::string name;
  std::string in;   // signature
  std::string out;  // signature
  std::function<void(std::shared_ptr<DbusCall>)> handler;
};

struct DbusSignalSpec {
  std::string name;
  std::string signature;
};

class Bus {
 public:
  static Result<std::unique_ptr<Bus>> open_system(EventLoop& loop);
  // E.g. "unix:path=/run/test/bus".
  static Result<std::unique_ptr<Bus>> open_address(EventLoop& loop, const std::string& address);
  ~Bus();
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  // kConflict: somebody else has it. Blocks for one round trip to the bus: at start-up only.
  Status request_name(const std::string& name);

  // Publishes one interface at one path, for the life of the bus.
  Status add_object(const std::string& path, const std::string& interface,
                    std::vector<DbusMethod> methods, std::vector<DbusSignalSpec> signals = {});
  Status emit(const std::string& path, const std::string& interface, const std::string& signal,
              std::string_view signature, const DbusValues& values);
  // `done` once, on the loop. kTimeout never: an overdue call is kUnknown.
  void call_async(const std::string& destination, const std::string& path,
                  const std::string& interface, const std::string& method,
                  std::string_view signature, const DbusValues& args, Duration timeout,
                  std::function<void(Result<DbusValues>)> done);
  // Watches a signal for the life of the bus. Empty texts match anything.
  Status watch_signal(const std::string& sender, const std::string& path,
                      const std::string& interface, const std::string& signal,
                      std::function<void(const DbusValues&)> handler);

  // Once, when the connection to the bus is lost.
  void on_disconnected(std::function<void()> callback);
  [[nodiscard]] sd_bus* raw() const;

  struct Impl;  // opaque; public for the C callbacks of the .cc alone

 private:
  explicit Bus(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// For users of raw(): the values of a message from its read position, unsupported types end it.
Result<DbusValues> read_dbus_values(sd_bus_message* message);
// Maps a bus error name (and our own org.moldha.Error.*) to a kind.
ErrorKind dbus_error_kind(std::string_view error_name);

}  // namespace mold::runtime
