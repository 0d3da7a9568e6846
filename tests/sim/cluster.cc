#include "tests/sim/cluster.h"

#include "tests/sim/world.h"

namespace mold::sim {
namespace {

constexpr std::uint64_t kGib = std::uint64_t{1} << 30U;

void found_hosts(World& world, core::State& state) {
  for (std::size_t i = 0; i < world.hosts.size(); ++i) {
    const HostPlan& plan = world.plan().hosts[i];
    core::Host host;
    host.id = HostId{i + 1};
    host.cluster = ClusterId{1};
    host.name = "h" + std::to_string(i + 1);
    host.ha_enabled = plan.ha;
    host.ha = plan.ha ? core::HaState::kAvailable : core::HaState::kDisabled;
    host.has_power_control = plan.power_control;
    host.epoch = Epoch{1};
    host.boot_id = world.hosts[i].boot_id();
    host.capacity = world.capacity();
    state.hosts[host.id] = host;
  }
}

void found_vms(World& world, core::State& state) {
  for (std::size_t i = 0; i < world.plan().vms.size(); ++i) {
    const VmPlan& plan = world.plan().vms[i];
    const std::uint32_t mask = plan.both_pools ? 3U : 1U << plan.pool;
    core::Vm vm;
    vm.id = VmId{i + 1};
    vm.cluster = ClusterId{1};
    vm.spec = vm_spec(i + 1, mask);
    vm.ha = plan.ha;
    vm.generation = Generation{1};
    if (plan.running) {
      vm.state = core::VmState::kRunning;
      vm.desired = core::Desired::kRunning;
      vm.host = vm.last_host = HostId{plan.host + 1U};
      Qemu q;
      q.vm = vm.id;
      q.generation = vm.generation;
      q.host = plan.host;
      q.state = QemuState::kRunning;
      q.pools = mask;
      world.disks.start(q);
      world.ceph.look_at_clients(vm.id, world.draw(100, 5'000, Draw::kClients, i, 3));
    }
    state.vms[vm.id] = vm;
  }
}

}  // namespace

std::string vm_name(std::uint64_t vm) {
  return "v" + std::to_string(vm);
}

core::VmSpec vm_spec(std::uint64_t vm, std::uint32_t pool_mask) {
  core::VmSpec spec;
  spec.name = vm_name(vm);
  spec.uuid = "uuid-v" + std::to_string(vm);
  spec.cpus = 2;
  spec.cpu_mhz = 1000;
  spec.memory_bytes = 4 * kGib;
  for (std::uint64_t p = 0; p < kMaxPools; ++p) {
    if ((pool_mask >> p & 1U) == 0) continue;
    core::Disk disk;
    disk.pool = PoolId{p + 1};
    disk.path = "/p" + std::to_string(p + 1) + "/" + spec.name;
    disk.size_bytes = kGib;
    spec.disks.push_back(disk);
  }
  return spec;
}

void found_cluster(World& world) {
  core::State& state = world.manager.stored();
  state = core::State{};
  for (std::size_t p = 0; p < world.pools.count(); ++p) {
    core::Pool pool;
    pool.id = PoolId{p + 1};
    pool.cluster = ClusterId{1};
    pool.uuid = pool.name = "p" + std::to_string(p + 1);
    pool.path = "/p" + std::to_string(p + 1);
    if (world.ceph.has(p)) pool.kind = core::PoolKind::kRbd;
    state.pools[pool.id] = pool;
  }
  for (SimHost& host : world.hosts) host.boot_at_once();
  found_hosts(world, state);
  found_vms(world, state);
}

}  // namespace mold::sim
