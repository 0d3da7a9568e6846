// 100,000 ladders against devices that are late, lie, vanish, refuse and forget. The simulation
// knows which devices really are off; a proof over a level with a live device is a false one, and
// there must be none. Each relaxed rule must be caught, or the check could not fail.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/fencing/ladder.h"
#include "lib/base/rng.h"

namespace mold::core {
namespace {

constexpr Duration kTick = 200ms;
constexpr Duration kLife = 90s;

// What one device does with an off, and how it answers.
struct SimDevice {
  enum class Kind { kPrompt, kLate, kLying, kAway, kRefuses, kFlaky };
  Kind kind = Kind::kPrompt;
  Duration answers_after{0};  // request to answer, the read-back at its end
  Duration acts_after{0};     // request to the power really being off
  // Somebody switches it on again that long after it was last off and read so; 0: never. Always
  // longer than a reading counts: within that time nobody could know.
  Duration comes_back{0};
  Instant off_since{INT64_MAX};
  Instant last_read_off{0};
  // Until then it is set up with the address of another machine, which is always off.
  Instant mended{0};

  [[nodiscard]] bool is_off(Instant now) const {
    if (now < off_since) return false;
    return comes_back == 0ms || now < std::max(off_since, last_read_off) + comes_back;
  }
};

struct Pending {
  std::size_t rung;
  Instant at;
  bool astray;  // another machine was asked
};

enum class Changes { kTold, kKeptBack };  // of settings, to the ladder

class SimLadder {
 public:
  SimLadder(std::uint64_t seed, PowerRules rules, Changes changes = Changes::kTold)
      : rng_(seed), rules_(rules), changes_(changes) {
    policy_.fence_race = rng_.below(3) == 0;
    policy_.fence_escalate_after = Duration{rng_.between(0, 8'000)};
    const int levels = static_cast<int>(rng_.between(1, 3));
    std::vector<FenceLevel> wanted;
    for (int level = 1; level <= levels; ++level) {
      FenceLevel made{level, {}};
      for (std::int64_t i = rng_.between(1, 3); i > 0; --i) {
        made.devices.emplace_back(devices_.size());
        devices_.push_back(draw());
      }
      wanted.push_back(std::move(made));
    }
    set_levels(ladder_, wanted);
  }

  // -1: false proof, 1: a true one, 0: none in time.
  int live() {
    for (now_ = Instant{1'000}; now_.ms < kLife.count(); now_ = now_ + kTick) {
      mend();
      for (std::size_t i = 0; i < pending_.size();) {
        if (pending_[i].at > now_) {
          ++i;
          continue;
        }
        const Pending done = pending_[i];
        pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
        answer(done);
        if (!proven_level(ladder_, policy_, rules_, now_)) continue;
        if (is_true()) return 1;
        return set_up_wrong() ? 0 : -1;  // as it is now: drills find that, not the ladder
      }
      for (const std::size_t i : due_rungs(ladder_, policy_, now_)) ask(i);
    }
    return 0;
  }

 private:
  SimDevice draw() {
    SimDevice d;
    d.kind = static_cast<SimDevice::Kind>(rng_.below(6));
    d.answers_after = Duration{rng_.between(0, 4'000)};
    d.acts_after = d.kind == SimDevice::Kind::kLate ? Duration{rng_.between(1'000, 11'000)} : 0ms;
    if (rng_.below(3) == 0)
      d.comes_back = policy_.fence_reading_fresh + Duration{rng_.between(5'000, 30'000)};
    if (rng_.below(4) == 0) d.mended = Instant{rng_.between(1'000, 20'000)};
    return d;
  }

  void mend() {
    for (std::size_t i = 0; i < ladder_.rungs.size(); ++i) {
      const SimDevice& d = device(i);
      if (d.mended > now_ || now_ - d.mended >= kTick || changes_ == Changes::kKeptBack) continue;
      void_device(ladder_, ladder_.rungs[i].device, now_);
    }
  }
  bool set_up_wrong() {
    return std::any_of(devices_.begin(), devices_.end(),
                       [this](const SimDevice& d) { return d.mended > now_; });
  }

  void ask(std::size_t i) {
    if (!ladder_.began) ladder_.began = now_;
    asked(ladder_.rungs[i], OpId{++last_op_}, PowerVerb::kOff);
    SimDevice& d = device(i);
    const bool acts = d.kind == SimDevice::Kind::kPrompt || d.kind == SimDevice::Kind::kLate ||
                      (d.kind == SimDevice::Kind::kFlaky && rng_.below(2) == 0);
    const bool astray = d.mended > now_;
    if (acts && !astray && !d.is_off(now_)) d.off_since = now_ + d.acts_after;
    pending_.push_back({i, now_ + d.answers_after, astray});
  }

  void answer(const Pending& done) {
    const Rung& rung = ladder_.rungs[done.rung];
    SimDevice& d = device(done.rung);
    PowerAnswered a{rung.op, HostId{1},  PowerVerb::kOff, Outcome::kUnknown, PowerState::kUnknown,
                    "-",     rung.device};
    const bool off = done.astray || d.is_off(now_);
    switch (d.kind) {
      case SimDevice::Kind::kPrompt:
      case SimDevice::Kind::kLate:
      case SimDevice::Kind::kLying:
        a.outcome = off ? Outcome::kConfirmed : Outcome::kUnknown;
        a.state = off ? PowerState::kOff : PowerState::kOn;
        break;
      case SimDevice::Kind::kAway:
        a.outcome = rng_.below(2) == 0 ? Outcome::kFailed : Outcome::kUnknown;
        break;
      case SimDevice::Kind::kRefuses:
        a.outcome = Outcome::kFailed;
        a.state = off ? PowerState::kOff : PowerState::kOn;
        break;
      case SimDevice::Kind::kFlaky:
        if (rng_.below(2) == 0) break;
        a.outcome = off ? Outcome::kConfirmed : Outcome::kUnknown;
        a.state = off ? PowerState::kOff : PowerState::kOn;
        break;
    }
    if (a.state == PowerState::kOff && !done.astray) d.last_read_off = now_;
    take_answer(ladder_, policy_, rules_, as_counted(ladder_, a), now_);
  }

  // Some level is entirely off, really.
  bool is_true() {
    for (const Rung& of : ladder_.rungs) {
      const bool all = std::all_of(ladder_.rungs.begin(), ladder_.rungs.end(), [&](const Rung& r) {
        return r.level != of.level || devices_[r.device.value].is_off(now_);
      });
      if (all) return true;
    }
    return false;
  }

  SimDevice& device(std::size_t rung) { return devices_[ladder_.rungs[rung].device.value]; }

  Rng rng_;
  PowerRules rules_;
  Changes changes_;
  Policy policy_;
  Ladder ladder_;
  std::vector<SimDevice> devices_;
  std::vector<Pending> pending_;
  std::uint64_t last_op_ = 0;
  Instant now_{0};
};

TEST(LadderSimTest, AHundredThousandLaddersProveNothingFalse) {
  int proven = 0;
  for (std::uint64_t seed = 1; seed <= 100'000; ++seed) {
    const int end = SimLadder(seed, {}).live();
    ASSERT_GE(end, 0) << "seed " << seed;
    proven += end;
  }
  EXPECT_GT(proven, 30'000) << "ladders that end in a proof are what this is about";
  RecordProperty("proven", proven);
}

TEST(LadderSimTest, EveryRelaxedRuleIsCaught) {
  const std::pair<const char*, PowerRules> planted[] = {
      {"unknown is off", {.unknown_is_off = true}},
      {"failed is off", {.failed_is_off = true}},
      {"one feed is off", {.one_feed_is_off = true}},
      {"an old off counts", {.stale_off_counts = true}},
  };
  for (const auto& [name, rules] : planted) {
    bool caught = false;
    for (std::uint64_t seed = 1; seed <= 5'000 && !caught; ++seed)
      caught = SimLadder(seed, rules).live() < 0;
    EXPECT_TRUE(caught) << name;
  }
  bool caught = false;
  for (std::uint64_t seed = 1; seed <= 5'000 && !caught; ++seed)
    caught = SimLadder(seed, {}, Changes::kKeptBack).live() < 0;
  EXPECT_TRUE(caught) << "answers under old settings count";
}

}  // namespace
}  // namespace mold::core
