#pragma once
// A storage that can carry beats. Lives in the pool's own child process only: every call here may
// block for ever. The contract suite (tests/unit/agentd/heartbeat/pool_medium_contract.h) is what
// every medium has to pass. No allocation after the first good write in those that are forks of the
// supervisor (file, block); rados and nfs are programs of their own, for their libraries allocate.
#include <cstdint>
#include <memory>
#include <span>

#include "agentd/heartbeat/beat_record.h"
#include "agentd/heartbeat/lease_board_layout.h"
#include "agentd/heartbeat/pool_protocol.h"

namespace mold::heartbeat {

struct PoolOutcome {
  PoolFault fault = PoolFault::kNone;
  int error = 0;
  [[nodiscard]] bool ok() const { return fault == PoolFault::kNone; }
};
inline PoolOutcome pool_failed(PoolFault fault, int error) {
  return {fault, error};
}

class PoolMedium {
 public:
  static constexpr int kReadGivenUp = -2;

  PoolMedium() = default;
  PoolMedium(const PoolMedium&) = delete;
  PoolMedium& operator=(const PoolMedium&) = delete;
  virtual ~PoolMedium() = default;

  // Durable when it returns ok. A failure may still land: the effect is unknown. Once a later write
  // returned ok, an earlier one does not land any more where the medium can see to that. Finds the
  // medium again by itself after a failure, but for kFenced: that one is final for this object.
  virtual PoolOutcome write_own(ConstBeatBlock block) = 0;
  // Hosts that have a record here, ours left out; returns how many were put into `hosts`, or -1.
  virtual int list(std::span<Uuid> hosts) = 0;
  // Bytes read of the host's record, never from a stale cache of ours; -1 when it cannot be read;
  // kReadGivenUp when it was not waited for any longer, because an order came.
  virtual int read(const Uuid& host, BeatBlock out) = 0;
  // A descriptor that is readable when an order waits: our own beat comes before what others' say.
  // A medium that cannot stop waiting ignores it.
  virtual void orders_come_by(int /*fd*/) {}
  // Canonical name of the pool's directory, empty while unknown, or when there is none.
  [[nodiscard]] virtual const char* real_path() const { return ""; }
  // The storage said, in any call, that this client is shut out for good.
  [[nodiscard]] virtual bool fenced() const { return false; }
};

std::unique_ptr<PoolMedium> make_file_pool(const PoolChildSetup& setup);
std::unique_ptr<PoolMedium> make_block_pool(const PoolChildSetup& setup);

}  // namespace mold::heartbeat
