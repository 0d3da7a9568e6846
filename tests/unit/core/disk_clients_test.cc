// Who may have a disk open when its VM starts: the judgement, and the agent's brain around it.
#include "core/agent/disk_clients.h"

#include <gtest/gtest.h>

#include "core/agent/agent_brain.h"
#include "core/agent/mount_rules.h"

namespace mold::core {
namespace {

constexpr const char* kDisk = "rbd:vms/7";
constexpr const char* kOurs = "10.0.0.1:0/77";
constexpr const char* kForeign = "10.0.0.2:0/88";

VmSpec rbd_vm() {
  VmSpec spec;
  Disk disk;
  disk.pool = PoolId{1};
  disk.path = kDisk;
  spec.disks.push_back(disk);
  return spec;
}
DiskReading seen(std::vector<std::string> clients) {
  DiskReading reading;
  reading.outcome = Outcome::kConfirmed;
  reading.disks = {{kDisk, Liveness::kAlive, std::move(clients)}};
  reading.own_addresses = {"127.0.0.1", "10.0.0.1", "fd00::1"};
  return reading;
}
std::optional<ErrorKind> refused(StartStep step, const DiskReading& reading,
                                 const std::vector<std::string>& leftovers = {}) {
  const auto refusal = judge_clients(step, rbd_vm(), reading, leftovers);
  return refusal ? std::optional(refusal->kind) : std::nullopt;
}

TEST(DiskClients, BeforeTheCreationNobodyMayHaveItOpen) {
  EXPECT_EQ(refused(StartStep::kBeforeCreate, seen({})), std::nullopt);
  EXPECT_EQ(refused(StartStep::kBeforeCreate, seen({kForeign})), ErrorKind::kConflict);
  // A client of this host that we cannot account for may be a QEMU of an earlier generation.
  EXPECT_EQ(refused(StartStep::kBeforeCreate, seen({kOurs})), ErrorKind::kConflict);
  EXPECT_EQ(refused(StartStep::kBeforeCreate, seen({kOurs}), {kOurs}), std::nullopt);
  EXPECT_EQ(refused(StartStep::kBeforeCreate, seen({kOurs, kForeign}), {kOurs}),
            ErrorKind::kConflict);
}

TEST(DiskClients, BeforeTheResumeOnlyOurOwnQemuMay) {
  EXPECT_EQ(refused(StartStep::kBeforeResume, seen({kOurs})), std::nullopt);
  EXPECT_EQ(refused(StartStep::kBeforeResume, seen({"[fd00::1]:0/9"})), std::nullopt);
  EXPECT_EQ(refused(StartStep::kBeforeResume, seen({kForeign})), ErrorKind::kConflict);
  EXPECT_EQ(refused(StartStep::kBeforeResume, seen({kOurs, kForeign})), ErrorKind::kConflict);
  // Two of this host: QEMU opens a disk once.
  EXPECT_EQ(refused(StartStep::kBeforeResume, seen({kOurs, "10.0.0.1:0/78"})),
            ErrorKind::kConflict);
  EXPECT_EQ(refused(StartStep::kBeforeResume, seen({kOurs, "10.0.0.1:0/78"}), {"10.0.0.1:0/78"}),
            std::nullopt);
}

TEST(DiskClients, TheTextNamesDiskAndClient) {
  const auto refusal = judge_clients(StartStep::kBeforeCreate, rbd_vm(), seen({kForeign}), {});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->text, "rbd:vms/7 is open at 10.0.0.2:0/88");
}

TEST(DiskClients, UnknownNeverStartsAVm) {
  DiskReading reading = seen({});
  reading.outcome = Outcome::kUnknown;
  EXPECT_EQ(refused(StartStep::kBeforeCreate, reading), ErrorKind::kTimeout);
  reading.outcome = Outcome::kFailed;
  reading.error = ErrorKind::kDenied;
  EXPECT_EQ(refused(StartStep::kBeforeCreate, reading), ErrorKind::kDenied);
  reading = seen({});
  reading.disks[0].presence = Liveness::kUnknown;
  EXPECT_EQ(refused(StartStep::kBeforeCreate, reading), ErrorKind::kTimeout);
  reading.disks.clear();  // an answer that leaves the disk out
  EXPECT_EQ(refused(StartStep::kBeforeCreate, reading), ErrorKind::kTimeout);
  reading = seen({});
  reading.disks[0].presence = Liveness::kSilent;
  EXPECT_EQ(refused(StartStep::kBeforeCreate, reading), ErrorKind::kNotFound);
  EXPECT_EQ(refused(StartStep::kBeforeResume, seen({"what is that"})), ErrorKind::kConflict);
}

TEST(DiskClients, AddressesAndKinds) {
  EXPECT_EQ(address_of_client("10.0.0.1:0/77"), "10.0.0.1");
  EXPECT_EQ(address_of_client("[fd00::1]:0/77"), "fd00::1");
  for (const char* bad : {"", "10.0.0.1", "v1:10.0.0.1:0/7", "[fd00::1"}) {
    EXPECT_EQ(address_of_client(bad), "") << bad;
  }
  Disk disk;
  disk.path = "/srv/pool/7.raw";
  EXPECT_EQ(kind_of(disk), DiskKind::kFile);
  disk.path = "/dev/vg0/7";
  EXPECT_EQ(kind_of(disk), DiskKind::kBlock);
  VmSpec spec;
  EXPECT_FALSE(needs_reading(spec));
  spec.disks.push_back(disk);
  EXPECT_TRUE(needs_reading(spec));
}

// ---- the brain ----------------------------------------------------------------------------------

class DiskDoor : public ::testing::Test {
 protected:
  void SetUp() override {
    lease_.valid = true;
    lease_.pools.push_back({PoolId{1}, true, Instant{100'000}});
    step(DomainsListed{});
    step(SessionAccepted{Epoch{3}, 0});
  }
  void step(const AgentEvent& event) { out_ = brain_.step(event, lease_, Instant{10'000}); }
  void order(std::uint64_t generation, OrderKind kind = OrderKind::kStartVm) {
    Order o;
    o.kind = kind;
    o.op = OpId{70 + generation};
    o.epoch = Epoch{3};
    o.vm = VmId{1};
    o.generation = Generation{generation};
    o.spec = rbd_vm();
    step(OrderArrived{o});
  }
  template <class T>
  const T* only() const {
    return out_.size() == 1 ? std::get_if<T>(&out_[0]) : nullptr;
  }
  void read(DiskReading reading) {
    const auto* const asked = only<ReadDisks>();
    ASSERT_NE(asked, nullptr);
    step(DisksRead{asked->call, std::move(reading)});
  }
  void answer(HypervisorVerb verb, bool exists) {
    const auto* const call = only<Hypervise>();
    ASSERT_NE(call, nullptr);
    EXPECT_EQ(call->verb, verb);
    step(HypervisorAnswered{call->call, Outcome::kConfirmed, exists, ErrorKind::kInternal, ""});
  }
  [[nodiscard]] const OrderResult& result() const {
    const auto* const sent = only<SendResult>();
    static const OrderResult none;
    EXPECT_NE(sent, nullptr);
    return sent == nullptr ? none : sent->result;
  }
  void run(std::uint64_t generation, const std::string& client) {
    order(generation);
    read(seen({}));
    answer(HypervisorVerb::kCreatePaused, true);
    read(seen({client}));
    answer(HypervisorVerb::kResume, true);
    EXPECT_EQ(result().outcome, Outcome::kConfirmed);
  }
  void ends(std::uint64_t generation) {
    step(DomainObserved{
        {VmId{1}, "", Generation{generation}, DomainPower::kGone, GoneReason::kCrashed}});
  }

  AgentBrain brain_;
  LeaseView lease_;
  std::vector<AgentAction> out_;
};

TEST_F(DiskDoor, IsAskedBeforeCreationAndBeforeResume) {
  run(1, kOurs);
}

TEST_F(DiskDoor, AForeignClientRefusesTheStart) {
  order(1);
  read(seen({kForeign}));
  EXPECT_EQ(result().outcome, Outcome::kFailed);
  EXPECT_EQ(result().error, ErrorKind::kConflict);
  EXPECT_TRUE(result().gone);
  EXPECT_NE(result().text.find(kForeign), std::string::npos);
  ASSERT_EQ(brain_.vms().size(), 1U);
  EXPECT_EQ(brain_.vms()[0].power, DomainPower::kGone);
}

TEST_F(DiskDoor, OneThatCameMeanwhileUndoesIt) {
  order(1);
  read(seen({}));
  answer(HypervisorVerb::kCreatePaused, true);
  read(seen({kOurs, kForeign}));
  answer(HypervisorVerb::kDestroy, false);
  EXPECT_EQ(result().outcome, Outcome::kFailed);
  EXPECT_EQ(result().error, ErrorKind::kConflict);
  EXPECT_NE(result().text.find(kForeign), std::string::npos);
}

TEST_F(DiskDoor, NoAnswerIsNoYes) {
  order(1);
  read(DiskReading{});
  EXPECT_EQ(result().outcome, Outcome::kFailed);
  EXPECT_EQ(result().error, ErrorKind::kTimeout);
}

TEST_F(DiskDoor, ALeaseThatRanOutWhileItWasAskedRefuses) {
  order(1);
  lease_.pools[0].held = false;
  read(seen({}));
  EXPECT_EQ(result().outcome, Outcome::kFailed);
  lease_.pools[0].held = true;
  order(2);
  read(seen({}));
  answer(HypervisorVerb::kCreatePaused, true);
  lease_.pools[0].held = false;
  read(seen({kOurs}));
  ASSERT_NE(only<Hypervise>(), nullptr);
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kDestroy);
}

TEST_F(DiskDoor, ACrashedQemuOfOursIsNoStranger) {
  run(1, kOurs);
  ends(1);
  order(2);
  read(seen({kOurs}));  // still listed, but its process is gone
  answer(HypervisorVerb::kCreatePaused, true);
  read(seen({kOurs, "10.0.0.1:0/99"}));
  answer(HypervisorVerb::kResume, true);
  EXPECT_EQ(result().outcome, Outcome::kConfirmed);
}

TEST_F(DiskDoor, APausedDomainOfAnEarlierLifeIsResumedIfOnlyItsOwnQemuIsThere) {
  step(DomainObserved{{VmId{1}, "", Generation{4}, DomainPower::kPaused, GoneReason::kUnknown}});
  order(4);
  read(seen({kOurs}));
  answer(HypervisorVerb::kResume, true);
  EXPECT_EQ(result().outcome, Outcome::kConfirmed);
}

TEST_F(DiskDoor, AnAnswerOfTheOtherKindIsNotTaken) {
  order(1);
  const std::uint64_t call = only<ReadDisks>()->call;
  step(HypervisorAnswered{call, Outcome::kConfirmed, true, ErrorKind::kInternal, ""});
  EXPECT_TRUE(out_.empty());
  step(DisksRead{call + 1, seen({})});
  EXPECT_TRUE(out_.empty());
}

// ---- mounts -------------------------------------------------------------------------------------

TEST(MountRules, OnlyAFreePoolIsEverUnmounted) {
  using enum MountState;
  for (const MountState state : {kUnknown, kNothing, kRight, kWrong}) {
    for (const auto health : {MountHealth::kUnknown, MountHealth::kAnswers, MountHealth::kStale}) {
      for (const auto use : {PoolUse::kUnknown, PoolUse::kInUse}) {
        for (const auto wanted : {Wanted::kYes, Wanted::kNo}) {
          EXPECT_NE(next_mount_step(wanted, state, health, use), MountStep::kUnmount);
        }
      }
    }
  }
  EXPECT_EQ(next_mount_step(Wanted::kYes, kRight, MountHealth::kStale, PoolUse::kFree),
            MountStep::kUnmount);
  EXPECT_EQ(next_mount_step(Wanted::kNo, kRight, MountHealth::kAnswers, PoolUse::kFree),
            MountStep::kUnmount);
  // A hung server comes back by itself.
  EXPECT_EQ(next_mount_step(Wanted::kYes, kRight, MountHealth::kUnknown, PoolUse::kFree),
            MountStep::kNothing);
}

TEST(MountRules, OnlyAnEmptyPathIsMounted) {
  using enum MountState;
  for (const auto use : {PoolUse::kUnknown, PoolUse::kFree, PoolUse::kInUse}) {
    EXPECT_EQ(next_mount_step(Wanted::kYes, kNothing, MountHealth::kUnknown, use),
              MountStep::kMount);
    EXPECT_EQ(next_mount_step(Wanted::kNo, kNothing, MountHealth::kUnknown, use),
              MountStep::kNothing);
    EXPECT_EQ(next_mount_step(Wanted::kYes, kWrong, MountHealth::kAnswers, use),
              MountStep::kNothing);
    EXPECT_EQ(next_mount_step(Wanted::kYes, kUnknown, MountHealth::kUnknown, use),
              MountStep::kNothing);
  }
}

}  // namespace
}  // namespace mold::core
