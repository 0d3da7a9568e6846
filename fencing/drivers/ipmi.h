#pragma once
// Power through a BMC with ipmitool: the tool an admin would type, as a child with its own deadline
// and the password in its environment (never in argv). Off and on read the state first, act, and
// poll until the state is read back. Loop thread; lives as long as the loop's rooms.
//
// Options of a target (lib/port/power_control.h), each instead of the setting of the same name:
//   interface  lanplus or lan (IPMI 1.5)         retries  of one packet, 0-10
//   cipher     0-17; 3 everywhere, 17 newer      timeout  s to wait for one packet, 1-30
//   privilege  CALLBACK, USER, OPERATOR or ADMINISTRATOR
#include <memory>
#include <string>

#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

struct IpmiSettings {
  std::string program = "/usr/bin/ipmitool";
  // HOME of ipmitool. At each start it reads a registry of all vendors, 4.7 MB of text and four
  // fifths of its work; a registry of nobody under this HOME (installed with us) spares that. Where
  // the folder is missing, it reads the big one.
  std::string home = "/usr/share/mold/ipmitool";
  std::string interface = "lanplus";
  std::string cipher_suite = "3";    // 3: SHA1, everywhere; 17: SHA256, newer BMCs
  std::string privilege;             // e.g. OPERATOR; empty: ipmitool's default
  int retries = 1;                   // -R: tries of one packet
  int timeout_s = 1;                 // -N: wait for one packet
  Duration call_deadline = 6'000ms;  // wall clock of one ipmitool run
  Duration poll = 100ms;             // between read-backs
  // Readings of the power state at the same time; more wait in line. So that a poll of hundreds of
  // BMCs does not starve itself, nor the fencing beside it, which never waits.
  std::size_t readings_at_once = 16;
};

std::unique_ptr<port::PowerControl> make_ipmi_driver(runtime::EventLoop& loop,
                                                     IpmiSettings settings = {});

}  // namespace mold::fencing
