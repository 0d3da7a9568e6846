#include "manager/api/evidence_commands.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/runtime/config_file.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

constexpr std::uint64_t kMostEvidence = 2000;

std::string_view kind_name(core::EvidenceKind kind) {
  switch (kind) {
    case core::EvidenceKind::kReading:
      return "Reading";
    case core::EvidenceKind::kVerdict:
      return "Verdict";
    case core::EvidenceKind::kProof:
      return "Proof";
    case core::EvidenceKind::kAction:
      return "Action";
    case core::EvidenceKind::kAlarm:
      return "Alarm";
  }
  MOLD_UNREACHABLE();
}

Object evidence_view(const EvidenceRecord& line, const HostRecord& host) {
  Object row;
  row.set("id", Value(line.id));
  row.set("hostid", Value(host.uuid)).set("hostname", Value(host.name));
  row.set("created", Value(api_time_ms(line.at)));
  row.set("kind", Value(kind_name(line.kind))).set("text", Value(line.text));
  return row;
}

void answer_evidence(const CallPtr& call, HostId host,
                     const Result<std::vector<EvidenceRecord>>& lines) {
  const HostRecord* record = call->inventory().hosts().find(host);
  if (!lines) return call->fail(from_error(lines.error()));
  if (record == nullptr) return call->fail(call->params().unknown("hostid"));
  const std::string keyword = call->params().text("keyword");
  call->answer(paged_list(
      *call, *lines,
      [&keyword](const EvidenceRecord& line) {
        return keyword.empty() || line.text.find(keyword) != std::string::npos;
      },
      [record](const EvidenceRecord& line) { return evidence_view(line, *record); }));
}

void list_evidence(const CallPtr& call) {
  const Params& params = call->params();
  const auto host = find_named(*call, call->inventory().hosts(), "hostid");
  if (!host) return call->fail(host.error());
  EvidenceFilter filter;
  filter.host = (*host)->id;
  filter.from = params.date("since");
  filter.limit = kMostEvidence;
  const std::int64_t after = params.integer("afterid").value_or(0);
  if (after < 0) return call->fail(params.wrong("afterid", "it must not be negative"));
  filter.after_id = static_cast<std::uint64_t>(after);
  if (const auto last = params.integer("last")) {
    if (*last < 1) return call->fail(params.wrong("last", "it must be greater than 0"));
    filter.limit = std::min(kMostEvidence, static_cast<std::uint64_t>(*last));
  }
  const HostId id = (*host)->id;
  call->engine().chronicle().query_evidence(
      filter, [call, id](const Result<std::vector<EvidenceRecord>>& lines) {
        answer_evidence(call, id, lines);
      });
}

Object proof_view(const core::Proof& proof) {
  Object row;
  row.set("method", Value(core::to_string(proof.method)));
  row.set("created", Value(api_time_ms(proof.at)));
  row.set("wholehost", Value(proof.whole_host));
  row.set("epoch", Value(proof.epoch.value));
  row.set_text("reading", proof.reading);
  return row;
}

void add_brain_view(Call& call, const core::Host& host, Object& row) {
  const Instant now = call.services().loop.now();
  row.set("haenable", Value(host.ha_enabled));
  row.set_text("reason", host.reason);
  const Duration in_state = now - host.ha_since;
  row.set("since", Value(api_time_ms(WallTime{call.now().ms - in_state.count()})));
  row.set("secondsinstate", Value(std::int64_t{in_state.count() / 1000}));
  if (call.services().agents.view(host.id).last_beat) {
    row.set("lastbeatagems", Value(std::int64_t{(now - host.last_beat).count()}));
  }
  Array waiting;
  for (const std::string& line : call.engine().brain().explain(host.id, now)) {
    waiting.emplace_back(line);
  }
  row.set("waitingfor", Value(std::move(waiting)));
  if (host.proof) row.set("proof", Value(proof_view(*host.proof)));
}

