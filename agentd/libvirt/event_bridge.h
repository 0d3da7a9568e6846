#pragma once
// libvirt's event implementation over our loop. libvirt registers, changes and removes its
// descriptors and timers from whatever thread makes a call (lane threads included), and it allows
// one implementation per process, for ever. So this is the one process-wide object of agentd: ids
// are handed out at once under a lock, everything else is posted to the loop, callbacks run on the
// loop only, and libvirt's free functions run there too, never inside a remove call.
//
// install() before the first libvirt connection. detach() before the loop dies: from then on
// registrations are accepted and do nothing (lane threads that are stuck in libvirt may still
// come). A later install() with another loop starts empty (tests).
#include "lib/base/result.h"
#include "lib/runtime/event_loop.h"

namespace mold::agentd {

class EventBridge {
 public:
  static Status install(runtime::EventLoop& loop);
  static void detach();

  EventBridge() = delete;
};

}  // namespace mold::agentd
