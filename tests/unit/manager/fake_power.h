#pragma once
// A power driver that does nothing by itself: tests see what was asked and answer when they like.
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "lib/port/power_control.h"
#include "manager/power/executor.h"

namespace mold::manager::test {

struct FakePower final : port::PowerControl {
  struct Call {
    port::PowerTarget target;
    core::PowerVerb verb;
    Done done;
    Duration deadline;
  };
  struct Identification {
    port::PowerTarget target;
    std::function<void(port::IdentityResult)> done;
  };
  struct Change {
    port::PowerTarget target;
    Secret fresh;
    Done done;
  };
  void request(const port::PowerTarget& target, core::PowerVerb verb, Duration deadline,
               Done done) override {
    calls.push_back({target, verb, std::move(done), deadline});
  }
  Status check(const port::PowerTarget& target) const override {
    if (!target.options.contains("bad")) return {};
    return fail(ErrorKind::kInvalid, "bad: no such option");
  }
  void identify(const port::PowerTarget& target, Duration,
                std::function<void(port::IdentityResult)> done) override {
    identifications.push_back({target, std::move(done)});
  }
  void change_password(const port::PowerTarget& target, const Secret& fresh, Duration,
                       Done done) override {
    changes.push_back({target, fresh, std::move(done)});
  }

  // Each answers one call; by value, for an answer may bring the next call.
  void answer(std::size_t call, port::PowerResult result) const {
    const Done done = calls.at(call).done;
    done(std::move(result));
  }
  void read(std::size_t call, core::PowerState state) const {
    answer(call, {core::Outcome::kConfirmed, state, {}, "read back"});
  }
  void refuse(std::size_t call) const {
    answer(call, {core::Outcome::kFailed, core::PowerState::kUnknown, ErrorKind::kDenied,
                  "wrong password"});
  }
  void keep_silent(std::size_t call) const {
    answer(call,
           {core::Outcome::kUnknown, core::PowerState::kUnknown, ErrorKind::kTimeout, "no answer"});
  }
  void say_identity(std::size_t call, port::MachineIdentity identity) const {
    const auto done = identifications.at(call).done;
    port::IdentityResult result;
    result.outcome = core::Outcome::kConfirmed;
    result.identity = std::move(identity);
    done(std::move(result));
  }
  void end_change(std::size_t call, core::Outcome outcome) const {
    const Done done = changes.at(call).done;
    done({outcome, core::PowerState::kUnknown, {}, "as told"});
  }

  std::vector<Call> calls;
  std::vector<Identification> identifications;
  std::vector<Change> changes;
};

// Other hosts that can be asked; answered by hand too.
struct FakeExecutor final : PowerExecutor {
  bool available(HostId id) override { return up.contains(id); }
  std::vector<HostId> candidates(ClusterId) override { return {up.begin(), up.end()}; }
  void request(HostId executor, OpId op, const port::PowerTarget&, core::PowerVerb, Duration,
               port::PowerControl::Done done) override {
    asked.emplace_back(executor, op);
    answers.push_back(std::move(done));
  }
  void identify(HostId, const port::PowerTarget&, Duration,
                std::function<void(port::IdentityResult)> done) override {
    identifications.push_back(std::move(done));
  }

  std::set<HostId> up;
  std::vector<std::pair<HostId, OpId>> asked;
  std::vector<port::PowerControl::Done> answers;
  std::vector<std::function<void(port::IdentityResult)>> identifications;
};

}  // namespace mold::manager::test
