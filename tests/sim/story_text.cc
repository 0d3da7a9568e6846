#include "tests/sim/story_text.h"

namespace mold::sim {
namespace {

std::string id(std::uint64_t value) {
  return std::to_string(value);
}

std::string_view verb_text(core::HypervisorVerb verb) {
  using enum core::HypervisorVerb;
  switch (verb) {
    case kCreatePaused:
      return "create";
    case kResume:
      return "resume";
    case kShutdown:
      return "shutdown";
    case kDestroy:
      return "destroy";
    case kReboot:
      return "reboot";
    case kReset:
      return "reset";
    case kCreateDisk:
      return "create-disk";
    case kDeleteDisk:
      return "delete-disk";
  }
  return "?";
}

std::string order_text(const core::Order& o) {
  std::string text = "-> host " + id(o.host.value) + ": ";
  text += core::to_string(o.kind);
  text += " v" + id(o.vm.value) + " generation " + id(o.generation.value) + " epoch " +
          id(o.epoch.value);
  if (o.op) text += " op " + id(o.op.value);
  return text;
}

}  // namespace

StoryText describe(const core::Action& action) {
  if (const auto* a = std::get_if<core::OpenSession>(&action)) {
    return {"manager", "-> host " + id(a->host.value) + ": session, epoch " + id(a->epoch.value)};
  }
  if (const auto* a = std::get_if<core::RefuseSession>(&action)) {
    return {"manager", "-> host " + id(a->host.value) + ": say hello again (" + a->why + ")"};
  }
  if (const auto* a = std::get_if<core::SendOrder>(&action)) {
    return {"manager", order_text(a->order)};
  }
  if (const auto* a = std::get_if<core::RequestPower>(&action)) {
    return {"manager", "-> BMC " + id(a->host.value) + ": " +
                           std::string(core::to_string(a->verb)) + " op " + id(a->op.value)};
  }
  if (const auto* a = std::get_if<core::FinishJob>(&action)) {
    const bool ok = a->job.status == core::JobStatus::kSucceeded;
    return {"job", id(a->job.id.value) + (ok ? " done" : " failed: " + a->job.error_text)};
  }
  if (const auto* a = std::get_if<core::NoteTransition>(&action)) {
    return {a->entity, a->name + " " + a->from + " -> " + a->to + " (" + a->reason + ")"};
  }
  if (const auto* a = std::get_if<core::NoteEvidence>(&action)) {
    return {"evidence", "host " + id(a->host.value) + " " + std::string(core::to_string(a->kind)) +
                            ": " + a->text};
  }
  return {};
}

std::string describe(const core::AgentAction& action) {
  if (const auto* a = std::get_if<core::Hypervise>(&action)) {
    return "agent: libvirt " + std::string(verb_text(a->verb)) + " v" + id(a->vm.value) +
           " generation " + id(a->generation.value);
  }
  if (const auto* a = std::get_if<core::ReadDisks>(&action)) {
    return "agent: who has the disks of v" + id(a->vm.value) + " open";
  }
  if (const auto* a = std::get_if<core::SendResult>(&action)) {
    return "agent: op " + id(a->result.op.value) + " v" + id(a->result.vm.value) + " " +
           std::string(core::to_string(a->result.outcome)) + (a->result.gone ? ", gone" : "") +
           " (" + a->result.text + ")";
  }
  return std::holds_alternative<core::SendReport>(action) ? "agent: report" : "agent: hello";
}

}  // namespace mold::sim
