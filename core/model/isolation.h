#pragma once
// How far the isolating of one host from one Ceph pool has come: its access taken away, its clients
// put on the pool's blocklist; and of one VM's clients alone. Values; core/isolation has the rules.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/time.h"

namespace mold::core {

enum class IsolationVerb : std::uint8_t {
  kIsolate,  // until it is read back that no client of the host can write
  kRenew,    // before the entries expire
  kLift,     // the host is reborn: entries off the list, access given back
  // The host keeps its access:
  kEvict,    // until it is read back that these clients cannot write
  kReadmit,  // entries off the list
};

// An entry means that something may have been taken from the host on this pool: written before the
// first request goes out, gone only when a lift was confirmed, or when certainly nothing was done.
struct PoolIsolation {
  PoolId pool;
  // -- durable --
  std::vector<std::string> clients;  // that are, or may be, on the blocklist; sorted
  bool proven = false;               // all of `clients` were read back
  bool in_doubt = false;             // a request went out: something may have been done
  bool lifting = false;
  // -- volatile --
  OpId op;  // request under way, or none
  IsolationVerb verb = IsolationVerb::kIsolate;
  int tries = 0;  // that were not confirmed
  Instant next_try;
  std::string last;                 // what came of the latest one
  bool doubted_before = false;      // in_doubt as it was when the request went out
  std::vector<std::string> images;  // kIsolate under way: whoever has these open gets listed
};

// Clients of one generation of a VM that are kept off its disks on one pool, while its host keeps
// its access: a VM that is fenced alone, or what Ceph still counts as there of a QEMU that was
// killed (for half a minute and longer, and nobody could start the VM meanwhile).
struct ClientFence {
  PoolId pool;
  HostId host;
  Generation generation;
  // -- durable --
  std::vector<std::string> clients;  // sorted
  bool wanted = false;  // by a person: on the list until its QEMU is gone; else for a short time
  bool gone = false;    // its QEMU is gone for certain
  bool proven = false;  // all of `clients` were read back
  // -- volatile --
  OpId op;  // request under way, or none
  IsolationVerb verb = IsolationVerb::kEvict;
  std::vector<std::string> asked;  // what that request is about
  int tries = 0;                   // that were not confirmed
  Instant next_try;
  std::string last;  // what came of the latest one
};

std::string_view to_string(IsolationVerb verb);

}  // namespace mold::core
