#pragma once
// D-Bus messages to our plain values and back, for the .cc files of this folder only. Loop thread.
#include <systemd/sd-bus.h>

#include <memory>
#include <string_view>

#include "lib/base/result.h"
#include "lib/runtime/dbus.h"

namespace mold::runtime {

struct MessageUnref {
  void operator()(sd_bus_message* m) const { sd_bus_message_unref(m); }
};
using MessagePtr = std::unique_ptr<sd_bus_message, MessageUnref>;

// `r` is a negative errno.
inline Error bus_error(int r, std::string_view doing) {
  return errno_error(-r, doing);
}

// The values must fit the signature in number and type; kInternal otherwise.
Status append_values(sd_bus_message* m, std::string_view signature, const DbusValues& values);

}  // namespace mold::runtime
