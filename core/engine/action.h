#pragma once
// What the brain wants done: a closed variant, imperative. Actions are handed to executors only
// after the state that caused them is committed (persist before act). An order or power request is
// also derivable from the durable state (Brain::resume), so none is lost by a crash.
#include <string>
#include <variant>

#include "core/engine/event.h"

namespace mold::core {

// Answer to a hello: the agent may beat and take orders under this epoch.
struct OpenSession {
  HostId host;
  Epoch epoch;
  std::uint64_t session = 0;
};
// Its beats and reports are not accepted under the epoch it used: it must say hello again.
struct RefuseSession {
  HostId host;
  std::string why;
  std::uint64_t session = 0;  // of the hello that is refused, or 0
  Epoch present;              // the epoch that a hello must name; told with the refusal of a hello
};
struct SendOrder {
  Order order;
};
struct RequestPower {
  OpId op;
  HostId host;
  PowerVerb verb = PowerVerb::kStatus;
  Duration deadline{0};
  DeviceId device;  // none: the host's BMC
};
struct RequestIsolation {
  OpId op;
  HostId host;
  PoolId pool;
  IsolationVerb verb = IsolationVerb::kIsolate;
  std::vector<std::string> clients;  // known ones
  std::vector<std::string> images;   // kIsolate: that must not be written any more
  Duration expiry{0};                // of the entries, kIsolate, kRenew and kEvict
  Duration deadline{0};
  VmId vm;  // kEvict, kReadmit: whose clients
};
struct FinishJob {
  Job job;
};
// One line of the story: also the golden log and the HA.STATE.TRANSITION event.
struct NoteTransition {
  std::string entity;  // "host" | "vm" | "job" | "fence"
  std::uint64_t id = 0;
  std::string name;
  std::string from;
  std::string to;
  std::string reason;
};
enum class EvidenceKind : std::uint8_t { kReading, kVerdict, kProof, kAction, kAlarm };
// One line of the evidence ledger of a host (`hactl ha explain`).
struct NoteEvidence {
  HostId host;
  EvidenceKind kind = EvidenceKind::kReading;
  std::string text;
};

using Action = std::variant<OpenSession, RefuseSession, SendOrder, RequestPower, RequestIsolation,
                            FinishJob, NoteTransition, NoteEvidence>;

std::string_view to_string(EvidenceKind kind);

}  // namespace mold::core
