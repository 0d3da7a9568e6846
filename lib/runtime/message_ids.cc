#include "lib/runtime/message_ids.h"

#include <array>

namespace mold::runtime {

std::span<const MessageId> runtime_message_ids() {
  using namespace messages;
  static constexpr std::array kAll{
      kTransition,      kLoopLag,          kLaneStuck,       kLaneRecovered,
      kChildKilled,     kPeerRefused,      kReplyMisuse,     kTlsReloaded,
      kTlsReloadFailed, kDatabaseMigrated, kDatabaseCorrupt, kDiskFull,
      kConfigProblem,   kBusLost,          kStarted,         kStopping,
  };
  return kAll;
}

}  // namespace mold::runtime
