#pragma once
// Fence drills: what is known of every way to cut a host's power, learned by harmless trials before
// it matters. A path is a device as reached from one executor (the manager or another host). The
// book keeps the latest results of each path, says which is due, how good it is, and which executor
// should carry out a request. Nothing here is evidence of life or death: a drill never proves
// anything about a host. Pure; the book belongs to the manager's loop thread.
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/fencing/identity.h"
#include "core/model/host.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/time.h"

namespace mold::core {

struct DrillPath {
  HostId host;      // whose power it is
  DeviceId device;  // none: the BMC
  HostId executor;  // who reaches out; none: the manager

  friend auto operator<=>(const DrillPath&, const DrillPath&) = default;
};

struct DrillPolicy {
  Duration every{600'000};          // a path that works
  Duration failing_every{60'000};   // one that does not
  Duration slow_after{5'000};       // an answer that took longer makes a path degraded
  Duration stale_after{1'800'000};  // older results say nothing
};

// What one trial found.
struct DrillResult {
  Outcome outcome = Outcome::kUnknown;      // of reading the power state
  PowerState state = PowerState::kUnknown;  // as read
  ErrorKind error = ErrorKind::kUnknown;
  IdentityVerdict identity = IdentityVerdict::kUnknown;
  bool host_heard = false;  // its agent beat at that time: an "off" is no truth then
  Duration took{0};
  std::string text;  // for a person, no secrets
};

enum class DrillState : std::uint8_t { kGood, kDegraded, kBad, kUnknown };
std::string_view to_string(DrillState state);

struct DrillView {
  DrillState state = DrillState::kUnknown;
  int score = 0;  // 0 to 100
  std::string reason;
  std::optional<Instant> last;
  std::optional<Instant> next;
  std::size_t trials = 0;  // that are remembered
  PowerState power = PowerState::kUnknown;
  IdentityVerdict identity = IdentityVerdict::kUnknown;
};

// What speaks against using a device.
struct Doubt {
  bool other_machine = false;  // it said so
  bool contradicted = false;   // it read off while the host was heard
  std::string text;            // for a person

  friend bool operator==(const Doubt&, const Doubt&) = default;
};

class DrillBook {
 public:
  using Doubts = std::map<std::pair<HostId, DeviceId>, Doubt>;
  explicit DrillBook(DrillPolicy policy = {}) : policy_(policy) {}
  void set_policy(const DrillPolicy& policy) { policy_ = policy; }

  // The paths there are. What is known of those that stay is kept; a new one is due soon, spread
  // over the first minute by its ids, so that a thousand do not start at once.
  void set_paths(const std::set<DrillPath>& paths, Instant now);
  // What was learned about a device that was changed is worth nothing.
  void forget(HostId host, DeviceId device, Instant now);

  // Paths whose time has come and that are not being tried, the longest overdue first.
  [[nodiscard]] std::vector<DrillPath> due(Instant now) const;
  void begin(const DrillPath& path);
  void postpone(const DrillPath& path, Instant until);  // it could not be tried now
  void record(const DrillPath& path, DrillResult result, Instant now);

  // A request in earnest went this way. One that did not reach the device turns the next ones to
  // other paths for a while, however good the drills were: when it counts, the latest try counts.
  void note_use(const DrillPath& path, bool reached, Instant now);
  [[nodiscard]] std::optional<Instant> failed_lately(const DrillPath& path, Instant now) const;

  [[nodiscard]] std::vector<DrillPath> paths_of(HostId host) const;
  [[nodiscard]] const std::set<HostId>& hosts() const { return hosts_; }
  [[nodiscard]] DrillView view(const DrillPath& path, Instant now) const;
  // Why this device must not be used, empty when nothing speaks against it: it is another
  // machine's, or it read off while the host ran. An "off" of such a device would be a false proof,
  // so doubt outlives the host: only the opposite, seen, or other settings (forget) end it.
  [[nodiscard]] std::string distrust(HostId host, DeviceId device) const;
  // For the store: doubt outlives this process too.
  [[nodiscard]] const Doubts& doubts() const { return doubts_; }
  void restore(HostId host, DeviceId device, Doubt doubt);
  // As good as its best path; bad whatever else while it is distrusted.
  [[nodiscard]] DrillView device_view(HostId host, DeviceId device, Instant now) const;
  // As good as its worst device. Nothing when the host has none.
  [[nodiscard]] std::optional<DrillView> host_view(HostId host, Instant now) const;

 private:
  struct Trial {
    Instant at;
    DrillResult result;
  };
  struct Record {
    std::deque<Trial> trials;  // newest first
    Instant next;
    bool under_way = false;
    std::optional<Instant> failed_use;
  };
  void weigh(const DrillPath& path, const DrillResult& result);
  [[nodiscard]] DrillView judge(const Record& record, Instant now) const;
  [[nodiscard]] Duration jitter(const DrillPath& path, Duration span) const;

  DrillPolicy policy_;
  std::map<DrillPath, Record> records_;
  std::set<HostId> hosts_;
  Doubts doubts_;
};

// Who should carry out a request to this device: the manager (none) while its own path is good or
// was never tried, else the best of manager and candidates; the manager wins a tie, then the lowest
// id. Paths whose latest use failed come last, the one that failed longest ago first, so that each
// gets its turn. The host itself is never chosen.
HostId choose_executor(const DrillBook& book, HostId host, DeviceId device,
                       const std::vector<HostId>& candidates, Instant now);

}  // namespace mold::core
