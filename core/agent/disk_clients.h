#pragma once
// May a VM start, given who has its disks open? The question of shared block storage that knows its
// clients (RBD): a file's lock or a lease says what a host may do, this says what is so. Pure; who
// asked the storage is agentd/storage.
//
// Only a complete answer lets a VM start. A time-out, a disk that the answer leaves out, a client
// that nobody can account for: each refuses, with the client's address in the text.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/proof.h"
#include "core/model/vm.h"
#include "lib/base/error.h"

namespace mold::core {

// How QEMU reaches a disk, told by its path.
enum class DiskKind : std::uint8_t {
  kFile,   // "/srv/pool/7.raw"
  kBlock,  // "/dev/vg0/7": a logical volume
  kRbd,    // "rbd:pool/7"
};
DiskKind kind_of(const Disk& disk);
// Whether somebody must be asked before this VM may start: a volume has to be activated, or there
// are clients to be read.
bool needs_reading(const VmSpec& spec);

struct DiskClients {
  std::string path;
  Liveness presence = Liveness::kUnknown;  // kAlive: it exists, kSilent: it certainly does not
  // Who has it open now: "ip:port/nonce" (IPv6 in brackets), each once. Only those that the storage
  // sees alive and lets write: not one on a blocklist, nor a dead owner of a lock, which would
  // refuse the VM for ever (librbd takes that lock over, and lists its owner first).
  std::vector<std::string> clients;
};

// What was read of all disks of a VM, at one moment.
struct DiskReading {
  Outcome outcome = Outcome::kUnknown;
  ErrorKind error = ErrorKind::kUnknown;  // when not confirmed
  std::string text;
  std::vector<DiskClients> disks;          // all RBD disks of the VM
  std::vector<std::string> own_addresses;  // of this host, as inet_ntop writes them
};

enum class StartStep : std::uint8_t {
  kBeforeCreate,  // no QEMU of this generation is here: nobody may have a disk open
  kBeforeResume,  // our own paused QEMU has: one client per disk, with an address of this host
};

struct StartRefusal {
  ErrorKind kind = ErrorKind::kConflict;
  std::string text;
};

// Nothing: it may go on. `leftovers`: clients of this VM's own earlier QEMUs on this host, noted
// while they ran; a killed one is listed for half a minute after its end. (That the processes are
// gone is seen by the hypervisor before it makes another.)
std::optional<StartRefusal> judge_clients(StartStep step, const VmSpec& spec,
                                          const DiskReading& reading,
                                          const std::vector<std::string>& leftovers);

// "10.0.0.1" of "10.0.0.1:0/77", "fd00::1" of "[fd00::1]:0/77"; else empty.
std::string address_of_client(std::string_view client);

}  // namespace mold::core
