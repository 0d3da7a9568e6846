#pragma once
// The Ceph cluster behind the RBD pools: its blocklist with entries that take effect after a lag
// and expire, the hosts' users whose access can be taken away, who watches which image; and the
// executor that asks it for the manager. A request may fail before it did anything, or end with
// nobody knowing what it did, and land later. One rule holds: what it confirms is in force.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/engine/action.h"
#include "tests/sim/disk.h"
#include "tests/sim/slab.h"

namespace mold::sim {

class World;

class Ceph {
 public:
  void begin(World& world);
  // Is this pool one of Ceph's?
  [[nodiscard]] bool has(std::size_t pool) const { return (mask_ >> pool & 1U) != 0; }

  void request(const core::RequestIsolation& what, std::uint32_t manager_run);
  void effect(std::uint32_t slot);
  void answer(std::uint32_t slot);
  void release(std::uint32_t slot);
  // An entry came into force or expired: who can write is judged anew.
  void entry_turned(std::size_t host);

  void operator_looks(std::size_t host);

  // Somebody looks who has the disks of that VM open, and tells the manager.
  void look_at_clients(VmId vm, Ms after);
  void clients_read(std::uint32_t slot);
  void clients_told(std::uint32_t slot);
  void release_reading(std::uint32_t slot) { readings_.give(slot); }

  [[nodiscard]] bool is_cut_off(const Qemu& qemu) const;
  // Whether a new client of that host is let in.
  [[nodiscard]] bool lets_in(std::size_t host, std::uint32_t pools) const {
    return (pools & mask_) == 0 || !stripped_[host];
  }
  [[nodiscard]] std::size_t open_calls() const { return open_; }

 private:
  struct Entry {
    Ms from = 0;   // active time; in force on every OSD
    Ms until = 0;  // expires
  };
  struct Call {
    core::RequestIsolation what;
    std::uint32_t manager_run = 0;
    int events = 0;
    Ms lag = 0;
    core::IsolationAnswered answer;
  };
  struct Reading {
    core::ClientsSeen seen;
  };
  void expect(std::uint32_t slot, Ms after, bool effect);
  void list(std::size_t host, const std::string& client, Ms from, Ms until);
  void isolate(Call& call);
  void call_operator(std::size_t host);

  World* world_ = nullptr;
  std::uint32_t mask_ = 0;
  std::map<std::string, Entry> entries_;
  std::vector<bool> stripped_;
  Slab<Call> calls_;
  std::size_t open_ = 0;
  Slab<Reading> readings_;
};

// What a QEMU is called by Ceph: one name for all its disks.
std::string client_name(const Qemu& qemu, std::size_t index);

}  // namespace mold::sim
