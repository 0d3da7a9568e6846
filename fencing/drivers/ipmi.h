#pragma once
// Power through a BMC with ipmitool: the tool an admin would type, as a child with its own deadline
// and the password in its environment (never in argv). Off and on read the state first, act, and
// poll until the state is read back. Loop thread; lives as long as the loop's rooms.
#include <memory>
#include <string>

#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

struct IpmiSettings {
  std::string program = "/usr/bin/ipmitool";
  std::string interface = "lanplus";
  std::string cipher_suite = "3";    // 3: SHA1, everywhere; 17: SHA256, newer BMCs
  std::string privilege;             // e.g. OPERATOR; empty: ipmitool's default
  int retries = 1;                   // -R: tries of one packet
  int timeout_s = 1;                 // -N: wait for one packet
  Duration call_deadline = 6'000ms;  // wall clock of one ipmitool run
  Duration poll = 100ms;             // between read-backs
};

std::unique_ptr<port::PowerControl> make_ipmi_driver(runtime::EventLoop& loop,
                                                     IpmiSettings settings = {});

}  // namespace mold::fencing
