#include "manager/power/drill_service.h"

#include <algorithm>
#include <utility>

#include "core/fencing/fencing.h"
#include "lib/base/check.h"
#include "manager/power/power_settings.h"
#include "manager/store/names.h"

namespace mold::manager {
namespace {

constexpr Duration kRaster{2'000};
constexpr Duration kDrillDeadline{15'000};
constexpr Duration kWhenBusy{5'000};
constexpr Duration kLately{10'000};
// A host's paths: the manager's and those of so many other hosts. More would tell little, and a
// cluster of hundreds would spend its day drilling.
constexpr std::size_t kOthers = 3;

core::DrillPolicy drill_policy(const Inventory& inventory) {
  core::DrillPolicy policy;
  policy.every = power_setting_seconds(inventory, kDrillInterval);
  policy.failing_every = power_setting_seconds(inventory, kDrillRetryInterval);
  policy.stale_after = std::max(policy.stale_after, policy.every * 3);
  return policy;
}

bool is_alarming(core::DrillState state) {
  return state == core::DrillState::kDegraded || state == core::DrillState::kBad;
}

}  // namespace

core::MachineFacts machine_facts(const HostRecord& host) {
  Details facts;
  if (!parse_details(host.facts_json, facts)) return {};
  return {facts["product_uuid"], facts["product_serial"]};
}

DrillService::DrillService(runtime::EventLoop& loop, Engine& engine, Inventory& inventory,
                           PowerService& power, Options options)
    : loop_(loop),
      engine_(engine),
      inventory_(inventory),
      power_(power),
      options_(std::move(options)),
      timer_(loop),
      alive_(std::make_shared<bool>(true)) {
  power_.set_changed([this, alive = alive_](const Feed& feed) {
    if (*alive) forget(feed);
  });
  for (DeviceDoubt& row : std::exchange(options_.doubts, {})) {
    core::Doubt doubt{row.other_machine, row.contradicted, std::move(row.text)};
    kept_.insert_or_assign({row.host, row.device}, doubt);
    book_.restore(row.host, row.device, std::move(doubt));
  }
}

DrillService::~DrillService() {
  *alive_ = false;
}

void DrillService::start() {
  timer_.start_periodic(kRaster, [this] { turn(); });
}

// The next ones after the host itself, round the ring of ids: so each host drills for a few others.
std::vector<HostId> DrillService::executors_for(const HostRecord& host, Candidates& known) const {
  std::vector<HostId> all{HostId{}};
  if (options_.executor == nullptr) return all;
  const auto [cluster, fresh] = known.try_emplace(host.cluster);
  std::vector<HostId>& others = cluster->second;
  if (fresh) {
    others = options_.executor->candidates(host.cluster);
    std::sort(others.begin(), others.end());
  }
  auto next = static_cast<std::size_t>(std::upper_bound(others.begin(), others.end(), host.id) -
                                       others.begin());
  for (std::size_t seen = 0; seen < others.size() && all.size() <= kOthers; ++seen, ++next) {
    const HostId other = others[next % others.size()];
    if (other != host.id) all.push_back(other);
  }
  return all;
}

void DrillService::sync() {
  std::set<core::DrillPath> paths;
  Candidates candidates;
  for (const auto& [id, host] : inventory_.hosts().all()) {
    if (!is_live(host)) continue;
    std::vector<DeviceId> devices;
    if (host.oobm.configured && host.oobm.enabled) devices.emplace_back();
    for (const FenceDevice* const device : inventory_.fence_devices_of(id)) {
      if (device->enabled) devices.push_back(device->id);
    }
    if (devices.empty()) continue;
    for (const HostId executor : executors_for(host, candidates)) {
      for (const DeviceId device : devices) paths.insert({id, device, executor});
    }
  }
  book_.set_policy(drill_policy(inventory_));
  book_.set_paths(paths, loop_.now());
  forget_gone();
}

void DrillService::turn() {
  look_again();
  sync();
  const auto most = static_cast<std::size_t>(power_setting(inventory_, kDrillPool));
  for (const core::DrillPath& path : book_.due(loop_.now())) {
    if (under_way_.size() >= most) return;
    begin(path);
  }
}

void DrillService::begin(const core::DrillPath& path) {
  if (under_way_.contains(path)) return;
  const Status begun =
      power_.read({path.host, path.device}, path.executor, kDrillDeadline,
                  [this, alive = alive_, path, began = loop_.now()](const port::PowerResult& r) {
                    if (*alive) on_state(path, began, r);
                  });
  if (!begun) {
    book_.postpone(path, loop_.now() + kWhenBusy);
    return;
  }
  ++drills_;
  under_way_.emplace(path, power_.revision({path.host, path.device}));
  book_.begin(path);
}

bool DrillService::drop_outdated(const core::DrillPath& path) {
  const auto begun = under_way_.find(path);
  if (begun != under_way_.end() && begun->second == power_.revision({path.host, path.device}))
    return false;
  under_way_.erase(path);
  book_.postpone(path, loop_.now());
  begin(path);  // whoever waits for this drill means the device as it is now
  if (!under_way_.contains(path)) answer_wishes(path);
  return true;
}

void DrillService::on_state(const core::DrillPath& path, Instant began,
                            const port::PowerResult& read) {
  if (drop_outdated(path)) return;
  core::DrillResult result;
  result.outcome = read.outcome;
  result.state = read.state;
  result.error = read.error;
  result.took = loop_.now() - began;
  result.text = read.text;
  if (read.outcome != core::Outcome::kConfirmed) {
    finish(path, std::move(result));
    return;
  }
  const Instant now = loop_.now();
  const bool heard = heard_since(path.host, now - kLately);
  if (read.state == core::PowerState::kOff && heard && stands_alone(path)) {
    suspicions_.push_back({path, std::move(result), now});
    return;
  }
  result.host_heard = heard && stands_alone(path);
  ask_identity(path, result);
}

// One of two feeds may well be off while the host runs: that is what the other one is for.
bool DrillService::stands_alone(const core::DrillPath& path) const {
  const auto host = engine_.state().hosts.find(path.host);
  return host == engine_.state().hosts.end() || !core::shares_level(host->second, path.device);
}

bool DrillService::heard_since(HostId host, Instant since) const {
  const auto last = options_.last_heard ? options_.last_heard(host) : std::nullopt;
  return last && *last > since;
}

// A beat that left the host before it lost power may come a little later than that.
void DrillService::look_again() {
  const Instant now = loop_.now();
  std::vector<Suspicion> ready;
  std::vector<Suspicion> later;
  for (Suspicion& suspicion : suspicions_) {
    const bool due = now - suspicion.read_at >= options_.second_look;
    (due ? ready : later).push_back(std::move(suspicion));
  }
  suspicions_ = std::move(later);
  for (Suspicion& suspicion : ready) {
    if (drop_outdated(suspicion.path)) continue;
    core::DrillResult& result = suspicion.result;
    const Duration under_way = options_.second_look / 3;
    result.host_heard = heard_since(suspicion.path.host, suspicion.read_at + under_way);
    if (!result.host_heard) {
      ask_identity(suspicion.path, result);
      continue;
    }
    result.text = "it reads off while the host runs: it switches another machine, or nothing";
    finish(suspicion.path, std::move(result));
  }
}

void DrillService::ask_identity(const core::DrillPath& path, const core::DrillResult& result) {
  const Status asked =
      power_.identify({path.host, path.device}, path.executor, kDrillDeadline,
                      [this, alive = alive_, path, result](const port::IdentityResult& identity) {
                        if (*alive) on_identity(path, result, identity);
                      });
  if (!asked) finish(path, result);
}

void DrillService::on_identity(const core::DrillPath& path, core::DrillResult result,
                               const port::IdentityResult& identity) {
  if (drop_outdated(path)) return;
  const HostRecord* const host = inventory_.hosts().find_live(path.host);
  if (host != nullptr && identity.outcome == core::Outcome::kConfirmed) {
    const core::MachineFacts device{identity.identity.uuid, identity.identity.serial};
    const core::MachineFacts told = machine_facts(*host);
    result.identity = core::compare_identity(device, told);
    if (result.identity == core::IdentityVerdict::kOther) {
      result.text = std::string(path.device ? "this device" : "this BMC") +
                    " belongs to another machine: it says " + core::describe(device) +
                    ", the host says " + core::describe(told);
    }
  }
  finish(path, std::move(result));
}

void DrillService::finish(const core::DrillPath& path, core::DrillResult result) {
  under_way_.erase(path);
  book_.record(path, std::move(result), loop_.now());
  keep_doubts();
  tell_changes(path);
  answer_wishes(path);
}

// Also while the store cannot write: the row waits in its batch then, and the doubt holds.
void DrillService::keep_doubts() {
  const core::DrillBook::Doubts& doubts = book_.doubts();
  for (const auto& [device, doubt] : doubts) {
    const auto kept = kept_.find(device);
    if (kept != kept_.end() && kept->second == doubt) continue;
    engine_.put(DeviceDoubt{device.first, device.second, doubt.other_machine, doubt.contradicted,
                            doubt.text});
  }
  for (const auto& [device, doubt] : kept_) {
    if (!doubts.contains(device)) engine_.put(DoubtEnded{device.first, device.second});
  }
  kept_ = doubts;
}

// Ids are never given out twice: nobody will ask for these devices again.
void DrillService::forget_gone() {
  const core::DrillBook::Doubts doubts = book_.doubts();
  for (const auto& [device, doubt] : doubts) {
    const FenceDevice* const record = inventory_.fence_devices().find(device.second);
    const bool there = !device.second || (record != nullptr && record->host == device.first);
    if (inventory_.hosts().find_live(device.first) != nullptr && there) continue;
    book_.forget(device.first, device.second, loop_.now());
  }
  keep_doubts();
}

std::string DrillService::device_name(const core::DrillPath& path) const {
  if (!path.device) return "its BMC";
  const FenceDevice* const device = inventory_.fence_devices().find(path.device);
  return "its fence device " + (device == nullptr ? std::string("(gone)") : device->name);
}

// Told when it gets worse and when it is good again, not at every trial between.
void DrillService::tell_changes(const core::DrillPath& path) {
  const Feed feed{path.host, path.device};
  const HostRecord* const host = inventory_.hosts().find_live(path.host);
  if (host == nullptr || !engine_.admits()) return;
  const core::DrillView view = book_.device_view(path.host, path.device, loop_.now());
  const auto told = told_.find(feed);
  NewEvent event;
  event.resource_type = "Host";
  event.resource_uuid = host->uuid;
  if (is_alarming(view.state)) {
    const bool known = told != told_.end() &&
                       (told->second == view.state || told->second == core::DrillState::kBad);
    if (known) return;
    told_[feed] = view.state;
    event.type = "HOST.FENCE.DRILL.FAILED";
    event.level = view.state == core::DrillState::kBad ? EventLevel::kError : EventLevel::kWarn;
    event.description = "Fence drill of host " + host->name + ": " + device_name(path) + " is " +
                        std::string(core::to_string(view.state)) + ": " + view.reason;
  } else if (view.state == core::DrillState::kGood && told != told_.end()) {
    told_.erase(told);
    event.type = "HOST.FENCE.DRILL.RECOVERED";
    event.description =
        "Fence drill of host " + host->name + ": " + device_name(path) + " is good again";
  } else {
    return;
  }
  engine_.note_event(std::move(event));
}

void DrillService::answer_wishes(const core::DrillPath& path) {
  std::vector<std::function<void()>> fulfilled;
  for (Wish& wish : wishes_) {
    if (wish.open.erase(path) != 0 && wish.open.empty()) fulfilled.push_back(std::move(wish.done));
  }
  std::erase_if(wishes_, [](const Wish& wish) { return wish.open.empty(); });
  for (const auto& done : fulfilled) done();
}

Status DrillService::check_run(HostId host) {
  sync();
  if (!book_.paths_of(host).empty()) return {};
  return fail(ErrorKind::kNotFound,
              "the host has neither out-of-band management that is enabled nor fence devices");
}

Status DrillService::run_now(HostId host, std::function<void()> done) {
  MOLD_TRY_VOID(check_run(host));
  Wish wish;
  for (const core::DrillPath& path : book_.paths_of(host)) {
    begin(path);
    if (under_way_.contains(path)) wish.open.insert(path);
  }
  if (wish.open.empty())
    return fail(ErrorKind::kBusy, "its power devices are busy with other requests; try again");
  wish.done = std::move(done);
  wishes_.push_back(std::move(wish));
  return {};
}

void DrillService::run_when_durable(HostId host, std::function<void(const Status&)> done) {
  engine_.when_durable([this, alive = alive_, host, done = std::move(done)](const Status& stored) {
    if (!*alive) return;
    if (!stored) {
      done(fail(ErrorKind::kUnavailable,
                "nothing was asked, the drill could not be stored: " + stored.error().what));
      return;
    }
    if (const Status begun = run_now(host, [done] { done({}); }); !begun) done(begun);
  });
}

// Among those that drill for the host: what is not known of the others is no reason to ask them.
HostId DrillService::choose(const Feed& feed) const {
  if (options_.executor == nullptr) return {};
  std::vector<HostId> candidates;
  for (const core::DrillPath& path : book_.paths_of(feed.host)) {
    const bool other = path.device == feed.device && path.executor;
    if (other && options_.executor->available(path.executor)) candidates.push_back(path.executor);
  }
  return core::choose_executor(book_, feed.host, feed.device, candidates, loop_.now());
}

void DrillService::note_use(const Feed& feed, HostId executor, bool reached) {
  book_.note_use({feed.host, feed.device, executor}, reached, loop_.now());
}

std::string DrillService::veto(const Feed& feed) const {
  if (power_setting(inventory_, kIdentityEnforced) == 0) return {};
  return book_.distrust(feed.host, feed.device);
}

void DrillService::forget(const Feed& feed) {
  sync();
  book_.forget(feed.host, feed.device, loop_.now());
  keep_doubts();
  told_.erase(feed);
}

}  // namespace mold::manager
