#pragma once
// The driver of machines that no program can switch: it reads nothing, does nothing, and says who
// has to. So a ladder that ends with it fails with words instead of standing still, and the one way
// on, an operator's word, is named. Takes no options. Loop thread.
#include <memory>

#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

std::unique_ptr<port::PowerControl> make_manual_driver(runtime::EventLoop& loop);

}  // namespace mold::fencing
