#include "fencing/fence_mold/manager_fencer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/text.h"

namespace mold::fence_mold {
namespace {

using core::PowerState;
using Json = nlohmann::json;

constexpr int kPageSize = 500;
constexpr int kMostPages = 1'000;
constexpr Duration kPause = 200ms;
constexpr Duration kMayBeAway = 5s;  // a manager that restarts while a job runs
constexpr Duration kLongPoll = 10s;  // how long it may keep a question about a job

// Another manager may do better. Everything else is an answer.
bool is_away(const Error& error) {
  return error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kUnknown ||
         error.kind == ErrorKind::kTimeout || error.kind == ErrorKind::kCorrupt;
}

PowerState state_named(const std::string& name) {
  if (name == "On") return PowerState::kOn;
  if (name == "Off") return PowerState::kOff;
  return PowerState::kUnknown;
}

const Json& inner(const Json& object, const char* key) {
  static const Json none = Json::object();
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : none;
}

bool is_true(const Json& object, const char* key) {
  if (!object.is_object()) return false;
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

ManagerFencer::ManagerFencer(runtime::EventLoop& loop, ManagerAccess access, Options options,
                             Say say)
    : loop_(loop),
      api_(loop, std::move(access)),
      options_(std::move(options)),
      say_(std::move(say)) {}

void ManagerFencer::begin(Duration limit) {
  deadline_ = loop_.now() + limit;
}

Status ManagerFencer::on_some_manager(const std::function<Status(const std::string&)>& work) {
  Error worst{ErrorKind::kUnavailable, ""};
  for (const std::string& url : options_.urls) {
    const Status done = work(url);
    if (done || !is_away(done.error())) return done;
    say_(url + ": " + done.error().text());
    worst.what += (worst.what.empty() ? "" : "; ") + url + ": " + done.error().what;
    // Something may have been carried out by a manager that went away over it.
    if (done.error().kind != ErrorKind::kUnavailable) worst.kind = done.error().kind;
    if (loop_.now() >= deadline_) break;
  }
  return fail(std::move(worst));
}

Result<std::vector<ManagerFencer::HostRow>> ManagerFencer::hosts(const std::string& url,
                                                                 runtime::QueryParams filter) {
  std::vector<HostRow> rows;
  filter["type"] = "Routing";
  filter["pagesize"] = std::to_string(kPageSize);
  for (int page = 1; page <= kMostPages; ++page) {
    filter["page"] = std::to_string(page);
    MOLD_TRY(const Json answer, api_.call(url, "listHosts", filter, deadline_));
    const auto list = answer.find("host");
    if (list == answer.end() || !list->is_array() || list->empty()) break;
    for (const Json& host : *list) {
      const Json& power = inner(host, "outofbandmanagement");
      rows.push_back({text_of(host, "id"), text_of(host, "name"), is_true(power, "enabled"),
                      state_named(text_of(power, "powerstate"))});
    }
    if (static_cast<std::int64_t>(rows.size()) >= number_of(answer, "count")) break;
  }
  return rows;
}

Result<ManagerFencer::HostRow> ManagerFencer::find(const std::string& url) {
  const std::string& plug = options_.plug;
  const bool by_id = is_uuid(plug);
  MOLD_TRY(std::vector<HostRow> rows, hosts(url, {{by_id ? "id" : "name", plug}}));
  // A filter that a manager does not know, or understands more widely, must not fence a neighbour.
  std::erase_if(rows, [&](const HostRow& row) {
    return row.id.empty() || (by_id ? !iequals(row.id, plug) : row.name != plug);
  });
  if (rows.empty()) return fail(ErrorKind::kNotFound, "the manager knows no host '" + plug + "'");
  if (rows.size() > 1)
    return fail(ErrorKind::kInvalid, std::to_string(rows.size()) + " hosts are called '" + plug +
                                         "': name it by its id");
  if (!rows.front().enabled)
    return fail(ErrorKind::kUnsupported,
                "out-of-band management of host " + plug + " is not configured and enabled");
  return std::move(rows.front());
}

Result<PowerState> ManagerFencer::wait_job(const std::string& url, const std::string& job) {
  Instant heard = loop_.now();
  while (loop_.now() < deadline_) {
    const Instant asked = loop_.now();
    const auto patience =
        std::clamp((deadline_ - asked) / 1'000, Duration{1}, kLongPoll / 1'000).count();
    const auto answer = api_.call(url, "queryAsyncJobResult",
                                  {{"jobid", job}, {"wait", std::to_string(patience)}}, deadline_);
    if (answer) {
      heard = loop_.now();
      const std::int64_t status = number_of(*answer, "jobstatus");
      const Json& result = inner(*answer, "jobresult");
      if (status == 1) {
        const Json& power = inner(result, "outofbandmanagement");
        say_("job " + job + ": " + text_of(power, "powerstate") + " " +
             text_of(power, "description"));
        return state_named(text_of(power, "powerstate"));
      }
      if (status != 0) {
        const std::string text = text_of(result, "errortext");
        return fail(ErrorKind::kConflict, text.empty() ? "the job failed" : text);
      }
    } else if (!is_away(answer.error()) || loop_.now() - heard > kMayBeAway) {
      return fail(answer.error());
    }
    // A manager that does not know `wait`, or is away, answers in no time.
    if (loop_.now() - asked < kPause) loop_.run_until([] { return false; }, kPause);
  }
  return fail(ErrorKind::kTimeout, "the manager's job " + job + " did not end in time");
}

Result<PowerState> ManagerFencer::act(const std::string& url, const HostRow& host,
                                      const std::string& action) {
  MOLD_TRY(const Json begun, api_.call(url, "issueOutOfBandManagementPowerAction",
                                       {{"hostid", host.id}, {"action", action}}, deadline_));
  const std::string job = text_of(begun, "jobid");
  if (job.empty()) return fail(ErrorKind::kCorrupt, "the manager named no job");
  say_(url + ": power " + action + " of host " + host.name + " is job " + job);
  return wait_job(url, job);
}

// The manager's power action reaches the host's BMC. Where other devices stand beside it on the
// first level (a second feed), the BMC reading off is not the host being off.
Status ManagerFencer::check_alone(const std::string& url, const HostRow& host) {
  MOLD_TRY(const Json answer,
           api_.call(url, "listFenceDevices",
                     {{"hostid", host.id}, {"pagesize", "100"}, {"page", "1"}}, deadline_));
  const auto list = answer.find("fencedevice");
  if (list == answer.end() || !list->is_array()) return {};
  for (const Json& device : *list) {
    if (number_of(device, "level") > 1 || !is_true(device, "enabled")) continue;
    return fail(ErrorKind::kUnsupported, "host " + host.name +
                                             " has more power devices on level 1 (" +
                                             text_of(device, "name") +
                                             "): its BMC alone does not prove it off; use --direct "
                                             "devices in a Pacemaker fencing topology");
  }
  return {};
}

Result<PowerState> ManagerFencer::read() {
  begin(options_.power_timeout);
  PowerState state = PowerState::kUnknown;
  MOLD_TRY_VOID(on_some_manager([&](const std::string& url) -> Status {
    MOLD_TRY(const HostRow host, find(url));
    if (const Status alone = check_alone(url, host); !alone) return alone;
    MOLD_TRY(state, act(url, host, "STATUS"));
    return {};
  }));
  if (state == PowerState::kUnknown)
    return fail(ErrorKind::kConflict, "the manager could not read the power state");
  return state;
}

Status ManagerFencer::bring_through(const std::string& url, PowerState wished) {
  MOLD_TRY(const HostRow host, find(url));
  MOLD_TRY_VOID(check_alone(url, host));
  const auto acted = act(url, host, wished == PowerState::kOn ? "ON" : "OFF");
  if (acted && *acted == wished) return {};
  if (!acted && (is_away(acted.error()) || acted.error().kind == ErrorKind::kCancelled ||
                 acted.error().kind == ErrorKind::kDenied))
    return fail(acted.error());
  // It may have worked all the same: what counts is what can be read.
  deadline_ = std::max(deadline_, loop_.now() + kGrace);
  const auto seen = act(url, host, "STATUS");
  if (seen && *seen == wished) return {};
  const std::string why = acted ? "the state read back is another one" : acted.error().what;
  return fail(ErrorKind::kConflict, "host " + host.name + ": " + why);
}

Status ManagerFencer::bring(PowerState wished, Duration at_most) {
  begin(std::min(options_.power_timeout, at_most));
  return on_some_manager([&](const std::string& url) { return bring_through(url, wished); });
}

Result<std::vector<Plug>> ManagerFencer::list() {
  begin(options_.power_timeout);
  std::vector<Plug> plugs;
  MOLD_TRY_VOID(on_some_manager([&](const std::string& url) -> Status {
    MOLD_TRY(const std::vector<HostRow> rows, hosts(url, {}));
    for (const HostRow& row : rows) {
      if (row.enabled && !row.name.empty()) plugs.push_back({row.name, row.id, row.state});
    }
    return {};
  }));
  return plugs;
}

Status ManagerFencer::monitor() {
  if (!options_.plug.empty()) {
    begin(options_.power_timeout);
    return on_some_manager([&](const std::string& url) -> Status {
      MOLD_TRY_VOID(find(url));
      return {};
    });
  }
  MOLD_TRY_VOID(list());
  return {};
}

}  // namespace mold::fence_mold
