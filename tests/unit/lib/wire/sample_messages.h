#pragma once
// One well-filled message of each kind, for round trips and as a starting point for damage.
#include <string>

#include "lib/wire/messages.h"

namespace mold::wire {

inline constexpr const char* kHost1 = "11111111-1111-4111-8111-111111111111";
inline constexpr const char* kHost2 = "22222222-2222-4222-8222-222222222222";
inline constexpr const char* kPool = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
inline constexpr const char* kVmUuid = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
inline constexpr const char* kBoot = "cccccccc-cccc-4ccc-8ccc-cccccccccccc";

inline core::VmReport sample_vm() {
  return {VmId{7}, kVmUuid, Generation{3}, core::DomainPower::kGone, core::GoneReason::kSelfFenced,
          true};
}

inline HelloRequest sample_hello() {
  HelloRequest hello;
  hello.host_uuid = kHost1;
  hello.boot_id = kBoot;
  hello.incarnation = 2;
  hello.epoch = Epoch{77};
  hello.agent_version = "0.1.0";
  hello.hostname = "h1";
  hello.capacity = {8, 2400, 64ULL << 30U};
  hello.facts = {{"kernel", "6.1.0"}, {"cpu_model", "some \"cpu\" \\ µ"}};
  hello.vms = {sample_vm()};
  return hello;
}

inline PoolInfo sample_pool() {
  PoolInfo pool;
  pool.id = PoolId{4};
  pool.uuid = kPool;
  pool.path = "rbd:vms";
  pool.kind = core::PoolKind::kRbd;
  pool.policy = core::PoolPolicy::kLogOnly;
  pool.source = "10.0.0.1,10.0.0.2";
  pool.user = "mold-h1";
  pool.key = Secret("AQ==");
  pool.must_be_mountpoint = true;
  return pool;
}

inline HelloAnswer sample_hello_answer() {
  HelloAnswer answer;
  answer.epoch = Epoch{12};
  answer.manager = "m1";
  answer.cluster_uuid = kHost2;
  answer.pools_version = 9;
  answer.pools = {sample_pool()};
  answer.managers = {"https://10.77.0.2:8250"};
  return answer;
}

inline OrdersAnswer sample_orders() {
  Order order;
  order.kind = core::OrderKind::kStopVm;
  order.op = OpId{UINT64_MAX};
  order.epoch = Epoch{12};
  order.vm = VmId{7};
  order.generation = Generation{3};
  order.grace = Duration{30'000};
  order.forced = true;
  order.name = "i-2-7-VM";
  order.uuid = kVmUuid;
  order.cpus = 2;
  order.cpu_mhz = 500;
  order.memory_bytes = 4ULL << 20U;
  order.disks = {{kPool, "/mnt/primary/7.qcow2", "qcow2", "/mnt/primary/t.raw", 1ULL << 30U},
                 {kPool, "rbd:vms/7", "raw", "debian12@base", 0}};
  return {{order}};
}

inline ResultsRequest sample_results() {
  return {Epoch{12},
          {{OpId{5}, VmId{7}, Generation{3}, core::Outcome::kFailed, true, ErrorKind::kNotFound,
            "no such\nfile"}}};
}

inline ReportRequest sample_report() {
  return {Epoch{12},
          44,
          {sample_vm()},
          {{kPool, true, 100, 50, "mounted from nas:/export"}},
          {{"memory_free_bytes", 12345}}};
}

inline BeatRequest sample_beat() {
  BeatRequest beat;
  beat.epoch = Epoch{12};
  beat.seq = 1000;
  beat.incarnation = 2;
  beat.self_stall_ms = 7;
  beat.pools_version = 9;
  beat.readings = {{kPool, kHost2, kBoot, true, UINT64_MAX, 1, true, 10000, 250}};
  beat.leases = {{kPool, "held", true, ""}};
  return beat;
}

}  // namespace mold::wire
