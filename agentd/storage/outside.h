#pragma once
// Programs that this service itself could not be: mounting and logical volumes need capabilities,
// devices and the host's own mount namespace, and the unit of mold-agentd has none of these
// (systemd/mold-agentd.service.in). systemd runs them as a unit of their own, and we wait for that.
// Killing the waiting program does not end the unit, so the unit has a deadline, too.
#include <string>
#include <vector>

#include "lib/runtime/child_process.h"

namespace mold::agentd {

// How such programs are started: with systemd-run, or (no runner) directly, as in tests and where
// agentd is not confined.
struct Outside {
  std::string runner;
};

runtime::ChildSpec outside(const Outside& how, const std::string& program,
                           const std::vector<std::string>& arguments, Duration deadline);

}  // namespace mold::agentd
