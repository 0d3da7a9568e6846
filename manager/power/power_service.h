#pragma once
// Carries out what the brain asks of BMCs and other fence devices (core::RequestPower, people's
// requests included: they go through the brain as core::PowerRequested) over port::PowerControl, by
// the manager itself or by another host that reaches the device better, and tells the outcome back
// as core::PowerAnswered. Requests of a device wait in line, with one exception: an off waits for
// no reading, neither one in line nor one under way. Devices do not wait for each other. A request
// that nobody wants any more when its turn comes (the host is back, its job ended) is answered
// kFailed without being sent: a power-off must not come out of the line after its reason is gone.
// An OpId that is under way or was answered is not carried out again. An answer to what was asked
// before the settings of the device were changed is kUnknown, whatever it was: it is another
// device's, or may be. Passwords are opened for one
// request. Loop thread only; lives as long as the engine, shorter than driver and executor.
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
#include "manager/power/executor.h"
#include "manager/power/feed.h"
#include "manager/power/power_targets.h"

namespace mold::manager {

// Somebody still waits for it: the host's fencing or checking, or a job.
[[nodiscard]] bool is_wanted(const core::State& state, const core::RequestPower& request);

class PowerService {
 public:
  struct Options {
    std::vector<std::string> drivers{"ipmitool"};           // what a host or device may name
    std::function<bool(const core::RequestPower&)> wanted;  // none: is_wanted() of the brain
    Duration late_change{60'000};                           // see PowerTargets
  };
  PowerService(Engine& engine, Inventory& inventory, const SecretBox& box,
               port::PowerControl& driver, Options options);
  PowerService(Engine& engine, Inventory& inventory, const SecretBox& box,
               port::PowerControl& driver)
      : PowerService(engine, inventory, box, driver, Options{}) {}
  ~PowerService();
  PowerService(const PowerService&) = delete;
  PowerService& operator=(const PowerService&) = delete;

  // Who else can reach devices, and who should (none: the manager). Both outlive the service.
  using Chooser = std::function<HostId(const Feed&)>;
  void set_executor(PowerExecutor* executor, Chooser chooser);
  // Told of every answer to a request of the brain: did that executor reach the device?
  using Used = std::function<void(const Feed&, HostId executor, bool reached)>;
  void set_used(Used used) { used_ = std::move(used); }
  // Why this device must not be used; empty: it may. Asked before each request of the brain, and
  // again when its answer comes (then kUnknown): what a device of another machine reads back would
  // be a false proof. Readings for people go on.
  using Veto = std::function<std::string(const Feed&)>;
  void set_veto(Veto veto) { veto_ = std::move(veto); }

  // Grows when the settings of the device are changed: what was begun under another one says
  // nothing of the device as it is now. Not durable: nothing under way survives a restart.
  [[nodiscard]] std::uint64_t revision(const Feed& feed) const;
  // Told then, and when the device went, in the dispatch that changes the record.
  using Changed = std::function<void(const Feed&)>;
  void set_changed(Changed changed) { changed_ = std::move(changed); }

  // From the engine's executors. Ends in exactly one PowerAnswered per OpId.
  void request(const core::RequestPower& wanted);
  // This request, when its turn comes, gets so much time instead of the policy's. Until restart.
  void set_deadline(OpId op, Duration deadline);

  // A reading for people, past the line and unknown to the brain. An error: nothing was begun.
  // kBusy: a request of the brain is in line or under way, and its answer says more. kUnavailable:
  // that executor cannot be asked.
  using Done = port::PowerControl::Done;
  Status read(Feed feed, HostId executor, Duration deadline, Done done);
  Status identify(Feed feed, HostId executor, Duration deadline,
                  std::function<void(port::IdentityResult)> done);

  // Why change_password() would refuse; changes nothing.
  [[nodiscard]] Status check_change_password(HostId host, const Secret& fresh) const;
  // Changes the password on the BMC, then in the store; a crash between loses neither. An error:
  // nothing was sent. The BMC is asked when everything put before this call is durable.
  Status change_password(HostId host, const Secret& fresh, Duration deadline, Done done);

