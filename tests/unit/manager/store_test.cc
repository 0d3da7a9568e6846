// Every field that is written comes back, whatever stands in it; and nothing else is opened.
#include <fstream>

#include "lib/runtime/files.h"
#include "lib/runtime/sqlite.h"
#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {
namespace {

const std::string kHostile =
    std::string("'; DROP TABLE hosts; -- \"\\ %s \xf0\x9f\x92\xa9 \xed\x95\x9c\xea\xb8\x80\n\t") +
    std::string(1, '\0') + "after zero";

class StoreTest : public testing::Test {
 protected:
  void SetUp() override { loop_ = std::move(*runtime::EventLoop::create()); }

  std::unique_ptr<Store> open(std::uint64_t evidence = 2000) {
    auto store = Store::open(*loop_, {.directory = dir_.path(), .evidence_per_host = evidence});
    EXPECT_TRUE(store) << store.error().text();
    return store ? std::move(*store) : nullptr;
  }
  void write(Store& store, WriteSet set) {
    std::optional<Status> done;
    store.write(std::make_shared<const WriteSet>(std::move(set)), [&](Status s) { done = s; });
    ASSERT_TRUE(loop_->run_until([&] { return done.has_value(); }, 10s));
    ASSERT_TRUE(*done) << done->error().text();
  }

  TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_;
};

core::Host full_host() {
  core::Host h;
  h.id = HostId{3};
  h.cluster = ClusterId{2};
  h.name = kHostile;
  h.ha = core::HaState::kFencing;
  h.reason = kHostile;
  h.ha_enabled = true;
  h.admits_vms = false;
  h.has_power_control = true;
  h.awaited = true;
  h.epoch = Epoch{77};
  h.boot_id = "boot";
  h.incarnation = UINT64_MAX;
  h.capacity = {.cpus = 9, .cpu_mhz = 8, .memory_bytes = 1ULL << 49};
  h.fence.op = OpId{5};
  h.fence.off_sent = true;
  h.fence.attempts = 4;
  h.fence.last_outcome = kHostile;
  core::Proof proof;
  proof.method = core::ProofMethod::kLeaseExpired;
  proof.host = h.id;
  proof.epoch = Epoch{76};
  proof.whole_host = false;
  proof.pools = {PoolId{1}, PoolId{4}};
  proof.at = WallTime{123456};
  proof.reading = kHostile;
  h.proof = proof;
  h.recover_attempts = 2;
  core::PoolIsolation isolation;
  isolation.pool = PoolId{1};
  isolation.clients = {"10.0.0.1:0/7", kHostile};
  isolation.proven = true;
  isolation.in_doubt = true;
  isolation.lifting = true;
  h.isolations = {isolation};
  return h;
}

core::Vm full_vm() {
  core::Vm v;
  v.id = VmId{8};
  v.cluster = ClusterId{2};
  v.spec.name = kHostile;
  v.spec.uuid = "u";
  v.spec.cpus = 3;
  v.spec.cpu_mhz = 4;
  v.spec.memory_bytes = 5;
  v.spec.disks = {{PoolId{1}, "/a", "qcow2", "/t", 6}, {PoolId{2}, "/b", "raw", kHostile, 7}};
  v.state = core::VmState::kStarting;
  v.reason = kHostile;
  v.desired = core::Desired::kRunning;
  v.ha = true;
  v.host = HostId{3};
  v.last_host = HostId{4};
  v.pinned_host = HostId{5};
  v.generation = Generation{6};
  v.op = OpId{7};
  v.op_host = HostId{9};
  v.job = JobId{10};
  v.force_stop = true;
  v.reboot = true;
  v.expunge = true;
  v.attempts = 11;
  v.clients = {"10.0.0.1:0/7", kHostile};
  return v;
}

TEST_F(StoreTest, TheBrainsStateComesBack) {
  core::Pool pool{PoolId{1},
                  ClusterId{2},
                  "uuid",
                  kHostile,
                  "/p",
                  false,
                  core::PoolKind::kLocal,
                  core::PoolPolicy::kLogOnly,
                  HostId{3},
                  false};
  core::Job job;
  job.id = JobId{10};
  job.kind = core::JobKind::kDestroy;
  job.vm = VmId{8};
  job.host = HostId{3};
  job.op = OpId{4};
  job.error_code = 5;
  job.error_text = kHostile;
  job.detail = "d";
  {
    const auto store = open();
    WriteSet set;
    set.core.hosts = {full_host()};
    set.core.vms = {full_vm()};
    set.core.pools = {pool};
    set.core.jobs = {job};
    set.core.next_op = OpId{42};
    set.core.min_generation = Generation{43};
    write(*store, set);
  }
  const auto store = open();
  const core::State state = store->take_restored().core;
  const core::Host want = full_host();
  const core::Host& h = state.hosts.at(HostId{3});
  EXPECT_EQ(
      std::tie(h.cluster, h.name, h.ha, h.reason, h.ha_enabled, h.admits_vms),
      std::tie(want.cluster, want.name, want.ha, want.reason, want.ha_enabled, want.admits_vms));
  EXPECT_EQ(std::tie(h.has_power_control, h.epoch, h.boot_id, h.incarnation, h.capacity,
                     h.recover_attempts, h.awaited),
            std::tie(want.has_power_control, want.epoch, want.boot_id, want.incarnation,
                     want.capacity, want.recover_attempts, want.awaited));
  EXPECT_EQ(
      std::tie(h.fence.op, h.fence.off_sent, h.fence.attempts, h.fence.last_outcome),
      std::tie(want.fence.op, want.fence.off_sent, want.fence.attempts, want.fence.last_outcome));
  ASSERT_EQ(h.isolations.size(), 1U);
  const core::PoolIsolation& isolation = h.isolations[0];
  const core::PoolIsolation& wanted = want.isolations[0];
  EXPECT_EQ(std::tie(isolation.pool, isolation.clients, isolation.proven, isolation.in_doubt,
                     isolation.lifting),
            std::tie(wanted.pool, wanted.clients, wanted.proven, wanted.in_doubt, wanted.lifting));
  EXPECT_EQ(state.vms.at(VmId{8}).clients, full_vm().clients);
  ASSERT_TRUE(h.proof);
  EXPECT_EQ(
      std::tie(h.proof->method, h.proof->host, h.proof->epoch, h.proof->whole_host, h.proof->pools,
               h.proof->at, h.proof->reading),
      std::tie(want.proof->method, want.proof->host, want.proof->epoch, want.proof->whole_host,
               want.proof->pools, want.proof->at, want.proof->reading));
  const core::Vm wv = full_vm();
  const core::Vm& v = state.vms.at(VmId{8});
  EXPECT_EQ(v.spec, wv.spec);
  EXPECT_EQ(std::tie(v.cluster, v.state, v.reason, v.desired, v.ha, v.host, v.last_host,
                     v.pinned_host, v.generation),
            std::tie(wv.cluster, wv.state, wv.reason, wv.desired, wv.ha, wv.host, wv.last_host,
                     wv.pinned_host, wv.generation));
  EXPECT_EQ(std::tie(v.op, v.op_host, v.job, v.force_stop, v.reboot, v.expunge, v.attempts),
            std::tie(wv.op, wv.op_host, wv.job, wv.force_stop, wv.reboot, wv.expunge, wv.attempts));
  const core::Pool& p = state.pools.at(PoolId{1});
  EXPECT_EQ(std::tie(p.cluster, p.uuid, p.name, p.path, p.heartbeat),
            std::tie(pool.cluster, pool.uuid, pool.name, pool.path, pool.heartbeat));
  EXPECT_EQ(std::tie(p.kind, p.policy, p.host, p.admits_vms),
            std::tie(pool.kind, pool.policy, pool.host, pool.admits_vms));
  const core::Job& j = state.jobs.at(JobId{10});
  EXPECT_EQ(std::tie(j.kind, j.status, j.vm, j.host, j.op, j.error_code, j.error_text, j.detail),
            std::tie(job.kind, job.status, job.vm, job.host, job.op, job.error_code, job.error_text,
                     job.detail));
  EXPECT_EQ(state.next_op, OpId{42});
  EXPECT_EQ(state.min_generation, Generation{43});
}

// What is restored is the store; the mark stays where the manager had come.
class StoreMarkTest : public StoreTest {
 protected:
  Store::Options options() {
    return {.directory = dir_.path() + "/store", .mark_directory = dir_.path() + "/mark"};
  }
  void give_out(std::uint64_t next_op) {
    auto store = Store::open(*loop_, options());
    ASSERT_TRUE(store) << store.error().text();
    WriteSet set;
    set.core.next_op = OpId{next_op};
    set.rows.emplace_back(Counter{"next_vm", 7});
    write(**store, set);
  }
  // The store as it is now is put back after `it`.
  void go_back_to_before(const std::function<void()>& it) {
    const std::string file = dir_.path() + "/store/manager.db";
    const auto backup = runtime::read_file(file, 64U << 20U);
    ASSERT_TRUE(backup);
    it();
    ASSERT_TRUE(runtime::write_file_atomic(file, *backup, 0600));
  }
  Restored restored() {
    auto store = Store::open(*loop_, options());
    EXPECT_TRUE(store) << store.error().text();
    return store ? (*store)->take_restored() : Restored{};
  }
};

TEST_F(StoreMarkTest, AStoreAtItsMarkIsBelieved) {
  EXPECT_EQ(restored().core.older_because, "");  // a new one
  give_out(5);
  const Restored again = restored();
  EXPECT_EQ(again.core.older_because, "");
  EXPECT_EQ(again.inventory.counters.at("next_vm"), 7U);
}

TEST_F(StoreMarkTest, ARestoredOneIsNotAndSkipsNumbers) {
  give_out(5);
  go_back_to_before([this] { give_out(9); });
  const Restored old = restored();
  EXPECT_EQ(old.core.older_because, "it knows of orders up to 4, the manager gave out 8");
  EXPECT_EQ(old.core.next_op, OpId{5});  // the brain skips its own
  EXPECT_EQ(old.inventory.counters.at("next_vm"), 1'000'007U);
}

// It knows of no order, and so of no VM: all that its hosts run would be strays.
TEST_F(StoreMarkTest, OneFromBeforeTheFirstOrderIsNotEither) {
  const auto with_host = [this] {
    auto store = Store::open(*loop_, options());
    ASSERT_TRUE(store) << store.error().text();
    WriteSet set;
    set.core.hosts = {full_host()};
    write(**store, set);
  };
  with_host();
  EXPECT_EQ(restored().core.older_because, "") << "as it was left";
  go_back_to_before([this] { give_out(9); });
  const Restored old = restored();
  EXPECT_EQ(old.core.older_because, "it knows of no orders, the manager gave out 8");
  EXPECT_EQ(old.inventory.counters.at(kFirstNumber), 1'000'001U)
      << "it may have forgotten the first";
  EXPECT_EQ(old.next_job, 1'000'001U);
  ASSERT_TRUE(runtime::remove_file(dir_.path() + "/mark/next-op"));
  EXPECT_NE(restored().core.older_because, "") << "on another machine";
}

TEST_F(StoreMarkTest, OneWithoutAMarkIsNot) {
  give_out(5);
  const std::string mark = dir_.path() + "/mark/next-op";
  ASSERT_TRUE(runtime::write_file_atomic(mark, "5", 0600));  // cut short
  EXPECT_NE(restored().core.older_because, "");
  ASSERT_TRUE(runtime::remove_file(mark));
  EXPECT_NE(restored().core.older_because, "");
}

TEST_F(StoreTest, FewerDisksAndGoneRowsAreGone) {
  {
    const auto store = open();
    WriteSet set;
    set.core.hosts = {full_host()};
    set.core.vms = {full_vm()};
    write(*store, set);
    core::Vm smaller = full_vm();
    smaller.spec.disks.pop_back();
    WriteSet next;
    next.core.vms = {smaller};
    next.core.hosts_gone = {HostId{3}};
    write(*store, next);
  }
  {
    const auto store = open();
    const core::State state = store->take_restored().core;
    EXPECT_TRUE(state.hosts.empty());
    EXPECT_EQ(state.vms.at(VmId{8}).spec.disks.size(), 1U);
    WriteSet last;
    last.core.vms_gone = {VmId{8}};
    write(*store, last);
  }
  EXPECT_TRUE(open()->take_restored().core.vms.empty());
}

// One row of each kind, every field set.
struct SampleRows {
  SampleRows() {
    host.oobm = {true,    true,     "ipmitool", "10.0.0.1",        "623",
                 "admin", "sealed", "pending",  {{"cipher", "17"}}};
  }

