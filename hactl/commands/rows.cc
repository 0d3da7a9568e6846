#include "hactl/commands/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace mold::hactl {
namespace {

void sort_by_name(std::vector<Json>& things) {
  std::stable_sort(things.begin(), things.end(), [](const Json& a, const Json& b) {
    return text_of(a, "name") < text_of(b, "name");
  });
}

}  // namespace

std::string ha_state_of(const Json& host) {
  return text_of(object_of(host, "hostha"), "hastate");
}

std::string power_state_of(const Json& host) {
  return text_of(object_of(host, "outofbandmanagement"), "powerstate");
}

std::vector<std::string> host_head() {
  return {"HOST", "STATE", "HA", "POWER", "VMS", "WHY"};
}

std::vector<std::vector<Cell>> host_rows(const std::vector<Json>& hosts) {
  std::vector<Json> sorted = hosts;
  sort_by_name(sorted);
  std::vector<std::vector<Cell>> rows;
  for (const Json& host : sorted) {
    std::string state = text_of(host, "state");
    if (text_of(host, "resourcestate") == "Disabled") state += " (disabled)";
    rows.push_back({{text_of(host, "name"), Tone::kPlain},
                    {state, tone_of(text_of(host, "state"))},
                    state_cell(ha_state_of(host)),
                    state_cell(power_state_of(host)),
                    {text_of(host, "vmcount"), Tone::kPlain},
                    {text_of(host, "hastatereason"), Tone::kPlain}});
  }
  return rows;
}

std::vector<std::string> host_warnings(const std::vector<Json>& hosts) {
  std::vector<std::string> warnings;
  for (const Json& host : hosts) {
    for (const char* const about : {"leasewarning", "storewarning"}) {
      const std::string text = text_of(host, about);
      if (!text.empty()) warnings.push_back("warning: " + text_of(host, "name") + ": " + text);
    }
  }
  std::sort(warnings.begin(), warnings.end());
  return warnings;
}

std::vector<std::string> vm_head() {
  return {"VM", "STATE", "HOST", "HA", "CPUS", "MEMORY", "WHY"};
}

std::vector<std::vector<Cell>> vm_rows(const std::vector<Json>& vms) {
  std::vector<Json> sorted = vms;
  sort_by_name(sorted);
  std::vector<std::vector<Cell>> rows;
  for (const Json& vm : sorted) {
    const std::string host = text_of(vm, "hostname");
    rows.push_back({{text_of(vm, "name"), Tone::kPlain},
                    state_cell(text_of(vm, "state")),
                    {host.empty() ? "-" : host, Tone::kPlain},
                    {truth_of(vm, "haenable") ? "yes" : "no", Tone::kPlain},
                    {text_of(vm, "cpunumber"), Tone::kPlain},
                    {size_text(number_of(vm, "memory") * 1024 * 1024), Tone::kPlain},
                    {text_of(vm, "statereason"), Tone::kPlain}});
  }
  return rows;
}

std::vector<std::string> pool_warnings(const std::vector<Json>& pools,
                                       const std::vector<Json>& users) {
  std::vector<std::string> lines;
  for (const Json& pool : pools) {
    for (const Json& host : array_of(pool, "hosts")) {
      if (text_of(host, "state") != "Down") continue;
      lines.push_back(fmt::format("pool {} cannot be used on {}: {}", text_of(pool, "name"),
                                  text_of(host, "hostname"), text_of(host, "reason")));
    }
  }
  for (const Json& user : users) {
    if (text_of(user, "state") != "Leaving" || text_of(user, "reason").empty()) continue;
    lines.push_back(fmt::format("client.{} of {} is still in Ceph {}: {}", text_of(user, "user"),
                                text_of(user, "hostname"), text_of(user, "fsid"),
                                text_of(user, "reason")));
  }
  return lines;
}

}  // namespace mold::hactl
