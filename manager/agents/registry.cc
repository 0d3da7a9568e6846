#include "manager/agents/registry.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/runtime/journal_log.h"
#include "manager/engine/message_ids.h"

namespace mold::manager {
namespace {

constexpr Duration kStrangerEvery{60'000};
constexpr std::size_t kStrangersRemembered = 1024;

std::uint32_t as_ms(Duration duration) {
  return static_cast<std::uint32_t>(duration.count());
}

}  // namespace

AgentRegistry::AgentRegistry(runtime::EventLoop& loop, Engine& engine, Inventory& inventory,
                             Authority& authority, LeaseOptions lease)
    : loop_(loop), engine_(engine), inventory_(inventory), authority_(authority), lease_(lease) {}

AgentView AgentRegistry::view(HostId host) const {
  const auto known = agents_.find(host);
  AgentView view = known == agents_.end() ? AgentView{} : known->second;
  const auto core = engine_.state().hosts.find(host);
  if (core != engine_.state().hosts.end()) {
    const Duration silent = loop_.now() - core->second.last_beat;
    view.connected = core->second.link_up && silent < engine_.brain().policy().suspect_after;
    view.epoch = core->second.epoch;
  }
  if (const HostRecord* const record = inventory_.hosts().find(host); record != nullptr)
    view.last_hello = record->last_hello;
  return view;
}

std::optional<wire::PoolReport> AgentRegistry::pool_report(PoolId pool) const {
  const PoolRecord* const record = inventory_.pools().find(pool);
  if (record == nullptr) return std::nullopt;
  std::optional<wire::PoolReport> best;
  for (const auto& [host, agent] : agents_) {
    const HostRecord* const teller = inventory_.hosts().find_live(host);
    if (teller == nullptr || teller->cluster != record->cluster) continue;
    for (const wire::PoolReport& report : agent.pools) {
      if (report.uuid != record->uuid) continue;
      if (!best || (report.usable && !best->usable)) best = report;
    }
  }
  return best;
}

PoolHosts AgentRegistry::pool_hosts(const PoolRecord& pool) const {
  PoolHosts hosts;
  for (const auto& [id, host] : inventory_.hosts().all()) {
    if (!is_live(host) || host.cluster != pool.cluster || (pool.host && pool.host != id)) continue;
    const AgentView agent = view(id);
    if (!agent.connected) continue;
    ++hosts.connected;
    const auto sees = [&pool](const wire::PoolReport& report) {
      return report.uuid == pool.uuid && report.usable;
    };
    const auto holds = [&pool](const wire::OwnLease& lease) {
      return lease.pool_uuid == pool.uuid && lease.state == "held";
    };
    const bool beats =
        !pool.heartbeat || std::any_of(agent.leases.begin(), agent.leases.end(), holds);
    if (beats && std::any_of(agent.pools.begin(), agent.pools.end(), sees)) ++hosts.ready;
  }
  return hosts;
}

Result<Secret> AgentRegistry::make_enrol_token(HostId host) {
  const HostRecord* const record = inventory_.hosts().find_live(host);
  if (record == nullptr) return fail(ErrorKind::kNotFound, "no such host");
  return authority_.make_token(host, record->uuid);
}

Status AgentRegistry::revoke(HostId host) {
  MOLD_TRY_VOID(engine_.admits());
  const HostRecord* const record = inventory_.hosts().find(host);
  if (record == nullptr) return fail(ErrorKind::kNotFound, "no such host");
  authority_.revoke_all(record->uuid);
  return {};
}

Result<HostId> AgentRegistry::admit(const std::string& common_name, const std::string& serial,
                                    const std::string& address) {
  const auto refuse = [&](const std::string& why) {
    refuse_stranger(common_name, why, address);
    return fail(ErrorKind::kDenied, why);
  };
  const auto uuid = wire::host_of_common_name(common_name);
  if (!uuid) return refuse("the certificate is not that of a host");
  const HostRecord* const host = inventory_.hosts().find_uuid(*uuid);
  if (host == nullptr) return refuse("host " + *uuid + " is not known here");
  if (!is_live(*host)) return refuse("host " + host->name + " was removed");
  if (const Status accepted = authority_.accepts(serial, host->uuid); !accepted)
    return refuse(accepted.error().what);
  return host->id;
}

void AgentRegistry::refuse_stranger(const std::string& who, const std::string& why,
                                    const std::string& address) {
  ++refused_total_;
  const std::string key = who + "|" + address;
  const Instant now = loop_.now();
  const auto noted = stranger_noted_.find(key);
  if (noted != stranger_noted_.end() && now - noted->second < kStrangerEvery) return;
  if (stranger_noted_.size() >= kStrangersRemembered) stranger_noted_.clear();
  stranger_noted_[key] = now;
  const std::string text = "agent '" + who + "' at " + address + " refused: " + why;
  runtime::log(runtime::LogLevel::kWarning, messages::kAgentRefused, text);
  if (!engine_.admits()) return;
  NewEvent event;
  event.type = "AGENT.REFUSED";
  event.level = EventLevel::kWarn;
  event.description = runtime::one_line(text);
  if (const auto uuid = wire::host_of_common_name(who)) {
    event.resource_type = "Host";
    event.resource_uuid = *uuid;
  }
  engine_.note_event(std::move(event));
}

void AgentRegistry::note_refusal(HostId host, const std::string& why) {
  AgentView& agent = agents_[host];
  ++agent.refused;
  agent.last_refusal = why;
}

void AgentRegistry::on_hello(HostId host, const std::string& address) {
  agents_[host].address = address;
}

void AgentRegistry::on_session(HostId host, Epoch epoch) {
  agents_[host].epoch = epoch;
}

void AgentRegistry::on_beat(HostId host, const wire::BeatRequest& beat) {
  AgentView& agent = agents_[host];
  agent.last_beat = loop_.now();
  agent.last_beat_wall = loop_.wall();
  ++agent.beats;
  agent.leases = beat.leases;
}

void AgentRegistry::on_report(HostId host, const wire::ReportRequest& report) {
  AgentView& agent = agents_[host];
  agent.pools = report.pools;
  agent.stats = report.stats;
}

bool AgentRegistry::must_be_mounted(core::PoolKind kind) const {
  switch (kind) {
    case core::PoolKind::kNfs:
      return true;  // else a beat could land in the bare directory below the mount
    case core::PoolKind::kDirectory:
      return lease_.must_be_mountpoint;
    case core::PoolKind::kRbd:
    case core::PoolKind::kClvm:
    case core::PoolKind::kLocal:
      return false;
  }
  MOLD_UNREACHABLE();
}

std::vector<wire::PoolInfo> AgentRegistry::pools_for(HostId host) const {
  std::vector<wire::PoolInfo> pools;
  const HostRecord* const record = inventory_.hosts().find_live(host);
  if (record == nullptr) return pools;
  for (const PoolRecord* const pool : inventory_.pools_of(record->cluster)) {
    if (pool->state == PoolState::kMaintenance || (pool->host && pool->host != host)) continue;
    wire::PoolInfo info;
    info.id = pool->id;
    info.uuid = pool->uuid;
    info.path = pool->path;
    info.kind = pool->kind;
    info.policy = pool->policy;
    info.source = pool->source;
    info.heartbeat = pool->heartbeat;
    info.beat_interval_ms = as_ms(lease_.beat_interval);
    info.self_fence_deadline_ms = as_ms(lease_.self_fence_deadline);
    info.must_be_mountpoint = must_be_mounted(pool->kind);
    if (pool->kind == core::PoolKind::kRbd && host_keys_) {
      HostKey key = host_keys_(*record, *pool);
      info.user = std::move(key.user);
      info.key = std::move(key.key);
    }
    pools.push_back(std::move(info));
  }
  return pools;
}

}  // namespace mold::manager
