#pragma once
// The agent on the system bus, for `hactl` on this very host: works while the manager is away. A
// missing or broken bus costs nothing but this; it is looked for again now and then. Loop thread
// only.
//
//   org.mold.Agent1 at /org/mold/Agent1: Status() -> s, Vms() -> s, Leases() -> s (JSON each),
//   Reconnect() (drops the session with the manager and says hello again)
#include <functional>
#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/runtime/dbus.h"
#include "lib/runtime/event_loop.h"

namespace mold::agentd {

class BusObject {
 public:
  struct Hooks {
    std::function<std::string()> status;
    std::function<std::string()> vms;
    std::function<std::string()> leases;
    std::function<void()> reconnect;
  };

  // `where`: system, none, or an address such as "unix:path=/run/x/bus".
  BusObject(runtime::EventLoop& loop, std::string where, Hooks hooks);

  void start();
  [[nodiscard]] bool present() const { return bus_ != nullptr; }

 private:
  Status open();
  void try_open();

  runtime::EventLoop& loop_;
  std::string where_;
  Hooks hooks_;
  std::unique_ptr<runtime::Bus> bus_;
  bool complained_ = false;
  runtime::Timer retry_;
};

}  // namespace mold::agentd
