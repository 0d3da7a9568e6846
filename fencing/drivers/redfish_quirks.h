#pragma once
// What is told about the BMCs of single vendors, as data: how often to ask, what their lists leave
// out, and what an admin should try. Nothing here may weaken the rule that only a state read back
// counts. Pure, any thread.
//
// `verified` says whether the row was seen on hardware by us. No row is: they come from vendors'
// documents and public issue threads, and are held against fakes only.
#include <string_view>

#include "lib/base/time.h"

namespace mold::fencing {

struct RedfishQuirk {
  std::string_view vendor;
  std::string_view match;      // part of the root's Vendor or the system's Manufacturer, any case
  std::string_view system_id;  // the usual one, for people
  Duration poll;               // read back no more often than this
  bool types_incomplete;       // does ResetTypes that it does not offer
  std::string_view advice;     // added when a request did not end well; may be empty
  bool verified;
};

// The row of this BMC, or one without quirks. Never null.
const RedfishQuirk& redfish_quirk(std::string_view vendor, std::string_view manufacturer);

}  // namespace mold::fencing
