#include "core/fencing/ladder.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"

namespace mold::core {
namespace {

std::string name_of(const Rung& rung) {
  return "level " + std::to_string(rung.level) + " " +
         (rung.device ? "device " + std::to_string(rung.device.value) : std::string("BMC"));
}

// The levels that may be tried now: the lowest always, each further one when every level below had
// its chance.
int highest_open_level(const Ladder& ladder, const Policy& policy, Instant now) {
  int open = ladder.rungs.empty() ? 0 : ladder.rungs.front().level;
  int below = 0;  // levels passed
  for (const Rung& rung : ladder.rungs) {
    if (rung.level <= open) continue;
    ++below;
    const bool tried =
        std::any_of(ladder.rungs.begin(), ladder.rungs.end(),
                    [open](const Rung& lower) { return lower.level == open && lower.tries > 0; });
    const bool waited = ladder.began && now - *ladder.began >= policy.fence_escalate_after * below;
    if (!policy.fence_race && !tried && !waited) return open;
    open = rung.level;
  }
  return open;
}

bool has_levels(const Ladder& ladder, const std::vector<FenceLevel>& levels) {
  auto rung = ladder.rungs.begin();
  for (const FenceLevel& level : levels) {
    for (const DeviceId device : level.devices) {
      if (rung == ladder.rungs.end() || rung->level != level.level || rung->device != device)
        return false;
      ++rung;
    }
  }
  return rung == ladder.rungs.end();
}

}  // namespace

void set_levels(Ladder& ladder, const std::vector<FenceLevel>& levels) {
  if (has_levels(ladder, levels)) return;
  std::vector<Rung> rungs;
  for (const FenceLevel& level : levels) {
    for (const DeviceId device : level.devices) {
      const auto known = std::find_if(ladder.rungs.begin(), ladder.rungs.end(),
                                      [device](const Rung& r) { return r.device == device; });
      Rung rung = known == ladder.rungs.end() ? Rung{} : std::move(*known);
      rung.level = level.level;
      rung.device = device;
      rungs.push_back(std::move(rung));
    }
  }
  ladder.rungs = std::move(rungs);
}

std::vector<std::size_t> due_rungs(const Ladder& ladder, const Policy& policy, Instant now) {
  std::vector<std::size_t> due;
  const int open = highest_open_level(ladder, policy, now);
  for (std::size_t i = 0; i < ladder.rungs.size(); ++i) {
    const Rung& rung = ladder.rungs[i];
    if (rung.level > open || rung.op || rung.off_at || now < rung.next_try) continue;
    due.push_back(i);
  }
  return due;
}

std::vector<std::size_t> doubtful_rungs(const Ladder& ladder, Instant now) {
  std::vector<std::size_t> doubtful;
  for (std::size_t i = 0; i < ladder.rungs.size(); ++i) {
    const Rung& rung = ladder.rungs[i];
    if (rung.may_hit && !rung.op && now >= rung.next_try) doubtful.push_back(i);
  }
  return doubtful;
}

void asked(Rung& rung, OpId op, PowerVerb verb) {
  rung.op = op;
  rung.verb = verb;
}

bool void_device(Ladder& ladder, DeviceId device, Instant now) {
  const auto found = std::find_if(ladder.rungs.begin(), ladder.rungs.end(),
                                  [device](const Rung& rung) { return rung.device == device; });
  if (found == ladder.rungs.end()) return false;
  Rung& rung = *found;
  const bool knew = rung.op || rung.off_at;
  rung.off_at.reset();
  rung.outdated = bool(rung.op);
  // Its tries stay: levels above joined in because of them.
  rung.next_try = now;
  rung.last = "its settings were changed";
  return knew;
}

PowerAnswered as_counted(const Ladder& ladder, PowerAnswered answer) {
  const auto asked_before = [&answer](const Rung& rung) {
    return rung.outdated && rung.op && rung.op == answer.op;
  };
  if (std::none_of(ladder.rungs.begin(), ladder.rungs.end(), asked_before)) return answer;
  answer.outcome = Outcome::kUnknown;
  answer.state = PowerState::kUnknown;
  answer.text = kSettingsChanged;
  return answer;
}

bool take_answer(Ladder& ladder, const Policy& policy, const PowerRules& rules,
                 const PowerAnswered& answer, Instant now) {
  const auto found =
      std::find_if(ladder.rungs.begin(), ladder.rungs.end(),
                   [&answer](const Rung& rung) { return rung.op && rung.op == answer.op; });
  if (found == ladder.rungs.end()) return false;
  Rung& rung = *found;
  rung.op = OpId{};
  const bool outdated = std::exchange(rung.outdated, false);
  rung.last = std::string(to_string(answer.verb)) + " " + std::string(to_string(answer.outcome)) +
              ": " + answer.text;
  if (proves_off(rules, answer)) {
    rung.off_at = now;
    rung.may_hit = false;
    return true;
  }
  // A refused off does not take back one before it whose fate is unknown; a machine that reads on,
  // with nothing else under way, does.
  if (may_still_hit(answer)) {
    rung.may_hit = true;
    rung.doubt_since = now;
  }
  if (answer.verb == PowerVerb::kStatus && answer.state == PowerState::kOn) rung.may_hit = false;
  if (outdated) {  // the device as it is now was not tried yet
    rung.next_try = now;
    return true;
  }
  ++rung.tries;
  rung.next_try = now + fence_backoff(policy, rung.tries);
  return true;
}

std::optional<std::string> proven_level(Ladder& ladder, const Policy& policy,
                                        const PowerRules& rules, Instant now) {
  for (auto first = ladder.rungs.begin(); first != ladder.rungs.end();) {
    const auto last =
        std::find_if(first, ladder.rungs.end(),
                     [level = first->level](const Rung& r) { return r.level != level; });
    const auto is_off = [](const Rung& r) { return r.off_at.has_value(); };
    const bool all =
        rules.one_feed_is_off ? std::any_of(first, last, is_off) : std::all_of(first, last, is_off);
    std::string reading;
    bool fresh = true;
    for (auto rung = first; all && rung != last; ++rung) {
      reading += (reading.empty() ? "" : "; ") + name_of(*rung) + ": " + rung->last;
      if (!rung->off_at || rules.stale_off_counts) continue;
      if (now - *rung->off_at <= policy.fence_reading_fresh) continue;
      rung->off_at.reset();
      rung->next_try = now;
      fresh = false;
    }
    if (all && fresh) return reading;
    first = last;
  }
  return std::nullopt;
}

bool waits_for(const Ladder& ladder, OpId op) {
  return op && std::any_of(ladder.rungs.begin(), ladder.rungs.end(),
                           [op](const Rung& rung) { return rung.op == op; });
}

bool is_waiting(const Ladder& ladder) {
  return std::any_of(ladder.rungs.begin(), ladder.rungs.end(),
                     [](const Rung& rung) { return bool(rung.op); });
}

bool may_still_hit(const Ladder& ladder) {
  return std::any_of(ladder.rungs.begin(), ladder.rungs.end(), [](const Rung& rung) {
    return rung.may_hit || (rung.op && rung.verb == PowerVerb::kOff);
  });
}

int tries(const Ladder& ladder) {
  int sum = 0;
  for (const Rung& rung : ladder.rungs) sum += rung.tries;
  return sum;
}

std::vector<std::string> explain(const Ladder& ladder, const Policy& policy, Instant now) {
  std::vector<std::string> lines;
  const int open = highest_open_level(ladder, policy, now);
  for (const Rung& rung : ladder.rungs) {
    std::string line = name_of(rung) + ": ";
    if (rung.op) {
      line += "waits for the answer to power " + std::string(to_string(rung.verb)) + ", try " +
              std::to_string(rung.tries + 1) + (rung.outdated ? ", of settings of before" : "");
    } else if (rung.off_at) {
      line +=
          "read off " + seconds_text(now - *rung.off_at) + " ago, the others of its level are not";
    } else if (rung.level > open) {
      line += "joins in when the levels below fail";
    } else {
      line += "next try in " + seconds_text(rung.next_try - now);
    }
    if (!rung.last.empty()) line += "; last: " + rung.last;
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace mold::core
