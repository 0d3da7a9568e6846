#include "fencing/drivers/fence_agent_text.h"

#include <algorithm>
#include <array>

#include "fencing/drivers/power_agent.h"
#include "fencing/drivers/target_text.h"
#include "lib/base/text.h"

namespace mold::fencing {
namespace {

using core::PowerState;

constexpr std::string_view kArg = "arg.";

bool all_of(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [extra](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           extra.find(c) != std::string_view::npos;
  });
}

// Settings that have a field of their own, carry a secret, or make the agent run or write what the
// one who configures a power device has no right to.
bool is_refused(std::string_view setting) {
  constexpr std::array<std::string_view, 14> kRefused = {
      "action",   "option", "ip",   "ipaddr", "ipport",      "username",      "login",
      "password", "passwd", "plug", "port",   "ssh_options", "identity_file", "nodename"};
  return std::find(kRefused.begin(), kRefused.end(), setting) != kRefused.end() ||
         setting.starts_with("debug") || setting.starts_with("verbose") ||
         setting.ends_with("_path") || setting.ends_with("_script") || setting.ends_with("file") ||
         setting.ends_with("_dir") || setting == "kubeconfig" || setting == "plugin" ||
         setting.find("passw") != std::string_view::npos;
}

Status check_setting(const std::string& name, const std::string& value) {
  if (name == "agent") return {};
  if (name == "plug") return check_plain("option plug", value);
  if (!name.starts_with(kArg) || name.size() == kArg.size())
    return fail(unknown_option(name, "fence_agent", "agent, plug and arg.NAME"));
  const std::string_view setting = std::string_view(name).substr(kArg.size());
  if (!all_of(setting, "_-"))
    return fail(ErrorKind::kInvalid, "option " + name + ": letters a-z, digits, _ and - only");
  std::string plain(setting);
  std::replace(plain.begin(), plain.end(), '-', '_');
  if (is_refused(plain)) {
    return fail(ErrorKind::kInvalid,
                "option " + name +
                    ": not taken; it has a field of its own, holds a secret or "
                    "names a program or file");
  }
  if (invents_off(plain)) {
    return fail(ErrorKind::kInvalid,
                "option " + name + ": not taken; \"off\" would not be read from the machine");
  }
  return check_plain("option " + name, value);
}

struct Meaning {
  std::string_view text;
  ErrorKind error;
  std::string_view advice;
};

// What the fencing library of the agents says on stderr, by a telling part of it.
constexpr Meaning kMeanings[] = {
    {"You have to set login password", ErrorKind::kInvalid, "the agent wants a password"},
    {"You have to set login name", ErrorKind::kInvalid, "the agent wants a user name"},
    {"You have to enter fence address", ErrorKind::kInvalid, "the agent wants an address"},
    {"You have to enter plug", ErrorKind::kInvalid, "the agent wants a plug (option plug)"},
    {"correct privileges", ErrorKind::kDenied, "the user may not do this on the device"},
    {"Unable to connect/login", ErrorKind::kUnavailable,
     "the agent got no connection or no login: check address, port, user and password"},
    {"Connection lost", ErrorKind::kUnavailable, "the connection to the device broke off"},
    {"Connection timed out", ErrorKind::kTimeout, "the device did not answer the agent in time"},
    {"Timed out waiting to power", ErrorKind::kTimeout,
     "the agent waited for the machine to follow, in vain"},
    {"Unable to obtain correct plug status", ErrorKind::kNotFound,
     "the device does not know this plug, or does not tell its state"},
    {"Please use '-h' for usage", ErrorKind::kInvalid,
     "the agent does not take its settings: run it by hand to see why"},
};

struct Code {
  int code;
  ErrorKind error;
  std::string_view advice;
};

// Of agents that keep to the numbers of the contract.
constexpr Code kCodes[] = {
    {2, ErrorKind::kInvalid, "the agent does not take its arguments"},
    {3, ErrorKind::kDenied, "the device refuses the login: check user and password"},
    {4, ErrorKind::kUnavailable, "the connection to the device broke off"},
    {5, ErrorKind::kTimeout, "the device did not answer the agent in time"},
    {6, ErrorKind::kTimeout, "the agent waited for the machine to go on, in vain"},
    {7, ErrorKind::kTimeout, "the agent waited for the machine to go off, in vain"},
    {8, ErrorKind::kUnavailable, "the device does not tell its state"},
    {9, ErrorKind::kUnavailable, "the device does not tell its state"},
    {10, ErrorKind::kInvalid, "the agent wants a password"},
    {11, ErrorKind::kDenied, "the user may not do this on the device"},
};

struct Failure {
  ErrorKind error = ErrorKind::kUnknown;
  std::string advice;
};

Failure failure_of(const runtime::ChildResult& result) {
  if (result.timed_out)
    return {ErrorKind::kTimeout, "the agent was stopped at its deadline; what it did is not known"};
  for (const Meaning& meaning : kMeanings) {
    if (result.err.find(meaning.text) != std::string::npos)
      return {meaning.error, std::string(meaning.advice)};
  }
  for (const Code& code : kCodes) {
    if (result.exit_code == code.code) return {code.error, std::string(code.advice)};
  }
  return {ErrorKind::kUnknown, "the agent ended with code " + std::to_string(result.exit_code) +
                                   ": run it by hand to see why"};
}

// A whole word of stdout, so that "Failed to switch off" or "offline" is no reading.
bool says(const std::string& out, std::string_view state) {
  for (const std::string& line : split(to_lower(out), '\n')) {
    const std::string_view text = trim(line);
    if (text == state || text == "status: " + std::string(state)) return true;
  }
  return false;
}

}  // namespace

