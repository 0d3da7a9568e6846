#include "fencing/by_hand/command_line.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/runtime/config_file.h"

namespace mold::fencing {
namespace {

constexpr std::array<std::pair<std::string_view, HandAction>, 9> kActions = {
    {{"status", HandAction::kStatus},
     {"on", HandAction::kOn},
     {"off", HandAction::kOff},
     {"cycle", HandAction::kCycle},
     {"reset", HandAction::kReset},
     {"soft", HandAction::kSoft},
     {"identify", HandAction::kIdentify},
     {"change-password", HandAction::kChangePassword},
     {"drill", HandAction::kDrill}}};

constexpr const char* kUsage = R"(usage: mold-fence DRIVER [OPTIONS] ACTION

Tries one way of fencing by hand, and tells every step of it with its time. Success is a state that
was read back, never the word of a device.

Drivers:
  ipmitool                 a BMC, by IPMI (options interface, cipher, privilege, retries, timeout)
  redfish                  a BMC, by Redfish (options system, base, tls.verify, tls.ca, tls.pin)
  fence_agent              any installed fence agent (options agent, plug, arg.NAME)
  libvirt                  a host that is a VM; the address is a libvirt URI (option domain)
  pacemaker                the Pacemaker cluster on this machine; tells no states (option node)
  manual                   no device: says what a person has to do

Actions:
  status                   read the power state
  off, on                  switch, and wait until that is read back
  reset, cycle             restart a machine that is on
  soft                     ask its operating system to shut down, and wait until it is off
  identify                 which machine is behind the device: UUID, serial, model
  drill                    harmless proof that fencing would work: settings, login, state, identity
  change-password          a new password for the user, on the device itself

)";

constexpr const char* kExits = R"(
Without --password-file and --password-env the password is asked for on the terminal. It is never
taken from the command line, which every user of this machine can read.

Exit status: 0 done (status: on), 2 status: off, 1 failed, 3 login denied, 4 device unreachable,
5 unknown (sent, and what it did could not be read; look again), 64 wrong usage.

Examples:
  mold-fence ipmitool --address 10.0.0.7 --username ADMIN --password-file bmc.pw status
  mold-fence redfish --address 10.0.0.7 --username root --system 1 --insecure off
  mold-fence fence_agent --option agent=fence_apc --option plug=7 --address pdu1 drill
)";

std::vector<runtime::OptionSpec> option_specs() {
  const auto text = [](const char* name, const char* value, const char* help, char letter = 0) {
    return runtime::OptionSpec{name, value, help, false, letter, true};
  };
  const auto flag = [](const char* name, const char* help, char letter = 0) {
    return runtime::OptionSpec{name, "false", help, true, letter, true};
  };
  return {
      text("address", "", "host name or address of the device (libvirt: a URI)", 'a'),
      text("port", "", "its port, where it is not the usual one"),
      text("username", "", "user on the device", 'u'),
      text("password-file", "", "its password is the first line of this file"),
      text("password-env", "", "its password is in this environment variable"),
      text("new-password-file", "", "change-password: the new one, in a file"),
      text("new-password-env", "", "change-password: the new one, in a variable"),
      text("option", "", "NAME=VALUE for the driver; may be given again and again"),
      text("system", "", "redfish: which system, as --option system=S"),
      text("ca", "", "redfish: file of the CA to trust, as --option tls.ca=F"),
      flag("insecure", "redfish: no certificate check, as --option tls.verify=false"),
      text("expect-uuid", "", "identify, drill: the machine must have this UUID"),
      text("expect-serial", "", "identify, drill: the machine must have this serial number"),
      text("timeout", "60s", "time for the whole action"),
      text("output", "text", "text or json", 'o'),
      flag("help", "this text", 'h'),
  };
}

Error usage(std::string what) {
  return {ErrorKind::kInvalid, std::move(what)};
}

