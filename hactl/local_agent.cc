#include "hactl/local_agent.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "lib/runtime/dbus.h"

namespace mold::hactl {
namespace {

constexpr Duration kLimit = 5s;

// Whatever flat fields the agent tells, in its order.
void print_object(const Output& out, const Json& object) {
  std::vector<std::pair<std::string, Cell>> facts;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_structured()) facts.emplace_back(key, state_cell(text_of(object, key)));
  }
  out.facts(facts);
}

void print_list(const Output& out, std::string_view title, const Json& list) {
  out.line("");
  out.line(title, Tone::kDim);
  const Json* items = &list;
  if (list.is_object() && list.size() == 1) items = &list.begin().value();
  if (!items->is_array() || items->empty()) {
    out.line(items->is_object() && !items->empty() ? dump_json(*items) : "none");
    return;
  }
  std::vector<std::string> head;
  for (const auto& [key, value] : items->front().items()) {
    if (!value.is_structured()) head.push_back(key);
  }
  std::vector<std::vector<Cell>> rows;
  for (const Json& item : *items) {
    std::vector<Cell> row;
    for (const std::string& key : head) row.push_back(state_cell(text_of(item, key)));
    rows.push_back(std::move(row));
  }
  out.table(head, rows);
}

}  // namespace

Result<Json> ask_local_agent(runtime::EventLoop& loop, const std::string& method) {
  auto bus = runtime::Bus::open_system(loop);
  if (!bus) return fail(std::move(bus).error().context("system bus"));
  std::optional<Result<runtime::DbusValues>> answer;
  (*bus)->call_async("org.mold.Agent1", "/org/mold/Agent1", "org.mold.Agent1", method, "", {},
                     kLimit, [&answer](auto result) { answer.emplace(std::move(result)); });
  loop.run_until([&answer] { return answer.has_value(); }, kLimit + 1s);
  if (!answer) return fail(ErrorKind::kUnavailable, "mold-agentd does not answer");
  if (!*answer) return fail(std::move(answer->error()).context("mold-agentd on this host"));
  const runtime::DbusValues& values = **answer;
  if (values.size() != 1 || !std::holds_alternative<std::string>(values[0])) {
    return fail(ErrorKind::kCorrupt, "mold-agentd gave an answer of another form");
  }
  return parse_json(std::get<std::string>(values[0]));
}

void print_local(const Output& out, const Json& status, const Json& vms, const Json& leases) {
  print_object(out, status);
  print_list(out, "VMs", vms);
  print_list(out, "leases", leases);
}

}  // namespace mold::hactl
