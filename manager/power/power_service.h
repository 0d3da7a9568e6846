#pragma once
// Carries out what the brain asks of BMCs (core::RequestPower, people's requests included: they go
// through the brain as core::PowerRequested) over port::PowerControl, and tells the outcome back as
// core::PowerAnswered. One request per host at a time, the others wait in line; an OpId that is
// under way or was answered is not carried out again. Passwords are opened here, for one request.
// Loop thread only; lives as long as the engine, shorter than the driver.
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/engine/action.h"
#include "lib/base/result.h"
#include "lib/port/power_control.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"
#include "manager/inventory/secret_box.h"

namespace mold::manager {

class PowerService {
 public:
  PowerService(Engine& engine, Inventory& inventory, const SecretBox& box,
               port::PowerControl& driver);
  ~PowerService();
  PowerService(const PowerService&) = delete;
  PowerService& operator=(const PowerService&) = delete;

  // From the engine's executors. Ends in exactly one PowerAnswered per OpId.
  void request(const core::RequestPower& wanted);

  // For configureOutOfBandManagement: checks driver, address, port, user; seals the password and
  // puts the record. kInvalid, kNotFound, kUnavailable. `enabled` stays as it is.
  Status configure(HostId host, const OobmSettings& settings, const Secret& password);
  // Latest answer of the BMC, for display only: never a proof.
  struct Reading {
    core::PowerState state = core::PowerState::kUnknown;
    core::Outcome outcome = core::Outcome::kUnknown;
    WallTime at;
    std::string text;
  };
  [[nodiscard]] const Reading* latest(HostId host) const;
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Line {
    std::deque<core::RequestPower> queue;
    bool busy = false;
  };
  void next(HostId host);
  void on_answer(const core::RequestPower& wanted, const port::PowerResult& result);
  void remember_answered(OpId op);
  Result<port::PowerTarget> target_of(HostId host) const;

  Engine& engine_;
  Inventory& inventory_;
  const SecretBox& box_;
  port::PowerControl& driver_;
  std::map<HostId, Line> lines_;
  std::set<OpId> known_;       // under way, waiting or answered lately
  std::deque<OpId> answered_;  // oldest first, bounded
  std::map<HostId, Reading> readings_;
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::manager
