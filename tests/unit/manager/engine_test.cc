// The engine's promise: nothing is done, and nobody is told "done", before it is on the disk.
#include <atomic>
#include <thread>

#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {
namespace {

// Holds the commit back until opened.
struct Gate {
  std::shared_ptr<std::atomic<bool>> closed = std::make_shared<std::atomic<bool>>(true);
  std::function<Status()> fault() const {
    return [closed = closed]() -> Status {
      while (closed->load()) std::this_thread::yield();
      return {};
    };
  }
  void open() const { closed->store(false); }
};

TEST(Engine, ActsOnlyAfterTheCommit) {
  World w;
  w.make_ground();
  w.engine->start();
  const HostId host = w.add_host("h1");
  ASSERT_TRUE(w.settle());
  const Gate gate;
  w.store->set_fault(gate.fault());
  bool told = false;
  w.engine->submit(w.hello(host, 7), [&](const Status& s) { told = s.has_value(); });
  w.turn_for(80ms);
  EXPECT_TRUE(w.opened_sessions.empty());
  EXPECT_FALSE(told);
  EXPECT_FALSE(w.engine->idle());
  gate.open();
  ASSERT_TRUE(w.settle());
  ASSERT_EQ(w.opened_sessions.size(), 1U);
  EXPECT_EQ(w.opened_sessions[0].session, 7U);
  EXPECT_TRUE(told);
  const core::OpenSession session = w.opened_sessions[0];
  w.restart();
  EXPECT_EQ(w.engine->state().hosts.at(host).epoch, session.epoch);
  EXPECT_EQ(w.engine->state().hosts.at(host).boot_id, "boot-1");
}

TEST(Engine, OneDispatchIsOneTransactionAndMoreGatherMeanwhile) {
  World w;
  w.make_ground();
  ASSERT_TRUE(w.settle());
  const std::uint64_t before = w.engine->store_state().commits;
  const Gate gate;
  w.store->set_fault(gate.fault());
  int told = 0;
  for (int i = 0; i < 50; ++i) {
    w.add_host("h" + std::to_string(i));
    w.engine->when_durable([&](const Status& s) { told += s ? 1 : 0; });
  }
  w.turn_for(20ms);
  for (int i = 50; i < 100; ++i) {
    w.loop->post([&w, &told, i] {
      w.add_host("h" + std::to_string(i));
      w.engine->when_durable([&](const Status& s) { told += s ? 1 : 0; });
    });
  }
  w.turn_for(20ms);
  gate.open();
  ASSERT_TRUE(w.settle());
  EXPECT_EQ(told, 100);
  EXPECT_EQ(w.engine->store_state().commits, before + 2);
}

TEST(Engine, AnOrdinaryBeatCostsNoTransaction) {
  World w;
  w.make_ground();
  w.engine->start();
  const HostId host = w.add_host("h1");
  w.engine->submit(w.hello(host, 1));
  ASSERT_TRUE(w.settle());
  ASSERT_EQ(w.opened_sessions.size(), 1U);
  const std::uint64_t before = w.engine->store_state().commits;
  for (int i = 0; i < 20; ++i) {
    const TurnOutcome outcome = w.engine->submit(w.beat(host, w.opened_sessions[0].epoch));
    EXPECT_FALSE(outcome.session_refused);
  }
  ASSERT_TRUE(w.settle());
  EXPECT_EQ(w.engine->store_state().commits, before);
  EXPECT_TRUE(w.engine->submit(w.beat(host, Epoch{99})).session_refused);
}

TEST(Engine, AFullDiskStopsActsAndLosesNone) {
  EngineLimits limits;
  limits.answer_bound = 100ms;
  limits.retry_first = 5ms;
  limits.retry_last = 20ms;
  World w(limits);
  w.make_ground();
  w.engine->start();
  const HostId host = w.add_host("h1");
  ASSERT_TRUE(w.settle());
  w.store->set_fault([]() -> Status { return fail(ErrorKind::kBusy, "disk is full"); });
  std::vector<Status> told;
  w.engine->submit(w.hello(host, 3), [&](const Status& s) { told.push_back(s); });
  w.turn_for(300ms);
  EXPECT_TRUE(w.opened_sessions.empty());
  ASSERT_EQ(told.size(), 1U) << "told once, in bounded time";
  EXPECT_EQ(told[0].error().kind, ErrorKind::kUnknown);
  EXPECT_FALSE(w.engine->store_state().can_write);
  EXPECT_NE(w.engine->store_state().problem.find("store: cannot write"), std::string::npos);
  EXPECT_EQ(w.engine->admits().error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(w.inventory->create(Zone{.name = "late"}).error().kind, ErrorKind::kUnavailable);
  EXPECT_FALSE(w.engine->open_job({.command = "x"}));
  w.store->set_fault({});
  ASSERT_TRUE(w.settle());
  EXPECT_EQ(w.opened_sessions.size(), 1U);
  EXPECT_TRUE(w.engine->store_state().can_write);
  EXPECT_EQ(told.size(), 1U);
  w.restart();
  EXPECT_EQ(w.engine->state().hosts.at(host).boot_id, "boot-1");
}

// A VM whose disk is being made, on a host that beats.
VmId deploy(World& w, HostId host, JobId job) {
  core::Pool pool;
  pool.id = w.inventory->create(PoolRecord{.cluster = w.cluster, .name = "pool", .path = "/p"})->id;
  pool.cluster = w.cluster;
  pool.path = "/p";
  w.engine->submit(core::PoolAdded{pool});
  w.engine->submit(w.hello(host, 1));
  for (int i = 0; i < w.policy.probation_beats; ++i)
    w.engine->submit(w.beat(host, w.engine->state().hosts.at(host).epoch));
  core::VmDeployed deployed;
  deployed.vm.id = VmId{1};
  deployed.vm.cluster = w.cluster;
  deployed.vm.spec.name = "i-1-1-VM";
  deployed.vm.spec.uuid = "11111111-1111-4111-8111-111111111111";
  deployed.vm.spec.memory_bytes = 1 << 20;
  deployed.vm.spec.disks.push_back({.pool = pool.id, .path = "/p/d", .template_path = "/p/t"});
  deployed.job = job;
  w.engine->submit(deployed);
  return deployed.vm.id;
}

TEST(Engine, ARestartAsksAgainForWhatWasUnderWay) {
  World w;
  w.make_ground();
  w.engine->start();
  const HostId host = w.add_host("h1");
  const auto job = w.engine->open_job(
      {.command = "deployVirtualMachine", .kind = core::JobKind::kDeploy, .vm = VmId{1}});
  ASSERT_TRUE(job);
  deploy(w, host, job->id);
  ASSERT_TRUE(w.settle());
  ASSERT_EQ(w.orders.size(), 1U);
  const core::Order first = w.orders[0];
  EXPECT_EQ(first.kind, core::OrderKind::kCreateDisk);
  w.restart();
  w.engine->start();
  ASSERT_TRUE(w.settle());
  ASSERT_FALSE(w.orders.empty());
  EXPECT_EQ(w.orders[0].op, first.op);
  EXPECT_EQ(w.orders[0].spec, first.spec);
  EXPECT_EQ(w.engine->jobs().find(job->id)->status, core::JobStatus::kPending);
  EXPECT_GT(w.engine->state().next_op, first.op);
  const auto next = w.engine->open_job({.command = "x"});
  EXPECT_GT(next->id, job->id) << "numbers are never given out twice";
}

TEST(Engine, AJobEndsInTheBookOnlyWhenDurable) {
  World w;
  w.make_ground();
  w.engine->start();
  w.engine->set_job_renderer([](const JobRecord&, const core::Job& end) {
    return RenderedJob{end.error_code, R"({"rendered":true})"};
  });
  ASSERT_TRUE(w.settle());
  const Gate gate;
  w.store->set_fault(gate.fault());
  const auto job = w.engine->open_job({.command = "stopVirtualMachine"});
  ASSERT_TRUE(job);
  w.engine->submit(core::VmRequested{.vm = VmId{404}, .wish = core::VmWish::kStop, .job = job->id});
  w.turn_for(30ms);
  EXPECT_EQ(w.engine->jobs().find_uuid(job->uuid)->status, core::JobStatus::kPending);
  gate.open();
  ASSERT_TRUE(w.settle());
  w.restart();
  const JobRecord* const ended = w.engine->jobs().find_uuid(job->uuid);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->status, core::JobStatus::kFailed);
  EXPECT_EQ(ended->result_json, R"({"rendered":true})");
  EXPECT_TRUE(ended->completed.has_value());
}

TEST(Engine, JobsThatNobodyWillEndFailAfterARestartAndExpire) {
  EngineLimits limits;
  limits.job_expire = 0ms;
  World w(limits);
  w.engine->start();
  const auto job = w.engine->open_job({.command = "enableHAForHost"});
  ASSERT_TRUE(w.settle());
  w.restart();
  w.engine->start();
  ASSERT_TRUE(w.settle());
  const JobRecord* const ended = w.engine->jobs().find(job->id);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->status, core::JobStatus::kFailed);
  EXPECT_EQ(ended->result_code, 530);
  w.turn_for(5ms);
  w.restart();
  w.engine->start();
  ASSERT_TRUE(w.settle());
  EXPECT_EQ(w.engine->jobs().find(job->id), nullptr);
}

