#pragma once
// --direct: the power of one host through a power driver, with no manager anywhere. Borrows loop
// and driver, which outlive it. One thread; blocks through the loop.
#include <string>

#include "fencing/fence_mold/fencer.h"
#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::fence_mold {

class DirectFencer final : public Fencer {
 public:
  // `target` is complete and was checked by the driver; `plug` is what the cluster calls the host.
  DirectFencer(runtime::EventLoop& loop, port::PowerControl& driver, port::PowerTarget target,
               std::string plug, Duration power_timeout, Say say);

  Result<core::PowerState> read() override;
  Status bring(core::PowerState wished, Duration at_most) override;
  // The one host, if the cluster named it.
  Result<std::vector<Plug>> list() override;
  Status monitor() override;

 private:
  Result<port::PowerResult> ask(core::PowerVerb verb, Duration limit);

  runtime::EventLoop& loop_;
  port::PowerControl& driver_;
  port::PowerTarget target_;
  std::string plug_;
  Duration power_timeout_;
  Say say_;
};

}  // namespace mold::fence_mold