Status check_fence_agent_target(const port::PowerTarget& target) {
  const auto agent = target.options.find("agent");
  if (agent == target.options.end() || !is_agent_name(agent->second))
    return fail(ErrorKind::kInvalid, "option agent: must name a fence agent, e.g. fence_apc");
  if (const Status power = check_known_agent(agent->second); !power)
    return fail(ErrorKind::kInvalid, "option agent: " + power.error().what);
  for (const auto& [name, value] : target.options) MOLD_TRY_VOID(check_setting(name, value));
  if (!target.address.empty()) MOLD_TRY_VOID(check_device_address(target.address));
  MOLD_TRY_VOID(check_device_port(target.port));
  MOLD_TRY_VOID(check_plain("username", target.username));
  return check_plain("password", target.password.reveal());
}

Secret fence_agent_input(const port::PowerTarget& target, std::string_view action) {
  std::string text;
  text.reserve(4096);  // one allocation: no copies of the password are left behind
  const auto line = [&text](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    text.append(name).append("=").append(value).append("\n");
  };
  line("action", action);
  line("ip", target.address);
  line("ipport", target.port);
  line("username", target.username);
  line("password", target.password.reveal());
  for (const auto& [name, value] : target.options) {
    if (name == "plug") line(name, value);
    if (name.starts_with(kArg)) line(std::string_view(name).substr(kArg.size()), value);
  }
  return Secret(std::move(text));
}

PowerReading read_agent_status(const runtime::ChildResult& result) {
  if (result.ok() && !says(result.out, "off")) return {PowerState::kOn, ErrorKind::kInternal, {}};
  const bool ended_off = !result.timed_out && result.exit_code == 2;
  if (ended_off && says(result.out, "off") && !says(result.out, "on"))
    return {PowerState::kOff, ErrorKind::kInternal, {}};
  if (ended_off) {
    return {PowerState::kUnknown, ErrorKind::kInvalid,
            "the agent ended with 2 and did not say \"Status: OFF\": it may not take its "
            "arguments; run it by hand"};
  }
  Failure failure = failure_of(result);
  if (result.ok()) failure = {ErrorKind::kCorrupt, "the agent says off and ends as if it were on"};
  return {PowerState::kUnknown, failure.error, std::move(failure.advice)};
}

PowerActed read_agent_action(const runtime::ChildResult& result) {
  if (result.ok()) return {Sent::kAccepted, ErrorKind::kInternal, {}};
  Failure failure = failure_of(result);
  switch (failure.error) {
    case ErrorKind::kInvalid:
    case ErrorKind::kDenied:
      return {Sent::kRefused, failure.error, std::move(failure.advice)};
    case ErrorKind::kNotFound:
    case ErrorKind::kConflict:
    case ErrorKind::kUnsupported:
    case ErrorKind::kBusy:
    case ErrorKind::kTimeout:
    case ErrorKind::kUnavailable:
    case ErrorKind::kCorrupt:
    case ErrorKind::kCancelled:
    case ErrorKind::kInternal:
    case ErrorKind::kUnknown:
      break;
  }
  // The agent may have switched before it failed.
  return {Sent::kMaybe, failure.error, std::move(failure.advice)};
}

}  // namespace mold::fencing
