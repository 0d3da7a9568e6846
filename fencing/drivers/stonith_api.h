#pragma once
// The one place that knows libstonithd, the client library of Pacemaker's fencer: a connection,
// read through its file descriptor, that tells each fencing of the cluster as it ends. One per
// process (the library's callback carries no context), one thread.
//
// For a process of its own only (pacemaker_watch_main.cc): when the fencer dies in the middle of a
// dispatch(), the library of Pacemaker 2.1 asks a dead connection for ever whether it is ready.
#include <functional>
#include <memory>
#include <string>

#include "lib/base/result.h"

namespace mold::fencing {

struct FencingEvent {
  std::string node;
  std::string action;       // "off", "reboot", "on"
  std::string executioner;  // the member that carried it out; "a human" for a manual confirmation
  std::string client;       // who asked for it
  bool success = false;
};

class StonithConnection {
 public:
  // kUnavailable: no cluster runs here, or we may not talk to it.
  static Result<std::unique_ptr<StonithConnection>> open(
      const std::string& client_name, std::function<void(const FencingEvent&)> on_event);
  ~StonithConnection();
  StonithConnection(const StonithConnection&) = delete;
  StonithConnection& operator=(const StonithConnection&) = delete;

  // Becomes readable when there is something to dispatch; hangs up when the fencer is gone.
  [[nodiscard]] int fd() const { return fd_; }
  // Tells what has arrived. False: the connection is gone. Only while fd() has not hung up.
  bool dispatch();

 private:
  StonithConnection() = default;

  struct Library;
  std::unique_ptr<Library> library_;
  int fd_ = -1;
};

}  // namespace mold::fencing
