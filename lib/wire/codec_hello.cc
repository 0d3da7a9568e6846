// Enrolment, hello, acknowledgements and errors.
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/wire/codec.h"
#include "lib/wire/codec_parts.h"
#include "lib/wire/json_fields.h"
#include "lib/wire/limits.h"

namespace mold::wire {

using nlohmann::json;

namespace {

std::vector<std::string> read_managers(const Fields& fields) {
  std::vector<std::string> managers;
  fields.each_text("managers", limits::kManagers, limits::kName,
                   [&managers](std::string url) { managers.push_back(std::move(url)); });
  return managers;
}

core::Capacity read_capacity(const Fields& fields) {
  core::Capacity capacity;
  fields.object("capacity", [&capacity](const Fields& part) {
    capacity.cpus = part.number32("cpus", limits::kCpus);
    capacity.cpu_mhz = part.number32("cpu_mhz");
    capacity.memory_bytes = part.number("memory_bytes", limits::kMemoryBytes);
  });
  return capacity;
}

}  // namespace

json write_pools(const std::vector<PoolInfo>& pools) {
  json out = json::array();
  for (const PoolInfo& pool : pools) {
    out.push_back({{"id", pool.id.value},
                   {"uuid", pool.uuid},
                   {"path", pool.path},
                   {"kind", core::to_string(pool.kind)},
                   {"policy", core::to_string(pool.policy)},
                   {"source", pool.source},
                   {"user", pool.user},
                   {"key", pool.key.reveal()},
                   {"heartbeat", pool.heartbeat},
                   {"beat_interval_ms", pool.beat_interval_ms},
                   {"self_fence_deadline_ms", pool.self_fence_deadline_ms},
                   {"must_be_mountpoint", pool.must_be_mountpoint}});
  }
  return out;
}

std::vector<PoolInfo> read_pools(const Fields& fields) {
  std::vector<PoolInfo> pools;
  fields.each("pools", limits::kPools, [&pools](const Fields& part) {
    PoolInfo pool;
    pool.id = PoolId{part.number("id")};
    pool.uuid = part.uuid("uuid");
    pool.kind = part.choice("kind", core::parse_pool_kind);
    pool.policy = part.choice("policy", core::parse_pool_policy);
    pool.path =
        pool.kind == core::PoolKind::kRbd ? part.name("path", limits::kText) : part.path("path");
    pool.source = part.text("source", limits::kText);
    pool.user = part.text("user", limits::kName);
    pool.key = Secret(part.text("key", limits::kToken));
    pool.heartbeat = part.flag("heartbeat");
    pool.beat_interval_ms = part.number32("beat_interval_ms");
    pool.self_fence_deadline_ms = part.number32("self_fence_deadline_ms");
    pool.must_be_mountpoint = part.flag_or("must_be_mountpoint", false);
    if (!pool.id) part.refuse("id", "must not be 0");
    pools.push_back(std::move(pool));
  });
  return pools;
}

std::string encode(const EnrolRequest& message) {
  return write_json({{"token", message.token.reveal()},
                     {"csr_pem", message.csr_pem},
                     {"hostname", message.hostname}});
}

Result<EnrolRequest> decode_enrol_request(std::string_view body) {
  EnrolRequest out;
  MOLD_TRY_VOID(read_message(body, limits::kSmallBodyBytes, [&out](const Fields& fields) {
    out.token = Secret(fields.name("token", limits::kToken));
    out.csr_pem = fields.name("csr_pem", limits::kPem);
    out.hostname = fields.name("hostname", limits::kName);
  }));
  return out;
}

std::string encode(const EnrolAnswer& message) {
  return write_json({{"host_uuid", message.host_uuid},
                     {"certificate_pem", message.certificate_pem},
                     {"ca_pem", message.ca_pem},
                     {"managers", message.managers}});
}

Result<EnrolAnswer> decode_enrol_answer(std::string_view body) {
  EnrolAnswer out;
  MOLD_TRY_VOID(read_message(body, limits::kSmallBodyBytes, [&out](const Fields& fields) {
    out.host_uuid = fields.uuid("host_uuid");
    out.certificate_pem = fields.name("certificate_pem", limits::kPem);
    out.ca_pem = fields.name("ca_pem", limits::kPem);
    out.managers = read_managers(fields);
  }));
  return out;
}

std::string encode(const HelloRequest& message) {
  return write_json({{"protocol", message.protocol},
                     {"host_uuid", message.host_uuid},
                     {"boot_id", message.boot_id},
                     {"incarnation", message.incarnation},
                     {"epoch", message.epoch.value},
                     {"agent_version", message.agent_version},
                     {"hostname", message.hostname},
                     {"capacity",
                      {{"cpus", message.capacity.cpus},
                       {"cpu_mhz", message.capacity.cpu_mhz},
                       {"memory_bytes", message.capacity.memory_bytes}}},
                     {"facts", message.facts},
                     {"vms", write_vms(message.vms)}});
}

Result<HelloRequest> decode_hello_request(std::string_view body) {
  HelloRequest out;
  bool other_protocol = false;
  MOLD_TRY_VOID(
      read_message(body, limits::kBodyBytes, [&out, &other_protocol](const Fields& fields) {
        out.protocol = fields.number32("protocol");
        other_protocol = !fields.failed() && out.protocol != kProtocolVersion;
        if (other_protocol) return;
        out.host_uuid = fields.uuid("host_uuid");
        out.boot_id = fields.uuid("boot_id");
        out.incarnation = fields.number("incarnation");
        out.epoch = Epoch{fields.number("epoch")};
        out.agent_version = fields.text("agent_version", limits::kName);
        out.hostname = fields.name("hostname", limits::kName);
        out.capacity = read_capacity(fields);
        out.facts = fields.text_map("facts", limits::kFacts, limits::kText);
        out.vms = read_vms(fields);
      }));
  if (other_protocol) {
    return fail(ErrorKind::kUnsupported, "protocol: is " + std::to_string(out.protocol) +
                                             ", this side speaks " +
                                             std::to_string(kProtocolVersion));
  }
  return out;
}

std::string encode(const HelloAnswer& message) {
  return write_json({{"epoch", message.epoch.value},
                     {"manager", message.manager},
                     {"beat_interval_ms", message.beat_interval_ms},
                     {"poll_wait_ms", message.poll_wait_ms},
                     {"cluster_uuid", message.cluster_uuid},
                     {"pools_version", message.pools_version},
                     {"pools", write_pools(message.pools)},
                     {"managers", message.managers},
                     {"start_guard_ms", message.start_guard_ms},
                     {"stop_grace_ms", message.stop_grace_ms}});
}

Result<HelloAnswer> decode_hello_answer(std::string_view body) {
  HelloAnswer out;
  MOLD_TRY_VOID(read_message(body, limits::kBodyBytes, [&out](const Fields& fields) {
    out.epoch = Epoch{fields.number("epoch")};
    if (!out.epoch) fields.refuse("epoch", "must not be 0");
    out.manager = fields.text("manager", limits::kName);
    out.beat_interval_ms = fields.number32("beat_interval_ms", 60'000);
    if (out.beat_interval_ms < 50) fields.refuse("beat_interval_ms", "below 50");
    out.poll_wait_ms = fields.number32("poll_wait_ms", 600'000);
    out.cluster_uuid = fields.uuid("cluster_uuid");
    out.pools_version = fields.number("pools_version");
    out.pools = read_pools(fields);
    out.managers = read_managers(fields);
    out.start_guard_ms = fields.number32("start_guard_ms", 3'600'000);
    out.stop_grace_ms = fields.number32("stop_grace_ms", 86'400'000);
  }));
  return out;
}

std::string encode(const Ack&) {
  return "{}";
}

std::string encode(const ErrorAnswer& message) {
  return write_json({{"error", message.error},
                     {"text", clipped(message.text, limits::kText)},
                     {"epoch", message.epoch.value}});
}

Result<ErrorAnswer> decode_error_answer(std::string_view body) {
  ErrorAnswer out;
  MOLD_TRY_VOID(read_message(body, limits::kSmallBodyBytes, [&out](const Fields& fields) {
    out.error = fields.name("error", limits::kName);
    out.text = fields.text_or("text", limits::kText, "");
    if (fields.has("epoch")) out.epoch = Epoch{fields.number("epoch")};
  }));
  return out;
}

}  // namespace mold::wire