bool is_password_option(const std::string& word) {
  return word == "-P" || word == "--password" || word.starts_with("--password=") ||
         word == "--new-password" || word.starts_with("--new-password=");
}

// Takes the repeatable --option NAME=VALUE out of `words`.
Result<std::map<std::string, std::string>> take_options(std::vector<std::string>& words) {
  constexpr std::string_view kOption = "--option";
  std::map<std::string, std::string> options;
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    std::string pair;
    if (word == kOption && i + 1 < words.size()) {
      pair = words[++i];
    } else if (word.starts_with("--option=")) {
      pair = word.substr(kOption.size() + 1);
    } else {
      rest.push_back(word);
      continue;
    }
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(usage("--option takes NAME=VALUE, not '" + pair + "'"));
    options[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  words = std::move(rest);
  return options;
}

Status take_shortcuts(const runtime::Config& config, port::PowerTarget& target) {
  const bool insecure = config.text("insecure") == "true";
  const std::array<std::pair<const char*, std::string>, 3> shortcuts = {
      {{"system", config.text("system")},
       {"tls.ca", config.text("ca")},
       {"tls.verify", insecure ? "false" : ""}}};
  for (const auto& [name, value] : shortcuts) {
    if (value.empty()) continue;
    if (target.driver != "redfish")
      return fail(usage("--system, --ca and --insecure are for redfish"));
    target.options[name] = value;
  }
  return {};
}

Result<HandAction> action_named(const std::string& word) {
  for (const auto& [name, action] : kActions)
    if (word == name) return action;
  return fail(usage("there is no action '" + word + "'"));
}

Status check_secret_place(const SecretPlace& place, const std::string& name) {
  if (!place.file.empty() && !place.environment.empty())
    return fail(usage("--" + name + "-file or --" + name + "-env, not both"));
  return {};
}

}  // namespace

std::string_view to_string(HandAction action) {
  for (const auto& [name, known] : kActions)
    if (known == action) return name;
  return "?";
}

Result<HandCommand> parse_hand_command(const std::vector<std::string>& given) {
  HandCommand command;
  if (std::any_of(given.begin(), given.end(), is_password_option)) {
    return fail(
        usage("a password on the command line can be read by every user of this machine; "
              "use --password-file or --password-env, or type it when asked"));
  }
  std::vector<std::string> words = given;
  MOLD_TRY(command.target.options, take_options(words));
  runtime::ConfigSources sources;
  sources.arguments = words;
  MOLD_TRY(const runtime::Config config, runtime::Config::load(option_specs(), sources));
  command.help = config.text("help") == "true";
  if (command.help) return command;
  const std::vector<std::string>& args = config.positional();
  if (args.size() != 2) return fail(usage("a driver and an action are needed, and no more"));
  command.target.driver = args[0];
  MOLD_TRY(command.action, action_named(args[1]));
  command.target.address = config.text("address");
  command.target.port = config.text("port");
  command.target.username = config.text("username");
  MOLD_TRY_VOID(take_shortcuts(config, command.target));
  command.password = {config.text("password-file"), config.text("password-env")};
  command.fresh = {config.text("new-password-file"), config.text("new-password-env")};
  MOLD_TRY_VOID(check_secret_place(command.password, "password"));
  MOLD_TRY_VOID(check_secret_place(command.fresh, "new-password"));
  if (command.fresh.named() && command.action != HandAction::kChangePassword)
    return fail(usage("--new-password-... is for change-password"));
  command.expect_uuid = config.text("expect-uuid");
  command.expect_serial = config.text("expect-serial");
  MOLD_TRY(command.timeout, config.duration("timeout", 500ms, 3'600'000ms));
  const std::string& form = config.text("output");
  if (form != "text" && form != "json") return fail(usage("-o is text or json"));
  command.json = form == "json";
  return command;
}

std::string hand_help() {
  return kUsage + std::string("Options:\n") + runtime::options_help(option_specs()) + kExits;
}

}  // namespace mold::fencing
