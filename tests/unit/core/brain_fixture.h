#pragma once
// A brain that is fed by hand, and what it wanted done since: hosts of one cluster that beat, and a
// VM that runs.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/engine/brain.h"

namespace mold::core {

inline constexpr ClusterId kCluster{1};
inline constexpr PoolId kPool{1};

class BrainFixture : public ::testing::Test {
 protected:
  void feed(const Event& event) {
    last_ = brain_.step(event, Now{now_, WallTime{}});
    actions_.insert(actions_.end(), last_.actions.begin(), last_.actions.end());
  }
  template <class T>
  [[nodiscard]] std::vector<T> all() const {
    std::vector<T> found;
    for (const Action& action : actions_) {
      if (const T* t = std::get_if<T>(&action)) found.push_back(*t);
    }
    return found;
  }

  // Joins the cluster, with HA, and beats once.
  void join(std::uint64_t id, bool has_power_control) {
    Host host;
    host.id = HostId{id};
    host.cluster = kCluster;
    host.name = "h" + std::to_string(id);
    host.has_power_control = has_power_control;
    feed(HostAdded{host});
    feed(hello(id));
    feed(HaSet{host.id, true});
    beat(id);
  }
  [[nodiscard]] HelloReceived hello(std::uint64_t host, const std::string& boot = "b1") const {
    HelloReceived e;
    e.host = HostId{host};
    e.epoch = the_host(host).epoch;  // as it was told by then
    e.boot_id = boot;
    e.capacity = Capacity{8, 3000, 1ULL << 33U};
    return e;
  }
  virtual void beat(std::uint64_t host) { feed(next_beat(host)); }
  [[nodiscard]] BeatReceived next_beat(std::uint64_t host) {
    BeatReceived e;
    e.host = HostId{host};
    e.epoch = the_host(host).epoch;
    e.sequence = ++said_;
    return e;
  }

  // A directory that hosts share, or images of Ceph.
  void add_pool(PoolKind kind) {
    Pool pool;
    pool.id = kPool;
    pool.cluster = kCluster;
    pool.kind = kind;
    pool.name = kind == PoolKind::kRbd ? "vms" : "nas";
    pool.path = kind == PoolKind::kRbd ? "rbd:vms" : "/p";
    feed(PoolAdded{pool});
  }
  void run_vm_on_nas() {
    Disk disk;
    disk.pool = kPool;
    run_vm(disk);
  }
  // VM 1 on this disk, with HA, until it runs on host 1.
  void run_vm(const Disk& disk) {
    Vm vm;
    vm.id = VmId{1};
    vm.cluster = kCluster;
    vm.ha = true;
    vm.pinned_host = HostId{1};
    vm.spec.memory_bytes = 1;
    vm.spec.disks.push_back(disk);
    feed(VmDeployed{vm, JobId{1}, true});
    answer_orders();  // disk
    answer_orders();  // start
    ASSERT_EQ(the_vm().state, VmState::kRunning);
    ASSERT_EQ(the_vm().host, HostId{1});
  }
  // As asked, each.
  void answer_orders() {
    for (const Action& action : std::exchange(actions_, {})) {
      if (const auto* sent = std::get_if<SendOrder>(&action)) answer_order(sent->order);
    }
  }
  void answer_order(const Order& order, Outcome outcome = Outcome::kConfirmed, bool gone = false) {
    OrderResult r;
    r.op = order.op;
    r.vm = order.vm;
    r.generation = order.generation;
    r.outcome = outcome;
    r.gone = gone;
    feed(OrderAnswered{order.host, r});
  }

  [[nodiscard]] const Vm& the_vm() const { return brain_.state().vms.at(VmId{1}); }
  [[nodiscard]] const Host& the_host(std::uint64_t id) const {
    return brain_.state().hosts.at(HostId{id});
  }

  Brain brain_{Policy{}, State{}};
  Instant now_{1'000};
  std::uint64_t said_ = 0;
  Turn last_;
  std::vector<Action> actions_;
};

// Three hosts beat, none with power control; host 1 runs a VM on a pool of Ceph.
class RbdFixture : public BrainFixture {
 protected:
  inline static const std::string kClient = "10.0.0.1:0/77";

  void SetUp() override {
    add_pool(PoolKind::kRbd);
    for (std::uint64_t i = 1; i <= 3; ++i) join(i, false);
    Disk disk;
    disk.pool = kPool;
    disk.path = "rbd:vms/v1";
    run_vm(disk);
  }
  void clients_seen() { feed(ClientsSeen{VmId{1}, the_vm().generation, {kClient}}); }
  [[nodiscard]] std::vector<RequestIsolation> requests() const { return all<RequestIsolation>(); }
};

}  // namespace mold::core