  // For configureOutOfBandManagement; see PowerTargets.
  Status configure(HostId host, const OobmSettings& settings, const Secret& password);
  // Nothing that is under way there counts any more. What is held against the device stays known:
  // it is the same one when it is switched on again.
  void switched_off(const Feed& feed);
  // Fence devices. The brain is told the ladder of the host.
  Result<FenceDevice> add_device(FenceDevice device, const Secret& password);
  Status update_device(FenceDevice device, const std::optional<Secret>& password);
  Status remove_device(DeviceId device);
  // Once, at start: the brain does not keep it.
  void tell_ladders();

  // Latest answer of the device, for display only: never a proof.
  struct Reading {
    core::PowerState state = core::PowerState::kUnknown;
    core::Outcome outcome = core::Outcome::kUnknown;
    WallTime at;
    std::string text;
    core::PowerState known = core::PowerState::kUnknown;  // latest one that was on or off
  };
  [[nodiscard]] const Reading* latest(HostId host) const { return latest(Feed{host, {}}); }
  [[nodiscard]] const Reading* latest(const Feed& feed) const;
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Line {
    std::deque<core::RequestPower> queue;
    bool acting = false;   // anything but a reading is under way
    bool reading = false;  // a status is under way
    unsigned acts = 0;     // ended so far: a reading begun before one is not the latest word
  };
  struct Sending {
    Feed feed;
    HostId executor;
    OpId op;
    core::PowerVerb verb = core::PowerVerb::kStatus;
    Duration deadline{0};
    std::uint64_t revision = 0;  // of the settings that it is sent with
  };
  void next(const Feed& feed);
  [[nodiscard]] bool is_wanted_still(const core::RequestPower& request) const;
  void withdraw(const Feed& feed);
  void dispatch(const core::RequestPower& wanted);
  void answer_failed(const core::RequestPower& wanted, std::string text);
  void on_answer(const core::RequestPower& wanted, const Sending& sent, unsigned acts_before,
                 const port::PowerResult& result);
  [[nodiscard]] bool is_outdated(const Sending& sent) const;
  void settings_changed(const Feed& feed);
  void send_change(HostId host, const std::string& change, const port::PowerTarget& target,
                   const Secret& fresh, Duration deadline, const Done& done);
  void note_reading(const Feed& feed, const port::PowerResult& result);
  void remember_answered(OpId op);
  void tell_ladder(HostId host);
  // Sends it; tries the other password of an unsettled change when the first one is refused.
  void send(const Sending& what, const PowerTargets::Opened& opened, Done done);
  void send_with_other(const Sending& what, const PowerTargets::Opened& opened, Instant end,
                       const std::string& first_text, const Done& done);
  void hand_out(const Sending& what, const port::PowerTarget& target, Done done);
  [[nodiscard]] HostId usable(HostId executor) const;
  [[nodiscard]] Status check_executor(HostId executor) const;

  Engine& engine_;
  Inventory& inventory_;
  port::PowerControl& driver_;
  Options options_;
  PowerTargets targets_;
  PowerExecutor* executor_ = nullptr;
  Chooser chooser_;
  Used used_;
  Veto veto_;
  std::map<Feed, Line> lines_;
  std::set<OpId> known_;       // under way, waiting or answered lately
  std::deque<OpId> answered_;  // oldest first, bounded
  std::map<OpId, Duration> deadlines_;
  std::map<Feed, Reading> readings_;
  std::map<Feed, std::uint64_t> revisions_;
  Changed changed_;
  std::shared_ptr<bool> alive_;
};

// The devices of a host beside its BMC, as the brain is told them: levels in order, those that are
// switched off left out.
core::FenceDevicesSet fence_ladder(const Inventory& inventory, HostId host);

}  // namespace mold::manager
