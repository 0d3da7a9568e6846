#pragma once
// What mold-heartbeat's lease board says, in the words of the agent's brain and of the beat.
// Follows the board wherever it comes from: it may not be there yet, it may be replaced. Pool
// numbers and intervals come from the manager's hello. Loop thread only.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agentd/heartbeat/lease_board.h"
#include "core/agent/agent_brain.h"
#include "lib/base/time.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

class LeaseWatch {
 public:
  explicit LeaseWatch(std::string board_path);

  // Until then no board is believed.
  void set_host(std::string host_uuid) { host_uuid_ = std::move(host_uuid); }
  // From the hello's answer, and from beats later.
  void set_pools(std::vector<wire::PoolInfo> pools);
  [[nodiscard]] const std::vector<wire::PoolInfo>& pools() const { return pools_; }
  [[nodiscard]] std::optional<PoolId> pool_of(std::string_view uuid) const;
  [[nodiscard]] const wire::PoolInfo* pool(PoolId id) const;

  // Reads the board again. Cheap (a copy of a few KiB of shared memory).
  void refresh();
  // Of the latest refresh(); nothing: no board, or one that cannot be trusted.
  [[nodiscard]] const std::optional<heartbeat::LeaseSnapshot>& snapshot() const { return latest_; }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

  // Refreshes first: a decision rests on it.
  core::LeaseView view(Instant now);
  [[nodiscard]] std::vector<wire::Reading> readings(Instant now) const;
  [[nodiscard]] std::vector<wire::OwnLease> own_leases() const;
  // How much later than it should be the supervisor's latest sign of life is; nothing: no board.
  [[nodiscard]] std::optional<Duration> supervisor_lateness(Instant now) const;
  [[nodiscard]] bool any_lost() const;

 private:
  std::string board_path_;
  std::string host_uuid_;
  std::vector<wire::PoolInfo> pools_;
  std::optional<heartbeat::LeaseBoardReader> reader_;
  std::optional<heartbeat::LeaseSnapshot> latest_;
  std::string trouble_ = "not read yet";
};

}  // namespace mold::agentd
