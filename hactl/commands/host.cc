// hactl host: the hosts themselves, how they join, what they are.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "hactl/command.h"
#include "hactl/commands/rows.h"
#include "hactl/local_agent.h"
#include "hactl/lookup.h"

namespace mold::hactl {
namespace {

Status list(Context& context) {
  MOLD_TRY(const std::vector<Json> hosts, list_all(context.client, kHost));
  if (context.out.json()) {
    context.out.value(Json(hosts));
    return {};
  }
  context.out.table(host_head(), host_rows(hosts));
  return {};
}

Cell drill_cell(const Json& host) {
  const std::string state = text_of(host, "fencedrillstate");
  if (state.empty()) return {};
  return {state + ": " + text_of(host, "fencedrillreason"), tone_of(state)};
}

Status show(Context& context) {
  MOLD_TRY(const Json host, find_one(context.client, kHost, context.args[0]));
  if (context.out.json()) {
    context.out.value(host);
    return {};
  }
  const Json& power = object_of(host, "outofbandmanagement");
  context.out.facts({
      {"name", {text_of(host, "name")}},
      {"id", {text_of(host, "id")}},
      {"cluster", {text_of(host, "clustername")}},
      {"address", {text_of(host, "ipaddress")}},
      {"state", state_cell(text_of(host, "state"))},
      {"resource state", state_cell(text_of(host, "resourcestate"))},
      {"HA", state_cell(ha_state_of(host))},
      {"why", {text_of(host, "hastatereason")}},
      {"power", state_cell(power_state_of(host))},
      {"power driver", {text_of(power, "driver")}},
      {"power address", {text_of(power, "address")}},
      {"fence drill", drill_cell(host)},
      {"enrolled", {truth_of(host, "enrolled") ? "yes" : "no"}},
      {"VMs", {text_of(host, "vmcount")}},
      {"CPUs", {text_of(host, "cpunumber")}},
      {"memory", {size_text(number_of(host, "memorytotal"))}},
      {"allocated", {size_text(number_of(host, "memoryallocated"))}},
      {"agent", {text_of(host, "version")}},
      {"hypervisor", {text_of(host, "hypervisorversion")}},
      {"last beat", {local_time(text_of(host, "lastpinged"))}},
      {"since", {local_time(text_of(host, "created"))}},
  });
  return {};
}

Status add(Context& context) {
  const std::string& name = context.args[0];
  MOLD_TRY(const Json cluster, find_or_only(context.client, kCluster, context.option("cluster")));
  const std::string address = context.option("address").empty() ? name : context.option("address");
  Params params{{"hypervisor", "KVM"},
                {"zoneid", text_of(cluster, "zoneid")},
                {"podid", text_of(cluster, "podid")},
                {"clusterid", text_of(cluster, "id")},
                {"name", name},
                {"url", "http://" + address}};
  if (!context.option("tags").empty()) params["hosttags"] = context.option("tags");
  MOLD_TRY(const Json added, call_and_wait(context, "addHost", params, "adding " + name));
  if (context.out.json()) {
    context.out.value(added);
    return {};
  }
  const std::vector<Json> rows = array_of(added, "host");
  context.out.line(name + " is known now. Its one-time token, to be given to mold-agentd there:");
  context.out.line(rows.empty() ? std::string() : text_of(rows.front(), "enrolmenttoken"));
  return {};
}

Status remove(Context& context) {
  MOLD_TRY(const std::string id, id_of(context.client, kHost, context.args[0]));
  MOLD_TRY_VOID(
      confirm(context, "This forgets the host " + context.args[0] + ".", context.args[0], false));
  Params params{{"id", id}};
  if (context.flag("force")) params["forced"] = "true";
  MOLD_TRY(const Json done, call_and_wait(context, "deleteHost", params, "removing"));
  tell_done(context, done, context.args[0] + " is gone");
  return {};
}

Status set_allocation(Context& context, const std::string& state) {
  MOLD_TRY(const std::string id, id_of(context.client, kHost, context.args[0]));
  MOLD_TRY(const Json done,
           call_and_wait(context, "updateHost", {{"id", id}, {"allocationstate", state}}, state));
  tell_done(context, done,
            context.args[0] + (state == "Enable" ? " takes VMs again" : " takes no more VMs"));
  return {};
}
Status enable(Context& context) {
  return set_allocation(context, "Enable");
}
Status disable(Context& context) {
  return set_allocation(context, "Disable");
}

Status enrol_token(Context& context) {
  MOLD_TRY(const std::string id, id_of(context.client, kHost, context.args[0]));
  MOLD_TRY(const Json answer, context.client.call("issueHostEnrolmentToken", {{"id", id}}));
  if (context.out.json()) {
    context.out.value(answer);
    return {};
  }
  const std::string token = text_of(object_of(answer, "hostenrolment"), "enrolmenttoken");
  if (token.empty()) return fail(ErrorKind::kCorrupt, "the manager's answer has no token in it");
  context.out.line(token);
  return {};
}

Status local(Context& context) {
  MOLD_TRY(const Json status, ask_local_agent(context.client.loop(), "Status"));
  MOLD_TRY(const Json vms, ask_local_agent(context.client.loop(), "Vms"));
  MOLD_TRY(const Json leases, ask_local_agent(context.client.loop(), "Leases"));
  Json all = Json::object();
  all["status"] = status;
  all["vms"] = vms;
  all["leases"] = leases;
  if (context.out.json()) {
    context.out.value(all);
  } else {
    print_local(context.out, status, vms, leases);
  }
  return {};
}

}  // namespace

std::vector<Command> host_commands() {
  return {
      {.name = "host list", .usage = "", .summary = "all hosts, their state and why", .run = list},
      {.name = "host show",
       .usage = "HOST",
       .summary = "all about one host",
       .least = 1,
       .most = 1,
       .run = show},
      {.name = "host local",
       .usage = "",
       .summary = "asks the agent on this very host (root; works without the manager)",
       .run = local},
      {.name = "host add",
       .usage = "NAME [--cluster C] [--address A] [--tags T]",
       .summary = "makes a host known to the manager",
       .least = 1,
       .most = 1,
       .run = add,
       .options = {{.name = "cluster", .default_value = "", .help = "its cluster; the only one"},
                   {.name = "address", .default_value = "", .help = "its address; NAME"},
                   {.name = "tags", .default_value = "", .help = "host tags, comma separated"}}},
      {.name = "host enrol-token",
       .usage = "HOST",
       .summary = "a one-time token with which the host fetches its certificate",
       .least = 1,
       .most = 1,
       .run = enrol_token},
      {.name = "host remove",
       .usage = "HOST [--force]",
       .summary = "forgets a host",
       .least = 1,
       .most = 1,
       .run = remove,
       .options = {{.name = "force",
                    .default_value = "false",
                    .help = "also when VMs are on it",
                    .is_flag = true}}},
      {.name = "host enable",
       .usage = "HOST",
       .summary = "it may take VMs again",
       .least = 1,
       .most = 1,
       .run = enable},
      {.name = "host disable",
       .usage = "HOST",
       .summary = "it takes no more VMs; those on it stay",
       .least = 1,
       .most = 1,
       .run = disable},
  };
}

}  // namespace mold::hactl
