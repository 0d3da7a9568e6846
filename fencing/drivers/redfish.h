#pragma once
// Power through a BMC's Redfish service: HTTP and JSON over libcurl on the loop, no helper program.
// Off and on read the state first, act, and poll until the state is read back; what the BMC answers
// to the action itself proves nothing. Loop thread; the driver must outlive nothing but its loop.
//
// Options of a target (any other name is refused):
//   system      which machine behind this BMC: its Id, its UUID, or its whole path ("/redfish/v1/
//               Systems/1", which saves two requests). Needed when the BMC has several.
//   base        path of the service root, default /redfish/v1/
//   tls.verify  true or false, default the driver's setting
//   tls.ca      file with the CA (or the BMC's own certificate) to trust; absolute path
//   tls.pin     "sha256//BASE64" of the BMC's public key; then neither CA nor name is asked for
//
// Basic authentication first, because it leaves nothing behind in the BMC. A BMC that refuses it
// but has a session service gets a session, which is deleted before the answer (waiting for that at
// most 1 s; the deletion itself goes on for some seconds more).
#include <memory>
#include <string>

#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

struct RedfishSettings {
  bool use_https = true;
  bool ignore_ssl = false;             // no certificate checks, where a target does not say
  int retries = 2;                     // of a GET without an answer; busy ones (503) go on longer
  Duration call_timeout = 10'000ms;    // one HTTP exchange
  Duration connect_timeout = 3'000ms;  // name, TCP and TLS
  Duration poll = 100ms;               // between read-backs; later less often
  std::size_t body_limit = 1024 * 1024;
};

std::unique_ptr<port::PowerControl> make_redfish_driver(runtime::EventLoop& loop,
                                                        RedfishSettings settings = {});

}  // namespace mold::fencing
