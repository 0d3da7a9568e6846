#pragma once
// Carries out what the brain asks of BMCs (core::RequestPower, people's requests included: they go
// through the brain as core::PowerRequested) over port::PowerControl, and tells the outcome back as
// core::PowerAnswered. Requests of a host wait in line, with one exception: an off waits for no
// reading, neither one in line nor one under way. A request that nobody wants any more when its
// turn comes (the host is back, its job ended) is answered kFailed without being sent: a power-off
// must not come out of the line after its reason is gone. An OpId that is under way or was answered
// is not carried out again. Passwords are opened here, for one request. Loop thread only; lives as
// long as the engine, shorter than the driver.
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/engine/action.h"
#include "lib/base/result.h"
#include "lib/port/power_control.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"
#include "manager/inventory/secret_box.h"

namespace mold::manager {

// Somebody still waits for it: the host's fencing or checking, or a job.
[[nodiscard]] bool is_wanted(const core::State& state, const core::RequestPower& request);

class PowerService {
 public:
  struct Options {
    std::vector<std::string> drivers{"ipmitool"};           // what configure() lets a host name
    std::function<bool(const core::RequestPower&)> wanted;  // none: is_wanted() of the brain
  };
  PowerService(Engine& engine, Inventory& inventory, const SecretBox& box,
               port::PowerControl& driver, Options options);
  PowerService(Engine& engine, Inventory& inventory, const SecretBox& box,
               port::PowerControl& driver)
      : PowerService(engine, inventory, box, driver, Options{}) {}
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
    bool acting = false;   // anything but a reading is under way
    bool reading = false;  // a status is under way
    unsigned acts = 0;     // ended so far: a reading begun before one is not the latest word
  };
  void next(HostId host);
  [[nodiscard]] bool is_wanted_still(const core::RequestPower& request) const;
  void withdraw(HostId host);
  void dispatch(const core::RequestPower& wanted);
  void answer_failed(const core::RequestPower& wanted, std::string text);
  void on_answer(const core::RequestPower& wanted, unsigned acts_before,
                 const port::PowerResult& result);
  void remember_answered(OpId op);
  Result<port::PowerTarget> target_of(HostId host) const;

  Engine& engine_;
  Inventory& inventory_;
  const SecretBox& box_;
  port::PowerControl& driver_;
  Options options_;
  std::map<HostId, Line> lines_;
  std::set<OpId> known_;       // under way, waiting or answered lately
  std::deque<OpId> answered_;  // oldest first, bounded
  std::map<HostId, Reading> readings_;
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::manager
