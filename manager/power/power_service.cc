#include "manager/power/power_service.h"

#include <utility>

#include "lib/base/text.h"
#include "lib/runtime/event_loop.h"
#include "manager/inventory/checks.h"

namespace mold::manager {
namespace {

constexpr std::size_t kAnsweredRemembered = 4096;

bool is_known_driver(const std::string& driver) {
  return driver == "ipmitool" || driver == "redfish";
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

PowerService::PowerService(Engine& engine, Inventory& inventory, const SecretBox& box,
                           port::PowerControl& driver)
    : engine_(engine),
      inventory_(inventory),
      box_(box),
      driver_(driver),
      alive_(std::make_shared<bool>(true)) {}

PowerService::~PowerService() {
  *alive_ = false;
}

void PowerService::request(const core::RequestPower& wanted) {
  if (!known_.insert(wanted.op).second) return;
  lines_[wanted.host].queue.push_back(wanted);
  next(wanted.host);
}

void PowerService::next(HostId host) {
  Line& line = lines_[host];
  if (line.busy || line.queue.empty()) return;
  const core::RequestPower wanted = line.queue.front();
  line.queue.pop_front();
  line.busy = true;
  const auto target = target_of(host);
  if (!target) {
    line.busy = false;
    remember_answered(wanted.op);
    engine_.submit(not_carried_out(wanted, target.error().what));
    next(host);
    return;
  }
  driver_.request(*target, wanted.verb, wanted.deadline,
                  [this, alive = alive_, wanted](const port::PowerResult& result) {
                    if (*alive) on_answer(wanted, result);
                  });
}

void PowerService::on_answer(const core::RequestPower& wanted, const port::PowerResult& result) {
  lines_[wanted.host].busy = false;
  remember_answered(wanted.op);
  readings_[wanted.host] =
      Reading{result.state, result.outcome, runtime::wall_time_now(), result.text};
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
  if (!is_known_driver(settings.driver))
    return fail(ErrorKind::kInvalid, "driver: must be ipmitool or redfish");
  if (settings.address.empty()) return fail(ErrorKind::kInvalid, "address: must not be empty");
  MOLD_TRY_VOID(check_address("address", settings.address));
  const auto port = parse_number<std::uint16_t>(settings.port);
  if (!port || *port == 0) return fail(ErrorKind::kInvalid, "port: must be from 1 to 65535");
  MOLD_TRY_VOID(check_name("username", settings.username));
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
  for (const auto& [host, line] : lines_) count += line.queue.size() + (line.busy ? 1 : 0);
  return count;
}

}  // namespace mold::manager
