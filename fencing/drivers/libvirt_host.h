#pragma once
// Power of a host that is itself a VM (labs, nested clusters), through the libvirt of the machine
// below it: virsh as a child, so that nothing here links to libvirt or hangs with it. Off is
// `destroy`: the guest's process is killed, and "shut off" is read back. Loop thread.
//
// address is the connection URI of that libvirt, of the kinds that libvirt_uri.h lists; port,
// username and password are not used.
// Option of a target: domain (required), the host VM's name or UUID there.
//
// A domain that was migrated away or saved is "shut off" here and yet not dead: where libvirt says
// so, the reading is unknown. libvirt forgets the reason when it restarts, so a host VM that may
// migrate must not be fenced this way; pin it.
#include <memory>
#include <string>

#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

struct LibvirtHostSettings {
  std::string program = "/usr/bin/virsh";
  Duration call_deadline = 10'000ms;  // wall clock of one run
  Duration poll = 100ms;              // between read-backs
  std::size_t readings_at_once = 16;
};

std::unique_ptr<port::PowerControl> make_libvirt_host_driver(runtime::EventLoop& loop,
                                                             LibvirtHostSettings settings = {});

}  // namespace mold::fencing