ApiResult<Value> explain_host(Call& call) {
  MOLD_API_TRY(const HostRecord* host, find_named(call, call.inventory().hosts(), "hostid"));
  const core::Host* known = core_host(call.services(), host->id);
  const core::HaState state = known == nullptr ? core::HaState::kDisabled : known->ha;
  Object row;
  row.set("hostid", Value(host->uuid)).set("hostname", Value(host->name));
  row.set("state", Value(host_state_name(known, call.engine().brain().policy(),
                                         call.services().loop.now())));
  row.set("hastate", Value(ha_state_name(state)));
  row.set("powerstate", Value(power_state_name(*host, power_state(call.services(), *host))));
  if (known != nullptr) add_brain_view(call, *known, row);
  return single_body("haexplanation", std::move(row));
}

// A host that shows life must not be called dead, whoever says so: its VMs would run twice. The
// brain refuses it too; here is told why. Silence counts from the manager's start at the earliest:
// what was before, nobody here has seen.
ApiResult<void> check_silent(Call& call, const core::Host& host) {
  const core::Policy& policy = call.engine().brain().policy();
  const Instant now = call.services().loop.now();
  if (beats(host, policy, now)) {
    return refuse({536, 4375,
                   "the agent of host " + host.name +
                       " beats: it is alive; power it off, or stop its agent, first"});
  }
  if (const Duration silent = now - host.last_beat; silent < policy.dead_after) {
    return refuse({536, 4375,
                   "host " + host.name + " is silent for " + runtime::format_duration(silent) +
                       " only, as far as this manager has watched: ask again when it is " +
                       runtime::format_duration(policy.dead_after)});
  }
  std::vector<PoolId> pools;
  for (const auto& [id, pool] : call.engine().state().pools) {
    if (pool.heartbeat && pool.cluster == host.cluster) pools.push_back(id);
  }
  const core::StorageVerdict storage =
      core::judge_storage(policy, call.engine().brain().lease_book(), pools, host.id, now);
  if (storage.liveness == core::Liveness::kAlive) {
    return refuse(
        {536, 4375,
         "host " + host.name + " still writes its storage beat: it is alive; power it off first"});
  }
  return {};
}

ApiResult<Value> confirm_dead(Call& call) {
  MOLD_API_TRY(const HostRecord* host, find_named(call, call.inventory().hosts(), "id"));
  const core::Host* known = core_host(call.services(), host->id);
  if (known == nullptr) return refuse(call.params().unknown("id"));
  const auto silent = check_silent(call, *known);
  if (!silent) return refuse(silent.error());
  const std::string who = call.caller().user_name;
  const std::string reason = call.params().text("reason");
  call.about("Host", host->uuid,
             who + " confirmed that host " + host->name + " is dead: " + reason);
  core::DeathConfirmed word;
  word.host = host->id;
  word.who = who;
  word.reason = reason;
  call.engine().submit(word);
  return success_body("host " + host->name + " is taken as dead on the word of " + who);
}

}  // namespace

void add_evidence_commands(CommandTable& table) {
  const ParamSpec host{"hostid", ParamType::kUuid, kRequired, "the ID of the host"};
  table.add({"listHaEvidence",
             "Lists the evidence ledger of a host, oldest first",
             "haevidence",
             "id:long hostid:string hostname:string created:date kind:string text:string",
             {host,
              {"since", ParamType::kDate, kOptional, "only from this time on"},
              {"afterid", ParamType::kInteger, kOptional, "only later lines than this id"},
              {"last", ParamType::kInteger, kOptional, "only the newest so many"}},
             list_evidence,
             {},
             true});
  table.add({"explainHostHa",
             "Explains the HA state of a host",
             "haexplanation",
             "hostid:string hostname:string state:string hastate:string haenable:boolean "
             "reason:string since:date secondsinstate:long lastbeatagems:long powerstate:string "
             "waitingfor:list proof:map",
             {host},
             explain_host});
  table.add({"confirmHostDead",
             "The operator's word that a host is dead and stays dead",
             "success",
             "success:boolean displaytext:string",
             {{"id", ParamType::kUuid, kRequired, "the ID of the host"},
              {"reason", ParamType::kText, kRequired, "how you know"}},
             Change{confirm_dead},
             "HA.HOST.CONFIRMED.DEAD"});
}

}  // namespace mold::manager::api
