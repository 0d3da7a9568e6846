#include "fencing/drivers/ipmi_tool.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fencing/drivers/least_run.h"
#include "fencing/drivers/target_text.h"
#include "lib/base/text.h"

namespace mold::fencing {
namespace {

constexpr std::size_t kUserMost = 16;      // of IPMI itself: longer ones are refused by ipmitool
constexpr std::size_t kPasswordMost = 20;  // IPMI 2.0; 1.5 takes 16
constexpr std::size_t kPasswordMostLan = 16;
constexpr std::array<std::string_view, 4> kPrivileges = {"CALLBACK", "USER", "OPERATOR",
                                                         "ADMINISTRATOR"};

Error wrong(std::string_view name, std::string_view must) {
  return {ErrorKind::kInvalid, "option " + std::string(name) + ": must be " + std::string(must)};
}

Result<int> number_from(std::string_view name, const std::string& value, int least, int most) {
  const auto number = parse_number<int>(value);
  if (!number || *number < least || *number > most)
    return fail(wrong(name, "from " + std::to_string(least) + " to " + std::to_string(most)));
  return *number;
}

Status apply(IpmiSettings& settings, const std::string& name, const std::string& value) {
  if (name == "interface") {
    if (value != "lanplus" && value != "lan") return fail(wrong(name, "lanplus or lan"));
    settings.interface = value;
  } else if (name == "cipher") {
    MOLD_TRY_VOID(number_from(name, value, 0, 17));
    settings.cipher_suite = value;
  } else if (name == "privilege") {
    if (std::find(kPrivileges.begin(), kPrivileges.end(), value) == kPrivileges.end())
      return fail(wrong(name, "CALLBACK, USER, OPERATOR or ADMINISTRATOR"));
    settings.privilege = value;
  } else if (name == "retries") {
    MOLD_TRY(settings.retries, number_from(name, value, 0, 10));
  } else if (name == "timeout") {
    MOLD_TRY(settings.timeout_s, number_from(name, value, 1, 30));
  } else {
    return fail(unknown_option(name, "ipmitool", "interface, cipher, privilege, retries, timeout"));
  }
  return {};
}

}  // namespace

Result<IpmiSettings> settings_for(const IpmiSettings& settings, const port::PowerTarget& target) {
  IpmiSettings own = settings;
  for (const auto& [name, value] : target.options) MOLD_TRY_VOID(apply(own, name, value));
  // A slow BMC may be given more patience for a packet than one run usually has.
  const Duration packets{(own.retries + 1) * own.timeout_s * 1'000 + 2'000};
  own.call_deadline = std::max(own.call_deadline, packets);
  return own;
}

Status check_ipmi_target(const IpmiSettings& settings, const port::PowerTarget& target) {
  MOLD_TRY(const IpmiSettings own, settings_for(settings, target));
  MOLD_TRY_VOID(check_device_address(target.address));
  MOLD_TRY_VOID(check_device_port(target.port));
  if (target.username.size() > kUserMost)
    return fail(ErrorKind::kInvalid, "username: IPMI takes at most 16 bytes");
  MOLD_TRY_VOID(check_plain("username", target.username));
  const bool old = own.interface == "lan";
  if (target.password.reveal().size() > (old ? kPasswordMostLan : kPasswordMost))
    return fail(ErrorKind::kInvalid, old ? "password: IPMI 1.5 (lan) takes at most 16 bytes"
                                         : "password: IPMI takes at most 20 bytes");
  return check_plain("password", target.password.reveal());
}

std::string ipmi_name(const port::PowerTarget& target) {
  return target.address + ":" + (target.port.empty() ? "623" : target.port);
}

runtime::ChildSpec IpmiTool::spec(const std::vector<std::string>& command, Duration deadline,
                                  bool verbose) const {
  runtime::ChildSpec spec;
  spec.program = settings_.program;
  spec.args = {"-I", settings_.interface,
               "-R", std::to_string(settings_.retries),
               "-N", std::to_string(settings_.timeout_s)};
  const auto add = [&spec](const char* option, const std::string& value) {
    if (!value.empty()) spec.args.insert(spec.args.end(), {option, value});
  };
  if (settings_.interface == "lanplus") add("-C", settings_.cipher_suite);
  add("-L", settings_.privilege);
  if (verbose) spec.args.emplace_back("-v");
  add("-H", target_.address);
  add("-p", target_.port.empty() ? "623" : target_.port);
  add("-U", target_.username);
  spec.args.emplace_back("-E");
  spec.args.insert(spec.args.end(), command.begin(), command.end());
  spec.env.emplace_back("HOME", settings_.home);
  runtime::ChildSecret secret;
  secret.text = target_.password;
  secret.env_name = "IPMI_PASSWORD";
  spec.secret = std::move(secret);
  spec.deadline = std::max(deadline, kLeastRun);
  spec.output_cap = 16 * 1024;
  return spec;
}

void IpmiTool::start(runtime::ChildSpec spec, Done done) {
  child_ = runtime::run_child(
      loop_, std::move(spec), [done = std::move(done)](Result<runtime::ChildResult> result) {
        if (!result) {
          done({{IpmiReach::kBroken, result.error().kind, result.error().what}, {}});
          return;
        }
        done({classify(*result), std::move(result->out)});
      });
}

void IpmiTool::run(const std::vector<std::string>& command, Duration left, Done done) {
  start(spec(command, std::min(left, settings_.call_deadline), true), std::move(done));
}

void IpmiTool::run_long(const std::vector<std::string>& command, Duration left, Done done) {
  start(spec(command, left, true), std::move(done));
}

void IpmiTool::run_hidden(const Secret& line, Duration left, Done done) {
  runtime::ChildSpec hidden =
      spec({"exec", "/dev/stdin"}, std::min(left, settings_.call_deadline), false);
  hidden.stdin_text = line.reveal() + "\n";
  start(std::move(hidden), std::move(done));
}

}  // namespace mold::fencing
