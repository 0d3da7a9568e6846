// hactl status: the whole cluster on one screen.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "hactl/command.h"
#include "hactl/commands/rows.h"
#include "hactl/lookup.h"

namespace mold::hactl {
namespace {

std::string vm_summary(const std::vector<Json>& vms) {
  std::map<std::string, int> by_state;
  for (const Json& vm : vms) ++by_state[text_of(vm, "state")];
  std::string out = fmt::format("{} VM{}", vms.size(), vms.size() == 1 ? "" : "s");
  for (const auto& [state, count] : by_state) out += fmt::format(", {} {}", count, state);
  return out;
}

Status status(Context& context) {
  MOLD_TRY(const std::vector<Json> hosts, list_all(context.client, kHost));
  MOLD_TRY(const std::vector<Json> vms, list_all(context.client, kVm));
  MOLD_TRY(const std::vector<Json> pools, list_all(context.client, kPool));
  MOLD_TRY(const std::vector<Json> users,
           list_all(context.client, kCephUser, {{"leaving", "true"}}));
  if (context.out.json()) {
    Json all = Json::object();
    all["hosts"] = hosts;
    all["virtualmachines"] = vms;
    all["storagepools"] = pools;
    all["leavingcephusers"] = users;
    context.out.value(all);
    return {};
  }
  context.out.table(host_head(), host_rows(hosts));
  for (const std::string& warning : host_warnings(hosts)) context.out.line(warning);
  context.out.line("");
  const std::vector<std::string> warnings = pool_warnings(pools, users);
  for (const std::string& line : warnings) context.out.line(line, Tone::kWarn);
  if (!warnings.empty()) context.out.line("");
  if (vms.empty()) {
    context.out.line("no VMs");
    return {};
  }
  context.out.table(vm_head(), vm_rows(vms));
  context.out.line("");
  context.out.line(vm_summary(vms));
  return {};
}

}  // namespace

std::vector<Command> status_commands() {
  return {
      {.name = "status",
       .usage = "",
       .summary = "hosts, their HA state and why, pools that cannot be used, and VMs at a glance",
       .least = 0,
       .most = 0,
       .run = status}};
}

}  // namespace mold::hactl
