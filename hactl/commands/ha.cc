// hactl ha: the HA state of hosts, and why. `ha explain` is the evidence ledger: what was read,
// what was concluded, what was proven, when, and what is being waited for.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "hactl/command.h"
#include "hactl/lookup.h"

namespace mold::hactl {
namespace {

Status list(Context& context) {
  MOLD_TRY(const Json answer, context.client.call("listHostHAResources"));
  if (context.out.json()) {
    context.out.value(answer);
    return {};
  }
  MOLD_TRY(const std::vector<Json> hosts, list_all(context.client, kHost));
  std::vector<std::vector<Cell>> rows;
  for (const Json& host : hosts) {
    const Json& ha = object_of(host, "hostha");
    rows.push_back({{text_of(host, "name"), Tone::kPlain},
                    {truth_of(ha, "haenable") ? "on" : "off", Tone::kPlain},
                    state_cell(text_of(ha, "hastate")),
                    {text_of(ha, "haprovider"), Tone::kPlain},
                    {text_of(host, "hastatereason"), Tone::kPlain}});
  }
  context.out.table({"HOST", "HA", "STATE", "PROVIDER", "WHY"}, rows);
  return {};
}

std::string duration_text(std::int64_t ms) {
  return ms < 10'000 ? fmt::format("{:.1f} s", static_cast<double>(ms) / 1000)
                     : fmt::format("{} s", ms / 1000);
}

void print_proof(const Context& context, const Json& proof) {
  if (proof.empty()) {
    context.out.line("no proof of death was ever made");
    return;
  }
  context.out.line(fmt::format("latest proof of death: {} at {} (epoch {}, {})",
                               text_of(proof, "method"), local_time(text_of(proof, "created")),
                               text_of(proof, "epoch"),
                               truth_of(proof, "wholehost") ? "the whole host" : "some pools"));
  context.out.line("  read: " + text_of(proof, "reading"));
}

void print_state(const Context& context, const Json& now) {
  const std::string beat = text_of(now, "lastbeatagems");
  context.out.facts({
      {"host", {text_of(now, "hostname")}},
      {"state", state_cell(text_of(now, "state"))},
      {"HA", state_cell(text_of(now, "hastate"))},
      {"why", {text_of(now, "reason")}},
      {"for", {duration_text(number_of(now, "secondsinstate") * 1000)}},
      {"last beat", {beat.empty() ? "" : duration_text(number_of(now, "lastbeatagems")) + " ago"}},
      {"power", state_cell(text_of(now, "powerstate"))},
  });
  for (const Json& line : array_of(now, "waitingfor")) {
    if (line.is_string()) context.out.line("  - " + line.get<std::string>());
  }
}

Status explain(Context& context) {
  MOLD_TRY(const std::string id, id_of(context.client, kHost, context.args[0]));
  MOLD_TRY(const std::int64_t last, context.options.integer("last", 1, 500));
  MOLD_TRY(const Json now, context.client.call("explainHostHa", {{"hostid", id}}));
  MOLD_TRY(const Json ledger,
           context.client.call("listHaEvidence", {{"hostid", id}, {"last", std::to_string(last)}}));
  if (context.out.json()) {
    Json all = Json::object();
    all["haexplanation"] = object_of(now, "haexplanation");
    all["haevidence"] = array_of(ledger, "haevidence");
    context.out.value(all);
    return {};
  }
  print_state(context, object_of(now, "haexplanation"));
  context.out.line("");
  print_proof(context, object_of(object_of(now, "haexplanation"), "proof"));
  context.out.line("");
  std::vector<std::vector<Cell>> rows;
  for (const Json& row : array_of(ledger, "haevidence")) {
    rows.push_back({{local_time(text_of(row, "created")), Tone::kPlain},
                    state_cell(text_of(row, "kind")),
                    {text_of(row, "text"), Tone::kPlain}});
  }
  context.out.table({"WHEN", "KIND", "EVIDENCE"}, rows);
  return {};
}

}  // namespace

std::vector<Command> ha_commands() {
  return {
      {.name = "ha list", .usage = "", .summary = "HA state of every host", .run = list},
      {.name = "ha explain",
       .usage = "HOST [--last N]",
       .summary = "readings, verdicts and proofs about a host, and what it waits for",
       .least = 1,
       .most = 1,
       .run = explain,
       .options = {{.name = "last", .default_value = "40", .help = "lines of the ledger"}}},
  };
}

}  // namespace mold::hactl
