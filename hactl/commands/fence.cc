// hactl fence: the devices beside the BMC that can cut a host's power, and whether all of them
// work.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "hactl/command.h"
#include "hactl/details.h"
#include "hactl/lookup.h"

namespace mold::hactl {
namespace {

constexpr Kind kFenceDevice{"fence device", "listFenceDevices", "fencedevice"};
constexpr Kind kFenceDrill{"fence drill", "listFenceDrills", "fencedrill"};

std::string place_text(const Json& device) {
  const std::string address = text_of(device, "address");
  const std::string port = text_of(device, "port");
  return port.empty() ? address : address + ":" + port;
}

std::string age_text(const Json& drill) {
  return drill.contains("age") ? text_of(drill, "age") + " s" : std::string("-");
}

Status list_devices(Context& context) {
  Params params;
  if (!context.args.empty()) {
    MOLD_TRY(params["hostid"], id_of(context.client, kHost, context.args[0]));
  }
  MOLD_TRY(const std::vector<Json> devices, list_all(context.client, kFenceDevice, params));
  if (context.out.json()) {
    context.out.value(Json(devices));
    return {};
  }
  std::vector<std::vector<Cell>> rows;
  for (const Json& device : devices) {
    rows.push_back({{text_of(device, "hostname")},
                    {text_of(device, "level")},
                    {text_of(device, "name")},
                    {text_of(device, "driver")},
                    {place_text(device)},
                    {truth_of(device, "enabled") ? "on" : "off"},
                    state_cell(text_of(device, "drillstate")),
                    {text_of(device, "drillreason")},
                    {text_of(device, "id"), Tone::kDim}});
  }
  context.out.table({"HOST", "LEVEL", "NAME", "DRIVER", "ADDRESS", "USED", "DRILL", "WHY", "ID"},
                    rows);
  return {};
}

Status add_device(Context& context) {
  const std::string& name = context.args[0];
  if (context.option("driver").empty())
    return fail(ErrorKind::kInvalid, "--driver is needed: ipmitool, redfish, fence_agent, ...");
  Params params{{"driver", context.option("driver")}, {"level", context.option("level")}};
  MOLD_TRY(params["hostid"], id_of(context.client, kHost, name));
  for (const char* optional : {"name", "address", "port"}) {
    if (!context.option(optional).empty()) params[optional] = context.option(optional);
  }
  if (!context.option("user").empty()) params["username"] = context.option("user");
  if (!context.option("password-file").empty()) {
    MOLD_TRY(params["password"], password_from(context.option("password-file")));
  }
  MOLD_TRY_VOID(add_details(params, context.args, 1));
  MOLD_TRY(const Json answer, context.client.call("addFenceDevice", params));
  const Json& device = object_of(answer, "fencedevice");
  tell_done(context, answer,
            fmt::format("{}: {} may cut its power too, level {}; try it: hactl fence drill {} "
                        "--run",
                        name, text_of(device, "name"), text_of(device, "level"), name));
  return {};
}

Status remove_device(Context& context) {
  const std::string& wanted = context.args[0];
  MOLD_TRY(const Json device, find_one(context.client, kFenceDevice, wanted));
  MOLD_TRY(const Json done,
           context.client.call("removeFenceDevice", {{"id", text_of(device, "id")}}));
  tell_done(
      context, done,
      fmt::format("{} of {} is forgotten", text_of(device, "name"), text_of(device, "hostname")));
  return {};
}

void print_drills(const Context& context, const std::vector<Json>& drills) {
  std::vector<std::vector<Cell>> rows;
  for (const Json& drill : drills) {
    const std::string by = text_of(drill, "executorname");
    rows.push_back({{text_of(drill, "hostname")},
                    {text_of(drill, "level")},
                    {text_of(drill, "devicename")},
                    {truth_of(drill, "chosen") ? by + " *" : by},
                    state_cell(text_of(drill, "state")),
                    {text_of(drill, "score")},
                    {age_text(drill)},
                    state_cell(text_of(drill, "powerstate")),
                    {text_of(drill, "reason")}});
  }
  context.out.table(
      {"HOST", "LEVEL", "DEVICE", "TRIED BY", "STATE", "SCORE", "AGE", "POWER", "WHY"}, rows);
}

// A drill that found something bad is no failure of the command; the rows say it.
Status run_drills(Context& context, const std::vector<Json>& hosts) {
  std::vector<Json> all;
  for (const Json& host : hosts) {
    const std::string name = text_of(host, "name");
    auto result = call_and_wait(context, "runFenceDrill", {{"hostid", text_of(host, "id")}},
                                "fence drill of " + name);
    if (!result) {
      if (hosts.size() == 1) return fail(result.error());
      Output::warn(name + ": " + result.error().what);
      continue;
    }
    if (context.flag("no-wait")) {
      tell_done(context, *result, {});
      continue;
    }
    for (Json& drill : array_of(*result, kFenceDrill.array)) all.push_back(std::move(drill));
  }
  if (context.flag("no-wait")) return {};
  if (context.out.json())
    context.out.value(Json(all));
  else
    print_drills(context, all);
  return {};
}

// Hosts without any device have nothing to try.
std::vector<Json> with_devices(const std::vector<Json>& hosts) {
  std::vector<Json> found;
  for (const Json& host : hosts) {
    const bool bmc = truth_of(object_of(host, "outofbandmanagement"), "enabled");
    if (bmc || host.contains("fencedrillstate")) found.push_back(host);
  }
  return found;
}

Status drill(Context& context) {
  std::vector<Json> hosts;
  if (!context.args.empty()) {
    MOLD_TRY(Json host, find_one(context.client, kHost, context.args[0]));
    hosts.push_back(std::move(host));
  }
  if (context.flag("run")) {
    if (hosts.empty()) {
      MOLD_TRY(const std::vector<Json> all, list_all(context.client, kHost));
      hosts = with_devices(all);
    }
    return run_drills(context, hosts);
  }
  Params params;
  if (!hosts.empty()) params["hostid"] = text_of(hosts[0], "id");
  MOLD_TRY(const std::vector<Json> drills, list_all(context.client, kFenceDrill, params));
  if (context.out.json())
    context.out.value(Json(drills));
  else
    print_drills(context, drills);
  return {};
}

}  // namespace

std::vector<Command> fence_commands() {
  return {
      {.name = "fence device list",
       .usage = "[HOST]",
       .summary = "devices that can cut power, beside the BMCs",
       .most = 1,
       .run = list_devices},
      {.name = "fence device add",
       .usage = "HOST --driver D [--level N] [--address A] [...] [NAME=VALUE ...]",
       .summary = "another way to cut a host's power; NAME=VALUE are options of the driver",
       .least = 1,
       .most = 100,
       .run = add_device,
       .options = {{.name = "driver", .default_value = "", .help = "how to talk to it"},
                   {.name = "level",
                    .default_value = "2",
                    .help = "tried in this order; 1: together with the BMC (two feeds)"},
                   {.name = "name", .default_value = "", .help = "what to call it"},
                   {.name = "address", .default_value = "", .help = "of the device"},
                   {.name = "port", .default_value = "", .help = "of the device"},
                   {.name = "user", .default_value = "", .help = "of the device"},
                   {.name = "password-file",
                    .default_value = "",
                    .help = "file with the password"}}},
      {.name = "fence device remove",
       .usage = "DEVICE",
       .summary = "forgets it, by its name or id",
       .least = 1,
       .most = 1,
       .run = remove_device},
      {.name = "fence drill",
       .usage = "[HOST] [--run]",
       .summary = "whether each way to cut power works, harmlessly tried",
       .most = 1,
       .run = drill,
       .options = {{.name = "run",
                    .default_value = "false",
                    .help = "try them all now",
                    .is_flag = true}}},
  };
}

}  // namespace mold::hactl
