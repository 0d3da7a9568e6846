// Power orders that one host carries out on another, and what came of them.
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/wire/codec.h"
#include "lib/wire/codec_names.h"
#include "lib/wire/json_fields.h"
#include "lib/wire/limits.h"

namespace mold::wire {

using nlohmann::json;

namespace {

json write_power_order(const PowerOrder& order) {
  return {{"ticket", order.ticket},
          {"op", order.op.value},
          {"task", wire_name(order.task)},
          {"verb", wire_name(order.verb)},
          {"deadline_ms", order.deadline_ms},
          {"not_after_ms", order.not_after_ms},
          {"driver", order.target.driver},
          {"address", order.target.address},
          {"port", order.target.port},
          {"username", order.target.username},
          {"password", order.target.password.reveal()},
          {"options", order.target.options}};
}

PowerOrder read_power_order(const Fields& fields) {
  PowerOrder order;
  order.ticket = fields.number("ticket");
  order.op = OpId{fields.number("op")};
  order.task = fields.choice("task", &parse_power_task);
  order.verb = fields.choice("verb", &parse_power_verb);
  order.deadline_ms = fields.number("deadline_ms", limits::kDurationMs);
  order.not_after_ms = fields.number("not_after_ms");
  order.target.driver = fields.name("driver", limits::kName);
  order.target.address = fields.text("address", limits::kName);
  order.target.port = fields.text("port", limits::kName);
  order.target.username = fields.text("username", limits::kName);
  order.target.password = Secret(fields.text("password", limits::kSecret));
  order.target.options = fields.text_map("options", limits::kOptions, limits::kPath);
  return order;
}

PowerOutcome read_power_outcome(const Fields& fields) {
  PowerOutcome out;
  out.ticket = fields.number("ticket");
  out.outcome = fields.choice("outcome", &parse_outcome);
  out.state = fields.choice("state", &parse_power_state);
  out.error = fields.choice("error", &parse_error_kind);
  out.text = fields.text("text", limits::kStory);
  out.uuid = fields.text("uuid", limits::kName);
  out.serial = fields.text("serial", limits::kName);
  out.model = fields.text("model", limits::kName);
  return out;
}

}  // namespace

std::string encode(const PowerOrders& message) {
  json orders = json::array();
  for (const PowerOrder& order : message.orders) orders.push_back(write_power_order(order));
  return write_json({{"orders", std::move(orders)}});
}

Result<PowerOrders> decode_power_orders(std::string_view body) {
  PowerOrders out;
  MOLD_TRY_VOID(read_message(body, limits::kBodyBytes, [&out](const Fields& fields) {
    fields.each("orders", limits::kPowerOrders,
                [&out](const Fields& part) { out.orders.push_back(read_power_order(part)); });
  }));
  return out;
}

std::string encode(const PowerReport& message) {
  json outcomes = json::array();
  for (const PowerOutcome& outcome : message.outcomes) {
    outcomes.push_back({{"ticket", outcome.ticket},
                        {"outcome", wire_name(outcome.outcome)},
                        {"state", wire_name(outcome.state)},
                        {"error", wire_name(outcome.error)},
                        {"text", clipped(outcome.text, limits::kStory)},
                        {"uuid", clipped(outcome.uuid, limits::kName)},
                        {"serial", clipped(outcome.serial, limits::kName)},
                        {"model", clipped(outcome.model, limits::kName)}});
  }
  json fenced = json::array();
  for (const FencedNode& node : message.fenced) {
    fenced.push_back({{"node", clipped(node.node, limits::kName)},
                      {"by", clipped(node.by, limits::kName)},
                      {"text", clipped(node.text, limits::kText)},
                      {"heard_after_ms", node.heard_after_ms}});
  }
  return write_json({{"epoch", message.epoch.value},
                     {"outcomes", std::move(outcomes)},
                     {"fenced", std::move(fenced)}});
}

Result<PowerReport> decode_power_report(std::string_view body) {
  PowerReport out;
  MOLD_TRY_VOID(read_message(body, limits::kBodyBytes, [&out](const Fields& fields) {
    out.epoch = Epoch{fields.number("epoch")};
    fields.each("outcomes", limits::kPowerOrders,
                [&out](const Fields& part) { out.outcomes.push_back(read_power_outcome(part)); });
    fields.each("fenced", limits::kPowerOrders, [&out](const Fields& part) {
      FencedNode node;
      node.node = part.name("node", limits::kName);
      node.by = part.name("by", limits::kName);
      node.text = part.text("text", limits::kText);
      node.heard_after_ms = part.number("heard_after_ms");
      out.fenced.push_back(std::move(node));
    });
  }));
  return out;
}

}  // namespace mold::wire
