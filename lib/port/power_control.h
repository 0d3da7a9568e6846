#pragma once
// Power of one host, through its BMC or whatever else can cut it. Implemented by fencing/drivers;
// every implementation, and every fake in tests/, passes tests/contract/power_control_contract.h.
//
// The rule above all: success is a state read back, never a return code; unreachable is unknown.
// Loop thread only; completions come on the loop thread, exactly once, also after cancel
// (kCancelled is reported as Unknown if something may have been sent).
#include <functional>
#include <memory>
#include <string>

#include "core/engine/event.h"
#include "core/model/power_target.h"
#include "lib/base/error.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"

namespace mold::port {

using core::PowerTarget;

// What a power device says about the machine that it switches; empty where it does not say.
struct MachineIdentity {
  std::string uuid;  // lower case, SMBIOS order
  std::string serial;
  std::string model;  // vendor and model, for people
};

struct IdentityResult {
  core::Outcome outcome = core::Outcome::kUnknown;  // kConfirmed: answered, maybe with empty fields
  MachineIdentity identity;
  ErrorKind error = ErrorKind::kUnknown;
  std::string text;
};

struct PowerResult {
  // kConfirmed: the wished state was read back (status: a state was read). kFailed: certainly not
  // carried out, `error` says why (kDenied: wrong credentials). kUnknown: anything else.
  core::Outcome outcome = core::Outcome::kUnknown;
  core::PowerState state = core::PowerState::kUnknown;  // as read last, within this request
  ErrorKind error = ErrorKind::kUnknown;
  std::string text;  // what happened, step by step, for an admin; never a secret
};

class PowerControl {
 public:
  using Done = std::function<void(PowerResult)>;

  virtual ~PowerControl() = default;
  // off/on read the state first (already there is success), act, and poll until the state is read
  // back or `deadline` has passed. Each request ends within its deadline (+ 1 s for the kill).
  virtual void request(const PowerTarget& target, core::PowerVerb verb, Duration deadline,
                       Done done) = 0;

  // kInvalid names the first setting of the target that this driver cannot work with. Pure, no I/O;
  // asked before a target is stored.
  [[nodiscard]] virtual Status check(const PowerTarget& target) const = 0;
  // Which machine is behind the device. Harmless.
  virtual void identify(const PowerTarget& target, Duration deadline,
                        std::function<void(IdentityResult)> done) = 0;
  // Changes the password of the target's user on the device itself. kConfirmed: the device let us
  // in with the fresh one. kFailed: the old one still holds. kUnknown: either may hold.
  virtual void change_password(const PowerTarget& target, const Secret& fresh, Duration deadline,
                               Done done) = 0;
};

}  // namespace mold::port
