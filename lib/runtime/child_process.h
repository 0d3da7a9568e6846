#pragma once
// Runs one program and collects what it says: no shell, a cleared environment, its own process
// group, every other descriptor closed, a deadline that kills the whole group. Loop thread only.
// When the program ends, what is left of its group is killed too. A process that left the group
// (setsid) escapes; what may do that belongs into a systemd unit.
#include <csignal>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"
#include "lib/runtime/event_loop.h"

namespace mold::runtime {

// A secret for the child, never in argv. Either way may be used, or both.
struct ChildSecret {
  Secret text;
  std::string env_name;  // e.g. "IPMI_PASSWORD"; empty: not in the environment
  bool as_fd3 = false;   // readable as /dev/fd/3 (a sealed memory file)
};

struct ChildSpec {
  std::string program;            // a path, or a name looked up in /usr/sbin:/usr/bin:/sbin:/bin
  std::vector<std::string> args;  // without argv[0]
  std::vector<std::pair<std::string, std::string>> env;  // all of it; PATH and LC_ALL=C are given
  std::string stdin_text;
  Duration deadline{10'000};
  std::size_t output_cap = 256 * 1024;  // bytes kept of stdout, and of stderr; the rest is dropped
  std::optional<ChildSecret> secret;
  std::string directory;  // working directory; empty: /
  // For a program that goes on and on: told stdout piece by piece as it comes, and nothing of it is
  // kept. May cancel the child.
  std::function<void(std::string_view)> on_output;
};

struct ChildResult {
  int exit_code = -1;      // -1 when it did not exit by itself
  int signal = 0;          // what killed it, 0 when it exited
  bool timed_out = false;  // killed by us at the deadline: what it did is not known
  bool truncated = false;  // output was longer than the cap
  std::string out;
  std::string err;
  Duration duration{0};

  [[nodiscard]] bool ok() const { return exit_code == 0 && !timed_out; }
};

// The result as a Status: exit 0 -> ok, deadline -> kUnknown, else kInternal with the code and the
// first line of stderr. `name` is what the message calls the program.
Status child_status(const ChildResult& result, std::string_view name);

// Owner of a running child: destroying it kills the group, and `done` is not called any more.
class ChildHandle {
 public:
  ChildHandle();
  ~ChildHandle();
  ChildHandle(ChildHandle&&) noexcept;
  ChildHandle& operator=(ChildHandle&&) noexcept;

  void cancel();
  // To the whole group, e.g. SIGTERM for a polite end before the deadline.
  void send_signal(int signal);
  [[nodiscard]] bool running() const;
  [[nodiscard]] int pid() const;  // 0 when not running

 private:
  friend ChildHandle run_child(EventLoop&, ChildSpec, std::function<void(Result<ChildResult>)>);
  struct State;
  explicit ChildHandle(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// Starts it. `done` is called once, on the loop, never inside this call. An error means that the
// program did not start: kNotFound, kDenied, kBusy (no processes or descriptors left), kInvalid.
[[nodiscard]] ChildHandle run_child(EventLoop& loop, ChildSpec spec,
                                    std::function<void(Result<ChildResult>)> done);

}  // namespace mold::runtime
