#include "core/model/names.h"

#include "core/engine/action.h"
#include "core/engine/brain.h"
#include "core/engine/order.h"
#include "lib/base/check.h"

namespace mold::core {

std::string_view to_string(OrderKind kind) {
  switch (kind) {
    case OrderKind::kStartVm:
      return "start-vm";
    case OrderKind::kStopVm:
      return "stop-vm";
    case OrderKind::kKillVm:
      return "kill-vm";
    case OrderKind::kRebootVm:
      return "reboot-vm";
    case OrderKind::kCreateDisk:
      return "create-disk";
    case OrderKind::kDeleteDisk:
      return "delete-disk";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(DomainPower power) {
  switch (power) {
    case DomainPower::kRunning:
      return "running";
    case DomainPower::kPaused:
      return "paused";
    case DomainPower::kGone:
      return "gone";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(GoneReason reason) {
  switch (reason) {
    case GoneReason::kUnknown:
      return "unknown";
    case GoneReason::kShutdown:
      return "shutdown";
    case GoneReason::kCrashed:
      return "crashed";
    case GoneReason::kKilled:
      return "killed";
    case GoneReason::kSelfFenced:
      return "self-fenced";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(PowerVerb verb) {
  switch (verb) {
    case PowerVerb::kStatus:
      return "status";
    case PowerVerb::kOff:
      return "off";
    case PowerVerb::kOn:
      return "on";
    case PowerVerb::kReset:
      return "reset";
    case PowerVerb::kCycle:
      return "cycle";
    case PowerVerb::kSoft:
      return "soft";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::kReading:
      return "reading";
    case EvidenceKind::kVerdict:
      return "verdict";
    case EvidenceKind::kProof:
      return "proof";
    case EvidenceKind::kAction:
      return "action";
    case EvidenceKind::kAlarm:
      return "alarm";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(Mutation mutation) {
  switch (mutation) {
    case Mutation::kNone:
      return "none";
    case Mutation::kUnknownIsOff:
      return "unknown-is-off";
    case Mutation::kFailedIsOff:
      return "failed-is-off";
    case Mutation::kAcceptedIsOff:
      return "accepted-is-off";
    case Mutation::kRestartBeforeProof:
      return "restart-before-proof";
    case Mutation::kSuspicionIsProof:
      return "suspicion-is-proof";
    case Mutation::kIgnoreGeneration:
      return "ignore-generation";
    case Mutation::kReuseGeneration:
      return "reuse-generation";
    case Mutation::kAbsentIsGone:
      return "absent-is-gone";
    case Mutation::kIgnoreEpoch:
      return "ignore-epoch";
    case Mutation::kLeaseWithoutArmed:
      return "lease-without-armed";
    case Mutation::kLeaseWithoutMargin:
      return "lease-without-margin";
    case Mutation::kLeaseFromStaleObserver:
      return "lease-from-stale-observer";
    case Mutation::kStalePowerAnswer:
      return "stale-power-answer";
    case Mutation::kRebornBySameBoot:
      return "reborn-by-same-boot";
    case Mutation::kHeldHello:
      return "held-hello";
    case Mutation::kFailedStartIsGone:
      return "failed-start-is-gone";
    case Mutation::kOneFeedIsOff:
      return "one-feed-is-off";
    case Mutation::kStaleOffCounts:
      return "stale-off-counts";
    case Mutation::kOldClaimCounts:
      return "old-claim-counts";
    case Mutation::kUnknownIsIsolated:
      return "unknown-is-isolated";
    case Mutation::kUnseenIsIsolated:
      return "unseen-is-isolated";
    case Mutation::kLiftedBySameBoot:
      return "lifted-by-same-boot";
    case Mutation::kNeverRenewed:
      return "never-renewed";
    case Mutation::kOldStoreBelieved:
      return "old-store-believed";
  }
  MOLD_UNREACHABLE();
}

std::optional<Mutation> parse_mutation(std::string_view text) {
  return parse_enum<Mutation>(text, kMutationCount);
}

}  // namespace mold::core
