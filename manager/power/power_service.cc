#include "manager/power/power_service.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "lib/runtime/event_loop.h"
#include "manager/inventory/checks.h"

namespace mold::manager {
namespace {

constexpr std::size_t kAnsweredRemembered = 4096;
// What ipmitool and IPMI 2.0 itself take; longer ones are cut off silently or refused at the time
// of need.
constexpr std::size_t kIpmiUserMost = 16;
constexpr std::size_t kIpmiPasswordMost = 20;

bool is_reading(const core::RequestPower& request) {
  return request.verb == core::PowerVerb::kStatus;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

core::PowerAnswered not_carried_out(const core::RequestPower& wanted, std::string text) {
  core::PowerAnswered answer;
  answer.op = wanted.op;
  answer.host = wanted.host;
  answer.verb = wanted.verb;
  answer.outcome = core::Outcome::kFailed;
  answer.text = std::move(text);
  return answer;
}

}  // namespace

bool is_wanted(const core::State& state, const core::RequestPower& request) {
  const auto host = state.hosts.find(request.host);
  if (host == state.hosts.end()) return false;
  if (host->second.fence.op == request.op || host->second.status_op == request.op) return true;
  return std::any_of(state.jobs.begin(), state.jobs.end(), [&request](const auto& entry) {
    return entry.second.op == request.op && entry.second.status == core::JobStatus::kPending;
  });
}

PowerService::PowerService(Engine& engine, Inventory& inventory, const SecretBox& box,
                           port::PowerControl& driver, Options options)
    : engine_(engine),
      inventory_(inventory),
      box_(box),
      driver_(driver),
      options_(std::move(options)),
      alive_(std::make_shared<bool>(true)) {}

PowerService::~PowerService() {
  *alive_ = false;
}

void PowerService::request(const core::RequestPower& wanted) {
  if (!known_.insert(wanted.op).second) return;
  lines_[wanted.host].queue.push_back(wanted);
  next(wanted.host);
}

bool PowerService::is_wanted_still(const core::RequestPower& request) const {
  return options_.wanted ? options_.wanted(request) : is_wanted(engine_.state(), request);
}

// Answers what nobody waits for any more; what is under way is left to its end.
void PowerService::withdraw(HostId host) {
  std::deque<core::RequestPower> kept;
  std::deque<core::RequestPower> dropped;
  for (core::RequestPower& request : lines_[host].queue)
    (is_wanted_still(request) ? kept : dropped).push_back(std::move(request));
  lines_[host].queue = std::move(kept);
  for (const core::RequestPower& request : dropped)
    answer_failed(request, "withdrawn: not wanted any more");
}

void PowerService::next(HostId host) {
  withdraw(host);
  Line& line = lines_[host];
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
  const auto target = target_of(wanted.host);
  if (!target) {
    answer_failed(wanted, target.error().what);
    return;
  }
  Line& line = lines_[wanted.host];
  (is_reading(wanted) ? line.reading : line.acting) = true;
  driver_.request(*target, wanted.verb, wanted.deadline,
                  [this, alive = alive_, wanted, acts = line.acts](const port::PowerResult& r) {
                    if (*alive) on_answer(wanted, acts, r);
                  });
}

void PowerService::answer_failed(const core::RequestPower& wanted, std::string text) {
  remember_answered(wanted.op);
  engine_.submit(not_carried_out(wanted, std::move(text)));
}

void PowerService::on_answer(const core::RequestPower& wanted, unsigned acts_before,
                             const port::PowerResult& result) {
  Line& line = lines_[wanted.host];
  const bool latest = !is_reading(wanted) || acts_before == line.acts;
  (is_reading(wanted) ? line.reading : line.acting) = false;
  if (!is_reading(wanted)) ++line.acts;
  remember_answered(wanted.op);
  if (latest) {
    readings_[wanted.host] =
        Reading{result.state, result.outcome, runtime::wall_time_now(), result.text};
  }
  core::PowerAnswered answer;
  answer.op = wanted.op;
  answer.host = wanted.host;
  answer.verb = wanted.verb;
  answer.outcome = result.outcome;
  answer.state = result.state;
  answer.text = result.text;
  engine_.submit(std::move(answer));
  next(wanted.host);
}

void PowerService::remember_answered(OpId op) {
  answered_.push_back(op);
  if (answered_.size() <= kAnsweredRemembered) return;
  known_.erase(answered_.front());
  answered_.pop_front();
}

Result<port::PowerTarget> PowerService::target_of(HostId host) const {
  const HostRecord* const record = inventory_.hosts().find_live(host);
  if (record == nullptr) return fail(ErrorKind::kNotFound, "no such host");
  const OobmSettings& oobm = record->oobm;
  if (!oobm.configured || !oobm.enabled)
    return fail(ErrorKind::kUnsupported, "out-of-band management is not configured and enabled");
  port::PowerTarget target;
  target.driver = oobm.driver;
  target.address = oobm.address;
  target.port = oobm.port;
  target.username = oobm.username;
  MOLD_TRY(target.password, box_.open_oobm_password(*record));
  return target;
}

Status PowerService::configure(HostId host, const OobmSettings& settings, const Secret& password) {
  const HostRecord* const old = inventory_.hosts().find_live(host);
  if (old == nullptr) return fail(ErrorKind::kNotFound, "no such host");
  const auto& drivers = options_.drivers;
  if (std::find(drivers.begin(), drivers.end(), settings.driver) == drivers.end())
    return fail(ErrorKind::kInvalid, "driver: must be one of " + joined(drivers));
  if (settings.address.empty()) return fail(ErrorKind::kInvalid, "address: must not be empty");
  MOLD_TRY_VOID(check_address("address", settings.address));
  const auto port = parse_number<std::uint16_t>(settings.port);
  if (!port || *port == 0) return fail(ErrorKind::kInvalid, "port: must be from 1 to 65535");
  MOLD_TRY_VOID(check_name("username", settings.username));
  if (settings.driver == "ipmitool") {
    if (settings.username.size() > kIpmiUserMost)
      return fail(ErrorKind::kInvalid, "username: IPMI takes at most 16 bytes");
    if (password.reveal().size() > kIpmiPasswordMost)
      return fail(ErrorKind::kInvalid, "password: IPMI takes at most 20 bytes");
  }
  HostRecord record = *old;
  record.oobm.configured = true;
  record.oobm.driver = settings.driver;
  record.oobm.address = settings.address;
  record.oobm.port = settings.port;
  record.oobm.username = settings.username;
  MOLD_TRY(record.oobm.sealed_password, box_.seal_oobm_password(record.uuid, password));
  return inventory_.update(record);
}

const PowerService::Reading* PowerService::latest(HostId host) const {
  const auto found = readings_.find(host);
  return found == readings_.end() ? nullptr : &found->second;
}

std::size_t PowerService::waiting() const {
  std::size_t count = 0;
  for (const auto& [host, line] : lines_)
    count += line.queue.size() + (line.acting ? 1 : 0) + (line.reading ? 1 : 0);
  return count;
}

}  // namespace mold::manager
