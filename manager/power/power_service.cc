#include "manager/power/power_service.h"

#include <algorithm>
#include <utility>

#include "core/fencing/fencing.h"
#include "core/fencing/ladder.h"
#include "lib/runtime/event_loop.h"

namespace mold::manager {
namespace {

constexpr std::size_t kAnsweredRemembered = 4096;

bool is_reading(const core::RequestPower& request) {
  return request.verb == core::PowerVerb::kStatus;
}

Feed feed_of(const core::RequestPower& request) {
  return {request.host, request.device};
}

// Whether anybody at the device answered, whatever it said.
bool reached(const port::PowerResult& result) {
  if (result.state != core::PowerState::kUnknown) return true;
  return result.outcome == core::Outcome::kFailed && result.error != ErrorKind::kUnavailable &&
         result.error != ErrorKind::kTimeout && result.error != ErrorKind::kUnknown;
}

core::PowerAnswered not_carried_out(const core::RequestPower& wanted, std::string text) {
  core::PowerAnswered answer;
  answer.op = wanted.op;
  answer.host = wanted.host;
  answer.device = wanted.device;
  answer.verb = wanted.verb;
  answer.outcome = core::Outcome::kFailed;
  answer.text = std::move(text);
  return answer;
}

}  // namespace

bool is_wanted(const core::State& state, const core::RequestPower& request) {
  const auto host = state.hosts.find(request.host);
  if (host == state.hosts.end()) return false;
  const core::Host& known = host->second;
  if (known.fence.op == request.op || known.status_op == request.op) return true;
  // It beats again: whoever asked for the off would call it off now.
  if (core::waits_for(known.fence.ladder, request.op)) return is_reading(request) || !known.link_up;
  return std::any_of(state.jobs.begin(), state.jobs.end(), [&request](const auto& entry) {
    return entry.second.op == request.op && entry.second.status == core::JobStatus::kPending;
  });
}

PowerService::PowerService(Engine& engine, Inventory& inventory, const SecretBox& box,
                           port::PowerControl& driver, Options options)
    : engine_(engine),
      inventory_(inventory),
      driver_(driver),
      options_(std::move(options)),
      targets_(inventory, box, driver, {options_.drivers, options_.late_change}),
      alive_(std::make_shared<bool>(true)) {}

PowerService::~PowerService() {
  *alive_ = false;
}

void PowerService::set_executor(PowerExecutor* executor, Chooser chooser) {
  executor_ = executor;
  chooser_ = std::move(chooser);
}

void PowerService::request(const core::RequestPower& wanted) {
  if (!known_.insert(wanted.op).second) return;
  core::RequestPower taken = wanted;
  if (const auto own = deadlines_.extract(wanted.op)) taken.deadline = own.mapped();
  lines_[feed_of(taken)].queue.push_back(taken);
  next(feed_of(taken));
}

void PowerService::set_deadline(OpId op, Duration deadline) {
  deadlines_[op] = deadline;
}

bool PowerService::is_wanted_still(const core::RequestPower& request) const {
  return options_.wanted ? options_.wanted(request) : is_wanted(engine_.state(), request);
}

// Answers what nobody waits for any more; what is under way is left to its end.
void PowerService::withdraw(const Feed& feed) {
  std::deque<core::RequestPower> kept;
  std::deque<core::RequestPower> dropped;
  for (core::RequestPower& request : lines_[feed].queue)
    (is_wanted_still(request) ? kept : dropped).push_back(std::move(request));
  lines_[feed].queue = std::move(kept);
  for (const core::RequestPower& request : dropped)
    answer_failed(request, "withdrawn: not wanted any more");
}

void PowerService::next(const Feed& feed) {
  withdraw(feed);
  Line& line = lines_[feed];
  while (!line.acting && !line.queue.empty()) {
    const auto act = std::find_if_not(line.queue.begin(), line.queue.end(), is_reading);
    const bool off = act != line.queue.end() && act->verb == core::PowerVerb::kOff;
    const auto chosen = off ? act : line.queue.begin();
    if (!off && line.reading) return;
    const core::RequestPower wanted = *chosen;
    line.queue.erase(chosen);
    dispatch(wanted);
  }
}

void PowerService::dispatch(const core::RequestPower& wanted) {
  const Feed feed = feed_of(wanted);
  const auto opened = targets_.open(feed);
  if (!opened) {
    answer_failed(wanted, opened.error().what);
    return;
  }
  if (const std::string why = veto_ ? veto_(feed) : std::string{}; !why.empty()) {
    answer_failed(wanted, "not used: " + why);
    return;
  }
  Line& line = lines_[feed];
  (is_reading(wanted) ? line.reading : line.acting) = true;
  const HostId executor = usable(chooser_ ? chooser_(feed) : HostId{});
  const Sending sent{feed, executor, wanted.op, wanted.verb, wanted.deadline, revision(feed)};
  send(sent, *opened, [this, wanted, sent, acts = line.acts](const port::PowerResult& result) {
    on_answer(wanted, sent, acts, result);
  });
}

void PowerService::answer_failed(const core::RequestPower& wanted, std::string text) {
  remember_answered(wanted.op);
  engine_.submit(not_carried_out(wanted, std::move(text)));
}

void PowerService::on_answer(const core::RequestPower& wanted, const Sending& sent,
                             unsigned acts_before, const port::PowerResult& result) {
  const Feed feed = feed_of(wanted);
  const bool outdated = is_outdated(sent);
  if (used_ && !outdated) used_(feed, sent.executor, reached(result));
  Line& line = lines_[feed];
  const bool latest = !outdated && (!is_reading(wanted) || acts_before == line.acts);
  (is_reading(wanted) ? line.reading : line.acting) = false;
  if (!is_reading(wanted)) ++line.acts;
  remember_answered(wanted.op);
  if (latest) note_reading(feed, result);
  core::PowerAnswered answer;
  answer.op = wanted.op;
  answer.host = wanted.host;
  answer.device = wanted.device;
  answer.verb = wanted.verb;
  answer.outcome = result.outcome;
  answer.state = result.state;
  answer.text = result.text;
  // A drill may have found out while this was under way.
  if (const std::string why = veto_ ? veto_(feed) : std::string{}; !why.empty()) {
    answer.outcome = core::Outcome::kUnknown;
    answer.state = core::PowerState::kUnknown;
    answer.text = "not counted: " + why;
  }
  engine_.submit(std::move(answer));
  next(feed);
}

// A change from on to off or back is told once, whoever read it. What it was before our time is not
// known, so the first reading is no change; silence is none either, the poll tells of that.
void PowerService::note_reading(const Feed& feed, const port::PowerResult& result) {
  Reading& reading = readings_[feed];
  const core::PowerState before = reading.known;
  const bool clear = result.state != core::PowerState::kUnknown;
  reading = Reading{result.state, result.outcome, runtime::wall_time_now(), result.text,
                    clear ? result.state : before};
  const HostRecord* const host = inventory_.hosts().find_live(feed.host);
  const bool changed = before != core::PowerState::kUnknown && reading.known != before;
  if (!changed || feed.device || host == nullptr || !engine_.admits()) return;
  NewEvent event;
  event.type = "HOST.OOBM.POWER_STATE_TRANSITION";
  event.description = "Power of host " + host->name + ": " + std::string(core::to_string(before)) +
                      " -> " + std::string(core::to_string(reading.known));
  event.resource_type = "Host";
  event.resource_uuid = host->uuid;
  engine_.note_event(std::move(event));
}

void PowerService::remember_answered(OpId op) {
  deadlines_.erase(op);
  answered_.push_back(op);
  if (answered_.size() <= kAnsweredRemembered) return;
  known_.erase(answered_.front());
  answered_.pop_front();
}

Status PowerService::read(Feed feed, HostId executor, Duration deadline, Done done) {
  MOLD_TRY_VOID(check_executor(executor));
  const Line& line = lines_[feed];
  if (line.acting || line.reading || !line.queue.empty())
    return fail(ErrorKind::kBusy, "another request to this device is under way");
  MOLD_TRY(const PowerTargets::Opened opened, targets_.open(feed));
  const Sending sent{feed, executor, OpId{}, core::PowerVerb::kStatus, deadline, revision(feed)};
  send(sent, opened,
       [this, sent, acts = line.acts, done = std::move(done)](const port::PowerResult& result) {
         const Line& now = lines_[sent.feed];
         if (acts == now.acts && !now.acting && !is_outdated(sent)) note_reading(sent.feed, result);
         done(result);
       });
  return {};
}

Status PowerService::identify(Feed feed, HostId executor, Duration deadline,
                              std::function<void(port::IdentityResult)> done) {
  MOLD_TRY_VOID(check_executor(executor));
  MOLD_TRY(const PowerTargets::Opened opened, targets_.open(feed));
  const auto answer = [this, alive = alive_, feed, asked = revision(feed),
                       done = std::move(done)](port::IdentityResult result) {
    if (!*alive) return;
    if (asked != revision(feed)) {
      result = {};
      result.error = ErrorKind::kConflict;
      result.text = core::kSettingsChanged;
    }
    done(std::move(result));
  };
  if (executor)
    executor_->identify(executor, opened.target, deadline, answer);
  else
    driver_.identify(opened.target, deadline, answer);
  return {};
}

Status PowerService::check_change_password(HostId host, const Secret& fresh) const {
  MOLD_TRY_VOID(targets_.open(Feed{host, {}}).transform([](const auto&) {}));
  if (const std::string why = veto_ ? veto_(Feed{host, {}}) : std::string{}; !why.empty())
    return fail(ErrorKind::kConflict, "not changed: " + why);
  return targets_.check_change(host, fresh);
}

Status PowerService::change_password(HostId host, const Secret& fresh, Duration deadline,
                                     Done done) {
  MOLD_TRY_VOID(check_change_password(host, fresh));
  MOLD_TRY(const PowerTargets::Opened opened, targets_.open(Feed{host, {}}));
  MOLD_TRY(const std::string change, targets_.begin_change(host, fresh));
  engine_.when_durable([this, alive = alive_, host, change, fresh, deadline, done = std::move(done),
                        target = opened.target,
                        asked = revision(Feed{host, {}})](const Status& stored) {
    if (!*alive) return;
    std::string why;
    if (!stored) {
      why = "nothing was sent, the new password could not be stored: " + stored.error().what;
    } else if (asked != revision(Feed{host, {}})) {
      why = "nothing was sent: ";
      why += core::kSettingsChanged;
    }
    if (why.empty()) {
      send_change(host, change, target, fresh, deadline, done);
      return;
    }
    targets_.end_change(host, change, core::Outcome::kFailed);
    done({.outcome = core::Outcome::kFailed,
          .error = stored ? ErrorKind::kConflict : ErrorKind::kUnavailable,
          .text = std::move(why)});
  });
  return {};
}

// Both passwords are durable.
void PowerService::send_change(HostId host, const std::string& change,
                               const port::PowerTarget& target, const Secret& fresh,
                               Duration deadline, const Done& done) {
  driver_.change_password(target, fresh, deadline,
                          [this, alive = alive_, host, change, done,
                           asked = revision(Feed{host, {}})](const port::PowerResult& result) {
                            if (!*alive) return;
                            targets_.end_change(host, change, result.outcome);
                            if (asked == revision(Feed{host, {}})) {
                              done(result);
                              return;
                            }
                            done({.error = ErrorKind::kConflict, .text = core::kSettingsChanged});
                          });
}

Status PowerService::configure(HostId host, const OobmSettings& settings, const Secret& password) {
  MOLD_TRY(const bool changed, targets_.configure(host, settings, password));
  if (changed) settings_changed(Feed{host, {}});
  return {};
}

std::uint64_t PowerService::revision(const Feed& feed) const {
  const auto found = revisions_.find(feed);
  return found == revisions_.end() ? 0 : found->second;
}

bool PowerService::is_outdated(const Sending& sent) const {
  return sent.revision != revision(sent.feed);
}

// In the transaction that changes the record, so that no crash leaves one without the other.
void PowerService::settings_changed(const Feed& feed) {
  switched_off(feed);
  if (changed_) changed_(feed);
}

void PowerService::switched_off(const Feed& feed) {
  ++revisions_[feed];
  readings_.erase(feed);
  engine_.submit(core::PowerSettingsChanged{feed.host, feed.device});
}

const PowerService::Reading* PowerService::latest(const Feed& feed) const {
  const auto found = readings_.find(feed);
  return found == readings_.end() ? nullptr : &found->second;
}

std::size_t PowerService::waiting() const {
  std::size_t count = 0;
  for (const auto& [feed, line] : lines_)
    count += line.queue.size() + (line.acting ? 1 : 0) + (line.reading ? 1 : 0);
  return count;
}

}  // namespace mold::manager
