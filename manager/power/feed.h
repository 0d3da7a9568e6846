#pragma once
// Names one switch of one host's power: its BMC, or another device (second feed, outlet, cluster
// fencer). Each has a line of its own, so that two feeds are cut at the same time. A value.
#include <compare>

#include "lib/base/ids.h"

namespace mold::manager {

struct Feed {
  HostId host;
  DeviceId device;  // none: the BMC

  friend auto operator<=>(const Feed&, const Feed&) = default;
};

}  // namespace mold::manager