TEST(Engine, EventsAndEvidenceAreKeptAndFollowed) {
  World w;
  w.make_ground();
  w.engine->start();
  const HostId host = w.add_host("h1");
  w.engine->chronicle().set_namer({[&](HostId id) { return w.inventory->hosts().find(id)->uuid; },
                                   [](VmId) { return std::string{}; },
                                   [](HostId) { return std::string("h1"); }});
  std::vector<EventRecord> followed;
  const auto token =
      w.engine->chronicle().subscribe([&](const EventRecord& e) { followed.push_back(e); });
  w.engine->note_event({.type = "ZONE.CREATE", .description = "100% 'done'"});
  w.engine->submit(core::HaSet{host, true});
  w.engine->submit(w.hello(host, 1));
  w.engine->submit(core::DeathConfirmed{host, "anna", "saw it burn"});
  ASSERT_TRUE(w.settle());
  w.engine->chronicle().unsubscribe(token);
  ASSERT_GE(followed.size(), 2U);
  EXPECT_EQ(followed[0].type, "ZONE.CREATE");
  std::optional<EventPage> page;
  EventFilter filter;
  filter.type = "HA.STATE.TRANSITION";
  filter.resource_uuid = w.inventory->hosts().find(host)->uuid;
  filter.limit = 1;
  w.engine->chronicle().query_events(filter, [&](const auto& r) { page = r.value(); });
  ASSERT_TRUE(w.loop->run_until([&] { return page.has_value(); }, 5s));
  EXPECT_EQ(page->events.size(), 1U);
  EXPECT_GE(page->total, 1U);
  std::optional<std::vector<EvidenceRecord>> lines;
  w.engine->chronicle().query_evidence({.host = host}, [&](const auto& r) { lines = r.value(); });
  ASSERT_TRUE(w.loop->run_until([&] { return lines.has_value(); }, 5s));
  EXPECT_FALSE(lines->empty());
}

}  // namespace
}  // namespace mold::manager::test
