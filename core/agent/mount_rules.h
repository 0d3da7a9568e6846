#pragma once
// What a host does about the mount of an NFS pool. Pure; who reads and mounts is agentd/storage.
// A pool that anybody may be using is never unmounted, whatever state it is in: an unmount under a
// running VM would let a new file system slip in below its open disk.
#include <cstdint>

namespace mold::core {

enum class MountState : std::uint8_t {
  kUnknown,  // could not be read
  kNothing,  // no mount at that path
  kRight,    // what the manager names is mounted there
  kWrong,    // something else is: a person has to look
};
enum class MountHealth : std::uint8_t {
  kUnknown,  // not asked, or no answer: a hung server comes back by itself
  kAnswers,
  kStale,  // the server has another file system by now: only a new mount helps
};
// By a domain of whoever, by an order under way, or by an open heartbeat.
enum class PoolUse : std::uint8_t { kUnknown, kFree, kInUse };
enum class Wanted : std::uint8_t { kYes, kNo };

enum class MountStep : std::uint8_t { kNothing, kMount, kUnmount };

// Asked of pools only that the manager names, or named earlier in this life of the agent.
MountStep next_mount_step(Wanted wanted, MountState state, MountHealth health, PoolUse use);

}  // namespace mold::core
