#pragma once
// A VM as the manager's brain knows it. `host` + `generation` name the only placement that may be
// running; while `host` is set the VM may be alive there, whatever the state says. It is cleared by
// exactly three things: that host says the generation is gone, a Proof covers it, or it was fenced
// alone (its clients read back from the blocklist of all its pools). A new placement takes the next
// generation, always.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/isolation.h"
#include "lib/base/ids.h"
#include "lib/base/time.h"

namespace mold::core {

enum class Desired : std::uint8_t { kRunning, kStopped, kDestroyed };

enum class VmState : std::uint8_t {
  kProvisioning,  // its disk is being made on the pool
  kStopped,       // no placement
  kStarting,      // start ordered, or about to be
  kRunning,
  kStopping,
  kDestroyed,  // for ever; the record stays for the API
  kError,      // its disk could not be made
};

struct Disk {
  PoolId pool;
  std::string path;            // absolute on every host that has the pool
  std::string format = "raw";  // raw | qcow2
  std::string template_path;   // what it is made from, once
  std::uint64_t size_bytes = 0;

  friend bool operator==(const Disk&, const Disk&) = default;
};

struct VmSpec {
  std::string name;  // libvirt domain name, unique
  std::string uuid;
  std::uint32_t cpus = 1;
  std::uint32_t cpu_mhz = 0;
  std::uint64_t memory_bytes = 0;
  std::vector<Disk> disks;

  friend bool operator==(const VmSpec&, const VmSpec&) = default;
};

struct Vm {
  VmId id;
  ClusterId cluster;
  VmSpec spec;
  // -- durable --
  VmState state = VmState::kStopped;
  std::string reason;
  Desired desired = Desired::kStopped;
  bool ha = false;  // restarted by us when its host died or it crashed
  HostId host;      // current placement, or none
  HostId last_host;
  HostId pinned_host;  // asked for by hostid=, this start only
  Generation generation;
  // Who has its RBD disks open in this generation, "ip:0/nonce", as seen after it started; sorted.
  std::vector<std::string> clients;
  std::vector<ClientFence> fences;  // of its clients, this generation's or earlier ones'
  OpId op;                          // order under way for this VM, or none
  HostId op_host;                   // who carries it out (disk orders need no placement)
  JobId job;                        // API job that waits for this VM, or none
  bool force_stop = false;
  bool reboot = false;   // the order under way is a reboot
  bool expunge = false;  // destroy removes the disks too
  int attempts = 0;      // starts in a row that failed, or did not last
  // -- volatile --
  Instant next_try;
  Instant op_sent;
  std::vector<HostId> avoid;  // hosts where the latest starts failed
  Instant ran_since;          // when it was placed, then when it was started
  Instant held_back_until;    // it crashes again and again
  bool io_paused = false;     // by QEMU: a disk did not take a write; resumed with growing pauses
  int resumes = 0;            // in a row
  Instant next_resume;
};

bool uses_pool(const Vm& vm, PoolId pool);
std::string_view to_string(VmState state);
std::optional<VmState> parse_vm_state(std::string_view text);
std::string_view to_string(Desired desired);
std::optional<Desired> parse_desired(std::string_view text);

}  // namespace mold::core
