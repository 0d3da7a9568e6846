// hactl vm: virtual machines.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "hactl/command.h"
#include "hactl/commands/rows.h"
#include "hactl/lookup.h"

namespace mold::hactl {
namespace {

Status list(Context& context) {
  Params params;
  if (!context.option("host").empty()) {
    MOLD_TRY(params["hostid"], id_of(context.client, kHost, context.option("host")));
  }
  MOLD_TRY(const std::vector<Json> vms, list_all(context.client, kVm, params));
  if (context.out.json()) {
    context.out.value(Json(vms));
  } else {
    context.out.table(vm_head(), vm_rows(vms));
  }
  return {};
}

void print_vm(const Context& context, const Json& vm) {
  context.out.facts({
      {"name", {text_of(vm, "name")}},
      {"id", {text_of(vm, "id")}},
      {"domain", {text_of(vm, "instancename")}},
      {"state", state_cell(text_of(vm, "state"))},
      {"why", {text_of(vm, "statereason")}},
      {"host", {text_of(vm, "hostname")}},
      {"generation", {text_of(vm, "generation")}},
      {"HA", {truth_of(vm, "haenable") ? "yes" : "no"}},
      {"offering", {text_of(vm, "serviceofferingname")}},
      {"template", {text_of(vm, "templatename")}},
      {"CPUs", {text_of(vm, "cpunumber")}},
      {"memory", {size_text(number_of(vm, "memory") * 1024 * 1024)}},
      {"zone", {text_of(vm, "zonename")}},
      {"created", {local_time(text_of(vm, "created"))}},
  });
}

Status show(Context& context) {
  MOLD_TRY(const Json vm, find_one(context.client, kVm, context.args[0]));
  if (context.out.json()) {
    context.out.value(vm);
  } else {
    print_vm(context, vm);
  }
  return {};
}

Status deploy(Context& context) {
  const std::string& name = context.args[0];
  MOLD_TRY(const Json offering,
           find_or_only(context.client, kOffering, context.option("offering")));
  MOLD_TRY(const Json image, find_or_only(context.client, kTemplate, context.option("template")));
  MOLD_TRY(const Json zone, find_or_only(context.client, kZone, context.option("zone")));
  Params params{{"name", name},
                {"zoneid", text_of(zone, "id")},
                {"serviceofferingid", text_of(offering, "id")},
                {"templateid", text_of(image, "id")}};
  if (!context.option("host").empty()) {
    MOLD_TRY(params["hostid"], id_of(context.client, kHost, context.option("host")));
  }
  if (context.flag("no-start")) params["startvm"] = "false";
  MOLD_TRY(const Json done,
           call_and_wait(context, "deployVirtualMachine", params, "deploying " + name));
  const Json& vm = object_of(done, "virtualmachine");
  const std::string host = text_of(vm, "hostname");
  tell_done(context, done,
            host.empty() ? fmt::format("{} is {}", name, text_of(vm, "state"))
                         : fmt::format("{} is {} on {}", name, text_of(vm, "state"), host));
  return {};
}

Status act(Context& context, const std::string& command, Params params, std::string_view doing) {
  const std::string& name = context.args[0];
  MOLD_TRY(params["id"], id_of(context.client, kVm, name));
  MOLD_TRY(const Json done,
           call_and_wait(context, command, params, fmt::format("{} {}", doing, name)));
  const Json& vm = object_of(done, "virtualmachine");
  const std::string host = text_of(vm, "hostname");
  const std::string state = text_of(vm, "state");
  tell_done(context, done,
            fmt::format("{} is {}{}", name, state.empty() ? "done" : state,
                        host.empty() ? "" : " on " + host));
  return {};
}

Status start(Context& context) {
  Params params;
  if (!context.option("host").empty()) {
    MOLD_TRY(params["hostid"], id_of(context.client, kHost, context.option("host")));
  }
  return act(context, "startVirtualMachine", params, "starting");
}
Status stop(Context& context) {
  Params params;
  if (context.flag("force")) params["forced"] = "true";
  return act(context, "stopVirtualMachine", params, "stopping");
}
Status reboot(Context& context) {
  Params params;
  if (context.flag("force")) params["forced"] = "true";
  return act(context, "rebootVirtualMachine", params, "rebooting");
}
Status fence(Context& context) {
  return act(context, "fenceVirtualMachine", {}, "fencing");
}
Status destroy(Context& context) {
  const bool expunge = context.flag("expunge");
  if (expunge) {
    MOLD_TRY_VOID(confirm(context, "This deletes the disks of " + context.args[0] + " for ever.",
                          context.args[0], false));
  }
  return act(context, "destroyVirtualMachine", {{"expunge", expunge ? "true" : "false"}},
             "destroying");
}

runtime::OptionSpec host_option() {
  return {.name = "host", .default_value = "", .help = "on this host"};
}
runtime::OptionSpec force_option() {
  return {
      .name = "force", .default_value = "false", .help = "do not ask the guest", .is_flag = true};
}

}  // namespace

std::vector<Command> vm_commands() {
  return {
      {.name = "vm list",
       .usage = "[--host HOST]",
       .summary = "all VMs",
       .run = list,
       .options = {host_option()}},
      {.name = "vm show",
       .usage = "VM",
       .summary = "all about one VM",
       .least = 1,
       .most = 1,
       .run = show},
      {.name = "vm deploy",
       .usage = "NAME [--offering O] [--template T] [--zone Z] [--host H] [--no-start]",
       .summary = "makes a VM and starts it; what there is only one of need not be said",
       .least = 1,
       .most = 1,
       .run = deploy,
       .options = {{.name = "offering", .default_value = "", .help = "service offering"},
                   {.name = "template", .default_value = "", .help = "what its disk is made from"},
                   {.name = "zone", .default_value = "", .help = "zone"},
                   host_option(),
                   {.name = "no-start",
                    .default_value = "false",
                    .help = "make it only",
                    .is_flag = true}}},
      {.name = "vm start",
       .usage = "VM [--host HOST]",
       .summary = "starts it",
       .least = 1,
       .most = 1,
       .run = start,
       .options = {host_option()}},
      {.name = "vm stop",
       .usage = "VM [--force]",
       .summary = "asks the guest; by force after a while",
       .least = 1,
       .most = 1,
       .run = stop,
       .options = {force_option()}},
      {.name = "vm reboot",
       .usage = "VM [--force]",
       .summary = "restarts the guest where it is",
       .least = 1,
       .most = 1,
       .run = reboot,
       .options = {force_option()}},
      {.name = "vm fence",
       .usage = "VM",
       .summary = "keeps its QEMU from its Ceph disks and starts it elsewhere; its host lives on",
       .least = 1,
       .most = 1,
       .run = fence},
      {.name = "vm destroy",
       .usage = "VM [--expunge]",
       .summary = "stops and removes it",
       .least = 1,
       .most = 1,
       .run = destroy,
       .options = {{.name = "expunge",
                    .default_value = "false",
                    .help = "delete its disks too",
                    .is_flag = true}}},
  };
}

}  // namespace mold::hactl
