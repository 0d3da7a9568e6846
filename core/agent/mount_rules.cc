#include "core/agent/mount_rules.h"

#include "lib/base/check.h"

namespace mold::core {

MountStep next_mount_step(Wanted wanted, MountState state, MountHealth health, PoolUse use) {
  switch (state) {
    case MountState::kUnknown:
    case MountState::kWrong:  // not ours to remove, and nothing goes on top of it
      return MountStep::kNothing;
    case MountState::kNothing:
      return wanted == Wanted::kYes ? MountStep::kMount : MountStep::kNothing;
    case MountState::kRight:
      if (use != PoolUse::kFree) return MountStep::kNothing;
      if (wanted == Wanted::kNo || health == MountHealth::kStale) return MountStep::kUnmount;
      return MountStep::kNothing;
  }
  MOLD_UNREACHABLE();
}

}  // namespace mold::core