  const WallTime t{1'700'000'000'123};
  const Zone zone{ZoneId{1}, "zu", kHostile, "d", "Advanced", "1", "2", "3", "4", false, true, t};
  const Pod pod{PodId{2}, ZoneId{1}, "pu", kHostile, "g", "m", "s", "e", false, t};
  const Cluster cluster{ClusterId{3}, PodId{2}, "cu", kHostile, "KVM", "X", "arm", false, t};
  HostRecord host{
      HostId{4}, ClusterId{3}, "hu", "n", "a", {"t1", kHostile}, false, {}, "prov", "{}",
      "1.0",     {{"k", "v"}}, t,    t,   t};
  const FenceDevice device{DeviceId{11},    HostId{4}, "du",  "feed b", 2,
                           "fence_agent",   "a",       "161", "user",   "sealed",
                           {{"plug", "7"}}, false,     t};
  const ServiceOffering offering{OfferingId{5}, "ou", "n",  "d",  2, 3, 4, 5,
                                 true,          true, "ht", "st", t, t};
  const Template tmpl{TemplateId{6}, "tu",  "n",          "d",   ZoneId{1},   "u",   "/p",
                      "QCOW2",       "os",  "KVM",        "sum", 7,           false, true,
                      false,         false, AccountId{1}, t,     std::nullopt};
  const PoolRecord pool{PoolId{7},
                        ClusterId{3},
                        "stu",
                        "n",
                        "T",
                        "S",
                        "u",
                        "/p",
                        "tags",
                        8,
                        false,
                        t,
                        core::PoolKind::kRbd,
                        core::PoolPolicy::kPause,
                        PoolState::kMaintenance,
                        HostId{4},
                        "mon1,mon2:3300",
                        "mold",
                        "sealed",
                        "fsid",
                        false,
                        {"v1", "v2"}};
  const PoolKeyRecord pool_key{HostId{4},
                               "fsid",
                               "mold-hu",
                               "sealed",
                               {"a", "b"},
                               t,
                               {"pool-u", "mon", "rbd:a", "mold", "sealed too"}};
  const Account account{AccountId{1}, "au", "n", "D", "du", 1, true, t};
  const User user{UserId{1}, AccountId{1}, "uu", "n", "key", "sealed", false, t};
  const VmRecord vm{VmId{8},
                    "vu",
                    "n",
                    "d",
                    "i",
                    "g",
                    AccountId{1},
                    ZoneId{1},
                    ClusterId{3},
                    OfferingId{5},
                    TemplateId{6},
                    PoolId{7},
                    kHostile,
                    {{"a", kHostile.substr(0, 9)}},
                    t,
                    t};
  const JobRecord job{JobId{9},
                      "ju",
                      "c",
                      core::JobKind::kPower,
                      core::JobStatus::kFailed,
                      VmId{8},
                      HostId{4},
                      AccountId{1},
                      UserId{1},
                      "VirtualMachine",
                      "vu",
                      "eu",
                      530,
                      "{}",
                      t,
                      t};
  const EventRecord event{1,        "eu",      "T",          EventLevel::kWarn,
                          kHostile, "Started", AccountId{1}, UserId{1},
                          "Host",   "hu",      "parent",     t};
  const EvidenceRecord evidence{1, HostId{4}, t, core::EvidenceKind::kProof, kHostile};
  const CertificateRecord certificate{"ab", "hu", "fp", "host", t, t, t};
  const DeviceDoubt doubt{HostId{4}, DeviceId{11}, true, false, kHostile};
  const DeviceDoubt of_bmc{HostId{4}, DeviceId{}, false, true, "x"};
  const EnrolTokenRecord token{"hash", HostId{4}, t, t, std::nullopt};
};

TEST_F(StoreTest, EveryOtherRowComesBack) {
  const SampleRows rows;
  std::optional<EventPage> page;
  std::optional<std::vector<EvidenceRecord>> lines;
  {
    const auto store = open();
    WriteSet set;  // children first: constraints are looked at when the transaction ends
    set.rows = {rows.vm,
                rows.device,
                rows.host,
                rows.pool,
                rows.pool_key,
                rows.user,
                rows.cluster,
                rows.pod,
                rows.zone,
                rows.offering,
                rows.tmpl,
                rows.account,
                rows.job,
                rows.event,
                rows.evidence,
                rows.certificate,
                rows.token,
                rows.doubt,
                rows.of_bmc,
                Setting{"s", kHostile},
                Counter{"next_job", 12}};
    write(*store, set);
    write(*store, set);  // again: nothing changes
    store->read_events({}, [&](const auto& r) { page = r.value(); });
    store->read_evidence({.host = HostId{4}}, [&](const auto& r) { lines = r.value(); });
    ASSERT_TRUE(loop_->run_until([&] { return page && lines; }, 10s));
  }
  ASSERT_EQ(page->events.size(), 1U);
  EXPECT_EQ(page->events[0], rows.event);
  ASSERT_EQ(lines->size(), 1U);
  EXPECT_EQ(lines->at(0), rows.evidence);
  const auto store = open();
  const Restored all = store->take_restored();
  const InventoryData& data = all.inventory;
  EXPECT_EQ(data.zones, std::vector{rows.zone});
  EXPECT_EQ(data.pods, std::vector{rows.pod});
  EXPECT_EQ(data.clusters, std::vector{rows.cluster});
  EXPECT_EQ(data.hosts, std::vector{rows.host});
  EXPECT_EQ(data.fence_devices, std::vector{rows.device});
  EXPECT_EQ(data.offerings, std::vector{rows.offering});
  EXPECT_EQ(data.templates, std::vector{rows.tmpl});
  EXPECT_EQ(data.pools, std::vector{rows.pool});
  EXPECT_EQ(data.accounts, std::vector{rows.account});
  EXPECT_EQ(data.users, std::vector{rows.user});
  EXPECT_EQ(data.vms, std::vector{rows.vm});
  EXPECT_EQ(data.settings.at("s"), kHostile);
  EXPECT_EQ(all.jobs, std::vector{rows.job});
  EXPECT_EQ(all.certificates, std::vector{rows.certificate});
  EXPECT_EQ(all.tokens, std::vector{rows.token});
  EXPECT_EQ(all.doubts, (std::vector{rows.of_bmc, rows.doubt}));
  EXPECT_EQ(all.pool_keys, std::vector{rows.pool_key});
  EXPECT_EQ(all.next_job, 12U);
  EXPECT_EQ(all.next_event, 2U);
  EXPECT_EQ(all.next_evidence, 2U);
}

TEST_F(StoreTest, AKeyThatWasTakenBackIsGone) {
  const PoolKeyRecord kept{HostId{4}, "fsid-1", "mold-hu", "sealed", {"a"}, WallTime{5}};
  {
    const auto store = open();
    WriteSet set;
    set.rows = {kept, PoolKeyRecord{HostId{4}, "fsid-2", "mold-hu", "sealed", {}, WallTime{5}},
                PoolKeyRemoved{HostId{4}, "fsid-2"}};
    write(*store, set);
  }
  EXPECT_EQ(open()->take_restored().pool_keys, std::vector{kept});
}

TEST_F(StoreTest, ADoubtThatEndedIsGone) {
  const DeviceDoubt kept{HostId{4}, DeviceId{11}, true, true, "kept"};
  {
    const auto store = open();
    WriteSet set;
    set.rows = {kept, DeviceDoubt{HostId{4}, DeviceId{}, true, false, "ends"},
                DoubtEnded{HostId{4}, DeviceId{}}};
    write(*store, set);
  }
  EXPECT_EQ(open()->take_restored().doubts, std::vector{kept});
}

// As a manager of before the kinds of pools left it.
void undo_pool_kinds(runtime::Database& db) {
  ASSERT_TRUE(db.execute("DROP TABLE pool_keys"));
  ASSERT_TRUE(db.execute("DROP TABLE core_isolations"));  // of the steps after it
  ASSERT_TRUE(db.execute("DROP TABLE core_client_fences"));
  ASSERT_TRUE(db.execute("ALTER TABLE core_hosts DROP COLUMN awaited"));
  ASSERT_TRUE(db.execute("ALTER TABLE core_vms DROP COLUMN clients"));
  for (const char* column : {"kind", "policy", "host", "admits_vms", "ceph_fsid"})
    ASSERT_TRUE(db.execute(std::string("ALTER TABLE core_pools DROP COLUMN ") + column));
  for (const char* column : {"kind", "policy", "state", "host", "source", "user", "sealed_key",
                             "ceph_fsid", "cephx", "stopped_vms"})
    ASSERT_TRUE(db.execute(std::string("ALTER TABLE storage_pools DROP COLUMN ") + column));
}

TEST_F(StoreTest, PoolsOfBeforeAreSharedDirectories) {
  open().reset();
  {
    auto db = runtime::Database::open(dir_.path() + "/manager.db");
    undo_pool_kinds(*db);
    ASSERT_TRUE(db->execute("INSERT INTO core_pools VALUES (1, 2, 'u', 'p1', '/srv/p1', 1)"));
    ASSERT_TRUE(db->execute("PRAGMA foreign_keys=OFF"));
    ASSERT_TRUE(
        db->execute("INSERT INTO storage_pools VALUES (1, 2, 'u', 'p1', 'SharedMountPoint', "
                    "'CLUSTER', 'url', '/srv/p1', '', 0, 1, 5)"));
    ASSERT_TRUE(db->execute("PRAGMA user_version=5"));
  }
  const auto store = open();
  ASSERT_NE(store, nullptr);
  const Restored all = store->take_restored();
  const core::Pool& known = all.core.pools.at(PoolId{1});
  EXPECT_EQ(known.kind, core::PoolKind::kDirectory);
  EXPECT_EQ(known.policy, core::PoolPolicy::kKillVms);
  EXPECT_TRUE(known.heartbeat && known.admits_vms && !known.host);
  ASSERT_EQ(all.inventory.pools.size(), 1U);
  EXPECT_EQ(all.inventory.pools[0].state, PoolState::kUp);
  EXPECT_EQ(all.inventory.pools[0].path, "/srv/p1");
  EXPECT_TRUE(all.pool_keys.empty());
}

// What stood in a file of before is there after the step that came since.
TEST_F(StoreTest, AFileOfBeforeTheDoubtsIsTakenOver) {
  open().reset();
  {
    auto db = runtime::Database::open(dir_.path() + "/manager.db");
    undo_pool_kinds(*db);
    ASSERT_TRUE(db->execute("DROP TABLE device_doubts"));
    ASSERT_TRUE(db->execute("PRAGMA user_version=4"));
    ASSERT_TRUE(db->execute("INSERT INTO settings VALUES ('s', 'v')"));
  }
  const auto store = open();
  ASSERT_NE(store, nullptr);
  const Restored all = store->take_restored();
  EXPECT_EQ(all.inventory.settings.at("s"), "v");
  EXPECT_TRUE(all.doubts.empty());
}

TEST_F(StoreTest, EvidenceIsBounded) {
  const auto store = open(100);
  for (std::uint64_t round = 0; round < 10; ++round) {
    WriteSet set;
    for (std::uint64_t i = 0; i < 100; ++i)
      set.rows.emplace_back(EvidenceRecord{round * 100 + i + 1, HostId{1}, WallTime{1},
                                           core::EvidenceKind::kReading, "x"});
    write(*store, set);
  }
  std::optional<std::vector<EvidenceRecord>> lines;
  store->read_evidence({.host = HostId{1}}, [&](const auto& r) { lines = r.value(); });
  ASSERT_TRUE(loop_->run_until([&] { return lines.has_value(); }, 10s));
  EXPECT_LE(lines->size(), 300U);
  EXPECT_EQ(lines->back().id, 1000U);
}

TEST_F(StoreTest, TwoManagersNeverShareADirectory) {
  const auto store = open();
  const auto second = Store::open(*loop_, {.directory = dir_.path()});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
}

TEST_F(StoreTest, ANewerDatabaseIsRefused) {
  open().reset();
  {
    auto db = runtime::Database::open(dir_.path() + "/manager.db");
    ASSERT_TRUE(db->execute("PRAGMA user_version=999"));
  }
  const auto store = Store::open(*loop_, {.directory = dir_.path()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::kUnsupported);
}

TEST_F(StoreTest, ADamagedDatabaseIsRefused) {
  std::ofstream(dir_.path() + "/manager.db") << std::string(8192, 'x');
  const auto store = Store::open(*loop_, {.directory = dir_.path()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace mold::manager::test
