// Beats.
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/wire/codec.h"
#include "lib/wire/codec_parts.h"
#include "lib/wire/json_fields.h"
#include "lib/wire/limits.h"

namespace mold::wire {

using nlohmann::json;

namespace {

json write_reading(const Reading& reading) {
  return {{"pool_uuid", reading.pool_uuid},
          {"subject_uuid", reading.subject_uuid},
          {"boot_id", reading.boot_id},
          {"readable", reading.readable},
          {"counter", reading.counter},
          {"incarnation", reading.incarnation},
          {"armed", reading.armed},
          {"deadline_ms", reading.deadline_ms},
          {"unchanged_ms", reading.unchanged_ms}};
}

Reading read_reading(const Fields& fields) {
  Reading reading;
  reading.pool_uuid = fields.uuid("pool_uuid");
  reading.subject_uuid = fields.uuid("subject_uuid");
  // Empty when no record was ever read.
  reading.boot_id = fields.text("boot_id", limits::kUuid);
  reading.readable = fields.flag("readable");
  reading.counter = fields.number("counter");
  reading.incarnation = fields.number("incarnation");
  reading.armed = fields.flag("armed");
  reading.deadline_ms = fields.number("deadline_ms", limits::kDurationMs);
  reading.unchanged_ms = fields.number("unchanged_ms", limits::kDurationMs);
  return reading;
}

OwnLease read_own_lease(const Fields& fields) {
  OwnLease lease;
  lease.pool_uuid = fields.uuid("pool_uuid");
  lease.state = fields.name("state", limits::kName);
  lease.armed = fields.flag("armed");
  lease.text = fields.text_or("text", limits::kText, "");
  return lease;
}

}  // namespace

std::string encode(const BeatRequest& message) {
  json readings = json::array();
  for (const Reading& reading : message.readings) readings.push_back(write_reading(reading));
  json leases = json::array();
  for (const OwnLease& lease : message.leases) {
    leases.push_back({{"pool_uuid", lease.pool_uuid},
                      {"state", lease.state},
                      {"armed", lease.armed},
                      {"text", clipped(lease.text, limits::kText)}});
  }
  return write_json({{"epoch", message.epoch.value},
                     {"seq", message.seq},
                     {"incarnation", message.incarnation},
                     {"self_stall_ms", message.self_stall_ms},
                     {"pools_version", message.pools_version},
                     {"readings", std::move(readings)},
                     {"leases", std::move(leases)}});
}

Result<BeatRequest> decode_beat_request(std::string_view body) {
  BeatRequest out;
  MOLD_TRY_VOID(read_message(body, limits::kBeatBodyBytes, [&out](const Fields& fields) {
    out.epoch = Epoch{fields.number("epoch")};
    out.seq = fields.number("seq");
    out.incarnation = fields.number("incarnation");
    out.self_stall_ms = fields.number("self_stall_ms", limits::kDurationMs);
    out.pools_version = fields.number("pools_version");
    fields.each("readings", limits::kReadings,
                [&out](const Fields& part) { out.readings.push_back(read_reading(part)); });
    fields.each("leases", limits::kPools,
                [&out](const Fields& part) { out.leases.push_back(read_own_lease(part)); });
  }));
  return out;
}

std::string encode(const BeatAnswer& message) {
  json out = {{"pools_version", message.pools_version}, {"clock_ms", message.clock_ms}};
  if (message.pools) out["pools"] = write_pools(*message.pools);
  return write_json(out);
}

Result<BeatAnswer> decode_beat_answer(std::string_view body) {
  BeatAnswer out;
  MOLD_TRY_VOID(read_message(body, limits::kBeatBodyBytes, [&out](const Fields& fields) {
    out.pools_version = fields.number("pools_version");
    if (fields.has("clock_ms")) out.clock_ms = fields.number("clock_ms");
    if (fields.has("pools")) out.pools = read_pools(fields);
  }));
  return out;
}

}  // namespace mold::wire
