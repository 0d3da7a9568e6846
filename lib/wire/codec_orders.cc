// Orders, results and reports.
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/wire/codec.h"
#include "lib/wire/codec_names.h"
#include "lib/wire/codec_parts.h"
#include "lib/wire/json_fields.h"
#include "lib/wire/limits.h"

namespace mold::wire {

using nlohmann::json;

namespace {

json write_order(const Order& order) {
  json disks = json::array();
  for (const OrderDisk& disk : order.disks) {
    disks.push_back({{"pool_uuid", disk.pool_uuid},
                     {"path", disk.path},
                     {"format", disk.format},
                     {"template_path", disk.template_path},
                     {"size_bytes", disk.size_bytes}});
  }
  return {{"kind", wire_name(order.kind)},
          {"op", order.op.value},
          {"epoch", order.epoch.value},
          {"vm", order.vm.value},
          {"generation", order.generation.value},
          {"grace_ms", order.grace.count()},
          {"forced", order.forced},
          {"name", order.name},
          {"uuid", order.uuid},
          {"cpus", order.cpus},
          {"cpu_mhz", order.cpu_mhz},
          {"memory_bytes", order.memory_bytes},
          {"disks", std::move(disks)}};
}

// Whether that names a thing in the disk's own pool is the agent's to judge.
bool is_image_path(const std::string& path) {
  return path.starts_with("rbd:");
}

OrderDisk read_disk(const Fields& fields) {
  OrderDisk disk;
  disk.pool_uuid = fields.uuid("pool_uuid");
  disk.path = fields.text("path", limits::kPath);
  disk.path = is_image_path(disk.path) ? fields.name("path", limits::kPath) : fields.path("path");
  disk.format = fields.name("format", limits::kName);
  if (disk.format != "raw" && disk.format != "qcow2") fields.refuse("format", "not raw or qcow2");
  const std::string from = fields.text("template_path", limits::kPath);
  if (!from.empty()) {
    const bool snapshot = is_image_path(disk.path) && from.front() != '/';
    disk.template_path =
        snapshot ? fields.name("template_path", limits::kPath) : fields.path("template_path");
  }
  disk.size_bytes = fields.number("size_bytes", limits::kDiskBytes);
  return disk;
}

Order read_order(const Fields& fields) {
  Order order;
  order.kind = fields.choice("kind", &parse_order_kind);
  order.op = OpId{fields.number("op")};
  order.epoch = Epoch{fields.number("epoch")};
  order.vm = VmId{fields.number("vm")};
  if (!order.vm) fields.refuse("vm", "must not be 0");
  order.generation = Generation{fields.number("generation")};
  order.grace = fields.duration("grace_ms");
  order.forced = fields.flag_or("forced", false);
  order.name = fields.text("name", limits::kName);
  order.uuid = fields.uuid("uuid");
  order.cpus = fields.number32("cpus", limits::kCpus);
  order.cpu_mhz = fields.number32("cpu_mhz");
  order.memory_bytes = fields.number("memory_bytes", limits::kMemoryBytes);
  fields.each("disks", limits::kDisks,
              [&order](const Fields& part) { order.disks.push_back(read_disk(part)); });
  return order;
}

core::OrderResult read_result(const Fields& fields) {
  core::OrderResult result;
  result.op = OpId{fields.number("op")};
  result.vm = VmId{fields.number("vm")};
  result.generation = Generation{fields.number("generation")};
  result.outcome = fields.choice("outcome", &parse_outcome);
  result.gone = fields.flag("gone");
  result.error = fields.choice("error", &parse_error_kind);
  result.text = fields.text("text", limits::kText);
  return result;
}

}  // namespace

json write_vms(const std::vector<core::VmReport>& vms) {
  json out = json::array();
  for (const core::VmReport& vm : vms) {
    out.push_back({{"vm", vm.vm.value},
                   {"uuid", vm.uuid},
                   {"generation", vm.generation.value},
                   {"power", wire_name(vm.power)},
                   {"gone_reason", wire_name(vm.gone_reason)},
                   {"io_error", vm.io_error}});
  }
  return out;
}

std::vector<core::VmReport> read_vms(const Fields& fields) {
  std::vector<core::VmReport> vms;
  fields.each("vms", limits::kVms, [&vms](const Fields& part) {
    core::VmReport vm;
    vm.vm = VmId{part.number("vm")};
    if (!vm.vm) part.refuse("vm", "must not be 0");
    // Empty for a VM that is only known by number.
    if (!part.text("uuid", limits::kUuid).empty()) vm.uuid = part.uuid("uuid");
    vm.generation = Generation{part.number("generation")};
    vm.power = part.choice("power", &parse_domain_power);
    vm.gone_reason = part.choice("gone_reason", &parse_gone_reason);
    vm.io_error = part.flag_or("io_error", false);
    vms.push_back(std::move(vm));
  });
  return vms;
}

std::string encode(const OrdersAnswer& message) {
  json orders = json::array();
  for (const Order& order : message.orders) orders.push_back(write_order(order));
  return write_json({{"orders", std::move(orders)}});
}

Result<OrdersAnswer> decode_orders_answer(std::string_view body) {
  OrdersAnswer out;
  MOLD_TRY_VOID(read_message(body, limits::kBodyBytes, [&out](const Fields& fields) {
    fields.each("orders", limits::kOrders,
                [&out](const Fields& part) { out.orders.push_back(read_order(part)); });
  }));
  return out;
}

std::string encode(const ResultsRequest& message) {
  json results = json::array();
  for (const core::OrderResult& result : message.results) {
    results.push_back({{"op", result.op.value},
                       {"vm", result.vm.value},
                       {"generation", result.generation.value},
                       {"outcome", wire_name(result.outcome)},
                       {"gone", result.gone},
                       {"error", wire_name(result.error)},
                       {"text", clipped(result.text, limits::kText)}});
  }
  return write_json({{"epoch", message.epoch.value}, {"results", std::move(results)}});
}

Result<ResultsRequest> decode_results_request(std::string_view body) {
  ResultsRequest out;
  MOLD_TRY_VOID(read_message(body, limits::kBodyBytes, [&out](const Fields& fields) {
    out.epoch = Epoch{fields.number("epoch")};
    fields.each("results", limits::kResults,
                [&out](const Fields& part) { out.results.push_back(read_result(part)); });
  }));
  return out;
}

std::string encode(const ReportRequest& message) {
  json pools = json::array();
  for (const PoolReport& pool : message.pools) {
    pools.push_back({{"uuid", pool.uuid},
                     {"usable", pool.usable},
                     {"total_bytes", pool.total_bytes},
                     {"free_bytes", pool.free_bytes},
                     {"text", clipped(pool.text, limits::kText)}});
  }
  return write_json({{"epoch", message.epoch.value},
                     {"seq", message.seq},
                     {"vms", write_vms(message.vms)},
                     {"pools", std::move(pools)},
                     {"stats", message.stats}});
}

Result<ReportRequest> decode_report_request(std::string_view body) {
  ReportRequest out;
  MOLD_TRY_VOID(read_message(body, limits::kBodyBytes, [&out](const Fields& fields) {
    out.epoch = Epoch{fields.number("epoch")};
    out.seq = fields.number("seq");
    out.vms = read_vms(fields);
    fields.each("pools", limits::kPools, [&out](const Fields& part) {
      PoolReport pool;
      pool.uuid = part.uuid("uuid");
      pool.usable = part.flag("usable");
      pool.total_bytes = part.number("total_bytes");
      pool.free_bytes = part.number("free_bytes");
      pool.text = part.text_or("text", limits::kText, "");
      out.pools.push_back(std::move(pool));
    });
    out.stats = fields.number_map("stats", limits::kStats);
  }));
  return out;
}

}  // namespace mold::wire
