#pragma once
// Power requests carried out by another host: networks of BMCs are often reachable from hosts only.
// Implemented over the agents' link; without one the manager does everything itself. Loop thread
// only; outlives everyone who is given it. Completions come on the loop, exactly once, never inside
// the call, and mean what they mean for port::PowerControl.
//
// An OpId is given to one executor at a time, and to another one, or again, only after its answer
// was kFailed: certainly not carried out. So an agent remembers what it carried out and answers
// that again, but tries a kFailed one anew. OpId 0 is a reading that nobody counts: never
// remembered.
#include <functional>
#include <vector>

#include "lib/port/power_control.h"

namespace mold::manager {

class PowerExecutor {
 public:
  virtual ~PowerExecutor() = default;

  // Its agent is connected and can take power requests.
  [[nodiscard]] virtual bool available(HostId executor) = 0;
  // The available ones of a cluster, by id.
  [[nodiscard]] virtual std::vector<HostId> candidates(ClusterId cluster) = 0;
  // An executor that vanishes before it answered: kUnknown. One that was never told: kFailed.
  virtual void request(HostId executor, OpId op, const port::PowerTarget& target,
                       core::PowerVerb verb, Duration deadline, port::PowerControl::Done done) = 0;
  virtual void identify(HostId executor, const port::PowerTarget& target, Duration deadline,
                        std::function<void(port::IdentityResult)> done) = 0;
};

}  // namespace mold::manager
