#include "fencing/drivers/redfish_quirks.h"

#include <string>

#include "lib/base/text.h"

namespace mold::fencing {
namespace {

constexpr RedfishQuirk kQuirks[] = {
    {"Dell iDRAC", "dell", "System.Embedded.1", 100ms, false,
     "an iDRAC refuses what its state does not allow with 400 or 409, and is strict about the name "
     "in its certificate",
     false},
    {"HPE iLO", "hpe", "1", 200ms, false,
     "an iLO may drop connections for minutes and has few sessions; iLO 4 speaks an older dialect",
     false},
    {"HPE iLO", "hewlett", "1", 200ms, false,
     "an iLO may drop connections for minutes and has few sessions; iLO 4 speaks an older dialect",
     false},
    {"Supermicro", "supermicro", "1", 1'000ms, true,
     "a Supermicro BMC may need seconds for one answer (give it a longer deadline) and a licence "
     "for "
     "parts of Redfish",
     false},
    {"Lenovo XCC", "lenovo", "1", 200ms, false,
     "an XCC wants the ETag of the newest version for every change", false},
    {"OpenBMC", "openbmc", "system", 250ms, false,
     "OpenBMC's power state lags by some seconds: give it a longer deadline", false},
};
constexpr RedfishQuirk kPlain = {"", "", "", 0ms, false, "", false};

}  // namespace

const RedfishQuirk& redfish_quirk(std::string_view vendor, std::string_view manufacturer) {
  const std::string names = to_lower(vendor) + "\n" + to_lower(manufacturer);
  for (const RedfishQuirk& quirk : kQuirks) {
    if (names.find(quirk.match) != std::string::npos) return quirk;
  }
  return kPlain;
}

}  // namespace mold::fencing
