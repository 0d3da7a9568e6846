// hactl host power, enable-ha, confirm-dead ...: what decides over life and death of a host.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "hactl/command.h"
#include "hactl/details.h"
#include "hactl/lookup.h"
#include "lib/base/text.h"

namespace mold::hactl {
namespace {

constexpr std::array<std::string_view, 6> kActions = {"status", "on",    "off",
                                                      "cycle",  "reset", "soft"};

Status power(Context& context) {
  const std::string& name = context.args[0];
  const std::string action = to_lower(context.args[1]);
  if (std::find(kActions.begin(), kActions.end(), action) == kActions.end()) {
    return fail(ErrorKind::kInvalid, "a power action is status, on, off, cycle, reset or soft");
  }
  MOLD_TRY(const std::string id, id_of(context.client, kHost, name));
  if (action != "status" && action != "on") {
    MOLD_TRY_VOID(confirm(
        context, fmt::format("Power {} of {}: its VMs stop with it.", action, name), name, false));
  }
  std::string upper = action;
  for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
  MOLD_TRY(const Json done,
           call_and_wait(context, "issueOutOfBandManagementPowerAction",
                         {{"hostid", id}, {"action", upper}}, "power " + action + " of " + name));
  const Json& state = object_of(done, "outofbandmanagement");
  tell_done(context, done, fmt::format("{}: {}", name, text_of(state, "powerstate")));
  return {};
}

// The password comes from a file or from the terminal's stdin, never from the command line.
Status configure_power(Context& context) {
  const std::string& name = context.args[0];
  MOLD_TRY(const std::string id, id_of(context.client, kHost, name));
  if (context.option("address").empty() || context.option("password-file").empty()) {
    return fail(ErrorKind::kInvalid, "--address and --password-file are needed");
  }
  const std::string& driver = context.option("driver");
  const std::string& port = context.option("port");
  Params params{{"hostid", id},
                {"driver", driver},
                {"address", context.option("address")},
                {"port", port.empty() ? usual_port(driver) : port},
                {"username", context.option("user")}};
  MOLD_TRY(params["password"], password_from(context.option("password-file")));
  MOLD_TRY_VOID(add_details(params, context.args, 1));
  MOLD_TRY(Json done, context.client.call("configureOutOfBandManagement", params));
  MOLD_TRY(done, call_and_wait(context, "enableOutOfBandManagementForHost", {{"hostid", id}},
                               "enabling"));
  tell_done(context, done,
            fmt::format("{}: power is controlled through {}", name, context.option("address")));
  return {};
}

// Without a file the manager makes one up, and only it knows it.
Status change_power_password(Context& context) {
  const std::string& name = context.args[0];
  Params params;
  MOLD_TRY(params["hostid"], id_of(context.client, kHost, name));
  if (!context.option("password-file").empty()) {
    MOLD_TRY(params["password"], password_from(context.option("password-file")));
  } else {
    MOLD_TRY_VOID(confirm(context, "The manager will make up a password that nobody else knows.",
                          name, false));
  }
  MOLD_TRY(const Json done, call_and_wait(context, "changeOutOfBandManagementPassword", params,
                                          "changing the password of the BMC of " + name));
  tell_done(context, done, "the BMC of " + name + " took the new password");
  return {};
}

Status enable_ha(Context& context) {
  const std::string& name = context.args[0];
  MOLD_TRY(const Json host, find_one(context.client, kHost, name));
  const std::string id = text_of(host, "id");
  if (text_of(object_of(host, "hostha"), "haprovider").empty()) {
    MOLD_TRY(const Json configured,
             call_and_wait(context, "configureHAForHost",
                           {{"hostid", id}, {"provider", "kvmhaprovider"}}, "configuring"));
  }
  MOLD_TRY(const Json done,
           call_and_wait(context, "enableHAForHost", {{"hostid", id}}, "enabling HA of " + name));
  tell_done(context, done, "HA of " + name + " is on");
  return {};
}

Status disable_ha(Context& context) {
  const std::string& name = context.args[0];
  MOLD_TRY(const std::string id, id_of(context.client, kHost, name));
  MOLD_TRY(const Json done,
           call_and_wait(context, "disableHAForHost", {{"hostid", id}}, "disabling HA of " + name));
  tell_done(context, done, "HA of " + name + " is off: nothing is decided about it any more");
  return {};
}

Status confirm_dead(Context& context) {
  const std::string& name = context.args[0];
  const std::string& reason = context.option("reason");
  if (reason.empty()) {
    return fail(ErrorKind::kInvalid, "--reason is needed: how do you know that it is dead?");
  }
  MOLD_TRY(const std::string id, id_of(context.client, kHost, name));
  MOLD_TRY_VOID(confirm(
      context,
      fmt::format("Your word is taken as proof that {} runs nothing any more. Its VMs are started\n"
                  "elsewhere at once. If it still runs, their disks will be DESTROYED.",
                  name),
      name, true));
  MOLD_TRY(const Json done, call_and_wait(context, "confirmHostDead",
                                          {{"id", id}, {"reason", reason}}, "confirming"));
  tell_done(context, done, name + " is taken for dead on your word");
  return {};
}

}  // namespace

std::vector<Command> host_power_commands() {
  return {
      {.name = "host power",
       .usage = "HOST status|on|off|cycle|reset|soft",
       .summary = "through its BMC; waits until the new state was read back",
       .least = 2,
       .most = 2,
       .run = power},
      {.name = "host configure-power",
       .usage = "HOST --address A --password-file F [--user U] [--port P] [--driver D] "
                "[NAME=VALUE ...]",
       .summary = "says how to reach its BMC, and turns that on; NAME=VALUE are the driver's",
       .least = 1,
       .most = 100,
       .run = configure_power,
       .options = {{.name = "address", .default_value = "", .help = "of the BMC"},
                   {.name = "port", .default_value = "", .help = "of the BMC; else the usual one"},
                   {.name = "user", .default_value = "ADMIN", .help = "of the BMC"},
                   {.name = "password-file", .default_value = "", .help = "file with the password"},
                   {.name = "driver", .default_value = "ipmitool", .help = "how to talk to it"}}},
      {.name = "host power change-password",
       .usage = "HOST [--password-file F]",
       .summary = "a new password on its BMC and in the manager",
       .least = 1,
       .most = 1,
       .run = change_power_password,
       .options = {{.name = "password-file",
                    .default_value = "",
                    .help = "file with the new one; else one is made up"}}},
      {.name = "host enable-ha",
       .usage = "HOST",
       .summary = "its VMs are restarted when it dies",
       .least = 1,
       .most = 1,
       .run = enable_ha},
      {.name = "host disable-ha",
       .usage = "HOST",
       .summary = "nothing is decided about it",
       .least = 1,
       .most = 1,
       .run = disable_ha},
      {.name = "host confirm-dead",
       .usage = "HOST --reason TEXT",
       .summary = "your word as proof of its death, logged with your name",
       .least = 1,
       .most = 1,
       .run = confirm_dead,
       .options = {{.name = "reason", .default_value = "", .help = "how you know"}}},
  };
}

}  // namespace mold::hactl
