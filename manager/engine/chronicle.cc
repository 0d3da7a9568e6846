#include "manager/engine/chronicle.h"

#include <utility>

#include "lib/base/check.h"
#include "lib/runtime/files.h"
#include "lib/runtime/journal_log.h"
#include "manager/engine/message_ids.h"

namespace mold::manager {
namespace {

constexpr std::size_t kDescriptionMost = 1024;

// What a state of a VM means as a CloudStack event.
struct VmEventRule {
  std::string_view to;
  std::string_view type;
  std::string_view state;
  EventLevel level;
};
constexpr VmEventRule kVmEvents[] = {
    {"Provisioning", "VM.CREATE", "Started", EventLevel::kInfo},
    {"Starting", "VM.START", "Started", EventLevel::kInfo},
    {"Running", "VM.START", "Completed", EventLevel::kInfo},
    {"Stopping", "VM.STOP", "Started", EventLevel::kInfo},
    {"Stopped", "VM.STOP", "Completed", EventLevel::kInfo},
    {"Destroyed", "VM.DESTROY", "Completed", EventLevel::kInfo},
    {"Error", "VM.CREATE", "Completed", EventLevel::kError},
};

EventLevel host_level(std::string_view to) {
  if (to == "Fencing" || to == "Fenced" || to == "Recovering") return EventLevel::kError;
  if (to == "Suspect" || to == "Checking" || to == "Degraded" || to == "Ineligible")
    return EventLevel::kWarn;
  return EventLevel::kInfo;
}

std::string describe(const core::NoteTransition& note) {
  std::string text = note.entity + " " + note.name + ": " + note.from + " -> " + note.to;
  if (!note.reason.empty()) text += " (" + note.reason + ")";
  if (text.size() > kDescriptionMost) text.resize(kDescriptionMost);
  return runtime::one_line(text);
}

runtime::LogLevel log_level(core::EvidenceKind kind) {
  switch (kind) {
    case core::EvidenceKind::kReading:
      return runtime::LogLevel::kDebug;
    case core::EvidenceKind::kVerdict:
      return runtime::LogLevel::kInfo;
    case core::EvidenceKind::kProof:
    case core::EvidenceKind::kAction:
      return runtime::LogLevel::kNotice;
    case core::EvidenceKind::kAlarm:
      return runtime::LogLevel::kError;
  }
  MOLD_UNREACHABLE();
}

}  // namespace

Chronicle::Chronicle(Store& store, std::uint64_t next_event, std::uint64_t next_evidence)
    : store_(store), next_event_(next_event), next_evidence_(next_evidence) {}

std::optional<EventRecord> Chronicle::on_transition(const core::NoteTransition& note, WallTime at) {
  const std::string name = note.name.empty() ? std::to_string(note.id) : note.name;
  runtime::log(runtime::Transition{note.entity, name, note.from, note.to, note.reason});
  NewEvent event;
  event.description = describe(note);
  if (note.entity == "host") {
    event.type = "HA.STATE.TRANSITION";
    event.level = host_level(note.to);
    event.resource_type = "Host";
    if (namer_.host_uuid) event.resource_uuid = namer_.host_uuid(HostId{note.id});
    return make_event(std::move(event), at);
  }
  if (note.entity != "vm") return std::nullopt;  // jobs and fences are told in the log and ledger
  event.type = "VM.STATE";
  for (const VmEventRule& rule : kVmEvents) {
    if (rule.to != note.to) continue;
    event.type = std::string(rule.type);
    event.state = std::string(rule.state);
    event.level = rule.level;
  }
  // Made new, it is stopped until somebody starts it: that is no stop.
  if (note.from == "Provisioning" && note.to == "Stopped") event.type = "VM.CREATE";
  event.resource_type = "VirtualMachine";
  if (namer_.vm_uuid) event.resource_uuid = namer_.vm_uuid(VmId{note.id});
  return make_event(std::move(event), at);
}

EvidenceRecord Chronicle::on_evidence(const core::NoteEvidence& note, WallTime at) {
  const std::string name = namer_.host_name ? namer_.host_name(note.host) : std::string{};
  const auto& id =
      note.kind == core::EvidenceKind::kAlarm ? messages::kAlarm : runtime::messages::kNone;
  runtime::log(
      log_level(note.kind), id,
      "evidence " + name + ": " + std::string(core::to_string(note.kind)) + ": " + note.text,
      {{"HOST", name}});
  return EvidenceRecord{next_evidence_++, note.host, at, note.kind, note.text};
}

EventRecord Chronicle::make_event(NewEvent event, WallTime at) {
  EventRecord record;
  record.id = next_event_++;
  record.uuid = runtime::new_uuid();
  record.type = std::move(event.type);
  record.level = event.level;
  record.description = std::move(event.description);
  record.state = std::move(event.state);
  record.account = event.account;
  record.user = event.user;
  record.resource_type = std::move(event.resource_type);
  record.resource_uuid = std::move(event.resource_uuid);
  record.parent_uuid = std::move(event.parent_uuid);
  record.created = at;
  return record;
}

void Chronicle::published(const EventRecord& event) {
  // A follower may leave, or bring others, while it is told.
  const auto followers = followers_;
  for (const auto& [token, follower] : followers) {
    if (followers_.contains(token)) follower(event);
  }
}

void Chronicle::query_events(EventFilter filter, std::function<void(Result<EventPage>)> done) {
  store_.read_events(std::move(filter), std::move(done));
}

void Chronicle::query_evidence(EvidenceFilter filter,
                               std::function<void(Result<std::vector<EvidenceRecord>>)> done) {
  store_.read_evidence(std::move(filter), std::move(done));
}

std::uint64_t Chronicle::subscribe(std::function<void(const EventRecord&)> follower) {
  followers_.emplace(next_token_, std::move(follower));
  return next_token_++;
}

void Chronicle::unsubscribe(std::uint64_t token) {
  followers_.erase(token);
}

}  // namespace mold::manager
