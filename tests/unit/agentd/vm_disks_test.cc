// Disks of every kind of pool: RBD on a cluster in memory, logical volumes on a program that stands
// for lvm (this is no test of LVM itself), files on a directory.
#include "agentd/storage/vm_disks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "lib/base/text.h"
#include "tests/fakes/ceph/fake_ceph.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::agentd {
namespace {

using core::Outcome;
using port::HypervisorResult;
using runtime::kPatience;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::uint64_t kGiB = 1ULL << 30U;

class VmDisksTest : public ::testing::Test {
 protected:
  VmDisksTest() : loop_(runtime::make_loop()), ceph_(*loop_) {
    ceph_.cluster().add_pool("vms");
    files_.id = PoolId{1};
    files_.kind = core::PoolKind::kNfs;
    files_.path = dir_.path();
    rbd_.id = PoolId{2};
    rbd_.kind = core::PoolKind::kRbd;
    rbd_.path = "rbd:vms";
    rbd_.source = "fake";
    rbd_.user = "h1";
    rbd_.key = ceph_.cluster().add_user("h1", false, {"vms"});
    lvm_.id = PoolId{3};
    lvm_.kind = core::PoolKind::kClvm;
    lvm_.path = dir_.file("vg0");
    script("lvm", std::string("exec " MOLD_FAKE_LVM " ") + dir_.file("vg0.state") + " \"$@\"");
    script("blkdiscard", "echo \"blkdiscard $*\" >>" + dir_.file("vg0.state/calls"));
    EXPECT_OK(runtime::make_dirs(dir_.file("vg0.state/lv")));
    EXPECT_OK(runtime::make_dirs(dir_.file("vg0.state/dev")));
    EXPECT_EQ(::symlink("vg0.state/dev", dir_.file("vg0").c_str()), 0);
    make();
  }
  void make(bool with_ceph = true) {
    VmDisks::Options options;
    options.files.tag = "tag";
    options.lvm.tag = "tag";
    options.lvm.lvm = dir_.file("lvm");
    options.lvm.blkdiscard = dir_.file("blkdiscard");
    options.lvm.deadline = deadline_;
    options.lvm.keep_active = Duration{0};
    options.clients_deadline = Duration{200};
    disks_ = std::make_unique<VmDisks>(*loop_, options, with_ceph ? &ceph_ : nullptr,
                                       with_ceph ? &ceph_ : nullptr);
    disks_->set_hooks({[this](PoolId id) -> const wire::PoolInfo* {
                         for (const wire::PoolInfo* pool : {&files_, &rbd_, &lvm_}) {
                           if (pool->id == id) return pool;
                         }
                         return nullptr;
                       },
                       [this](const wire::PoolInfo&) { return ready_; },
                       [] { return std::vector<std::string>{"127.0.0.1"}; }});
  }
  void script(const std::string& name, const std::string& text) {
    EXPECT_OK(runtime::write_file_atomic(dir_.file(name), "#!/bin/sh\n" + text + "\n", 0755));
  }
  static core::VmSpec vm(std::vector<core::Disk> disks) {
    core::VmSpec spec;
    spec.disks = std::move(disks);
    return spec;
  }
  core::VmSpec volume(std::uint64_t size = 8192, const std::string& from = "") {
    return vm({{PoolId{3}, dir_.file("vg0/7"), "raw", from, size}});
  }
  static core::VmSpec image(std::uint64_t size = kGiB, const std::string& from = "") {
    return vm({{PoolId{2}, "rbd:vms/7", "raw", from, size}});
  }
  template <class T>
  T wait(const std::function<void(std::function<void(T)>)>& call) {
    std::optional<T> result;
    call([&result](T r) { result = std::move(r); });
    EXPECT_FALSE(result) << "answered inside the call";
    EXPECT_TRUE(loop_->run_until([&result] { return result.has_value(); }, kPatience));
    return result.value_or(T{});
  }
  HypervisorResult create(const core::VmSpec& spec) {
    return wait<HypervisorResult>([&](auto done) { disks_->create(spec, done); });
  }
  HypervisorResult remove(const core::VmSpec& spec) {
    return wait<HypervisorResult>([&](auto done) { disks_->remove(spec, done); });
  }
  core::DiskReading read(const core::VmSpec& spec) {
    return wait<core::DiskReading>([&](auto done) { disks_->read(spec, done); });
  }
  std::string open_image() {
    auto& cluster = ceph_.cluster();
    const std::string client = cluster.connect("h1", rbd_.key).value();
    EXPECT_EQ(cluster.open(client, "vms", "7"), 0);
    return client;
  }
  [[nodiscard]] std::vector<std::string> calls() const {
    const auto text = runtime::read_file(dir_.file("vg0.state/calls"));
    return text ? split(trim(*text), '\n') : std::vector<std::string>{};
  }
  [[nodiscard]] std::vector<std::string> volumes() const {
    return runtime::must(runtime::list_dir(dir_.file("vg0.state/lv")));
  }
  void set_volume(const std::string& name, const std::string& state) {
    EXPECT_OK(runtime::write_file_atomic(dir_.file("vg0.state/lv/" + name), state + "\n"));
  }

  runtime::TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_;
  fakes::FakeCeph ceph_;
  wire::PoolInfo files_;
  wire::PoolInfo rbd_;
  wire::PoolInfo lvm_;
  Status ready_;
  Duration deadline_{10'000};
  std::unique_ptr<VmDisks> disks_;
};

// ---- images -------------------------------------------------------------------------------------

TEST_F(VmDisksTest, AnImageIsMadeAndRemoved) {
  EXPECT_EQ(create(image()).outcome, Outcome::kConfirmed);
  ASSERT_NE(ceph_.cluster().find_image("vms", "7"), nullptr);
  EXPECT_EQ(ceph_.cluster().find_image("vms", "7")->size, kGiB);
  EXPECT_EQ(remove(image()).outcome, Outcome::kConfirmed);
  EXPECT_EQ(ceph_.cluster().find_image("vms", "7"), nullptr);
}

TEST_F(VmDisksTest, AnImageInUseIsNotRemoved) {
  create(image());
  const std::string client = open_image();
  const HypervisorResult refused = remove(image());
  EXPECT_EQ(refused.outcome, Outcome::kFailed);
  EXPECT_EQ(refused.error, ErrorKind::kConflict);
  EXPECT_THAT(refused.text, HasSubstr(client));
}

TEST_F(VmDisksTest, WhatCephDidNotSayIsUnknown) {
  ceph_.lose_next_answer("create_disk");
  EXPECT_EQ(create(image()).outcome, Outcome::kUnknown);
  EXPECT_EQ(create(image()).outcome, Outcome::kConfirmed);  // it was made
}

TEST_F(VmDisksTest, ClientsAreRead) {
  create(image());
  core::DiskReading reading = read(image());
  ASSERT_EQ(reading.outcome, Outcome::kConfirmed) << reading.text;
  ASSERT_EQ(reading.disks.size(), 1U);
  EXPECT_EQ(reading.disks[0].path, "rbd:vms/7");
  EXPECT_EQ(reading.disks[0].presence, core::Liveness::kAlive);
  EXPECT_THAT(reading.disks[0].clients, IsEmpty());
  EXPECT_THAT(reading.own_addresses, Contains("127.0.0.1"));
  const std::string client = open_image();
  EXPECT_THAT(read(image()).disks[0].clients, Contains(client));
}

TEST_F(VmDisksTest, ADeadOwnerOfTheLockIsNotAmongThem) {
  create(image());
  const std::string client = open_image();
  ASSERT_EQ(ceph_.cluster().write(client, "vms", "7"), 0);
  ceph_.cluster().die(client);
  EXPECT_THAT(read(image()).disks.at(0).clients, Contains(client)) << "its watch has not run out";
  ceph_.cluster().list(client, Duration{3'600'000});
  EXPECT_EQ(ceph_.cluster().find_image("vms", "7")->owner, client);
  EXPECT_THAT(read(image()).disks.at(0).clients, IsEmpty());
}

TEST_F(VmDisksTest, AnImageThatCannotBeReadIsUnknown) {
  create(image());
  ceph_.cluster().unreadable_images.insert("7");
  EXPECT_EQ(read(image()).error, ErrorKind::kCorrupt);
  core::VmSpec two = image();
  two.disks.push_back(two.disks[0]);
  two.disks[1].path = "rbd:vms/8";
  const core::DiskReading reading = read(two);
  ASSERT_EQ(reading.disks.size(), 2U) << reading.text;
  EXPECT_EQ(reading.disks[0].presence, core::Liveness::kUnknown);
  EXPECT_EQ(reading.disks[1].presence, core::Liveness::kSilent);
}

TEST_F(VmDisksTest, ClientsThatCannotBeReadAreUnknown) {
  create(image());
  ceph_.set_lag(Duration{500});
  EXPECT_EQ(read(image()).outcome, Outcome::kUnknown);
  ceph_.set_lag(Duration{0});
  ceph_.fail_next("clients", {Outcome::kFailed, ErrorKind::kDenied, "no"});
  EXPECT_EQ(read(image()).error, ErrorKind::kDenied);
  // No such image is a good answer.
  core::VmSpec other = image();
  other.disks[0].path = "rbd:vms/8";
  EXPECT_EQ(read(other).disks.at(0).presence, core::Liveness::kSilent);
  other.disks[0].pool = PoolId{9};
  EXPECT_EQ(read(other).error, ErrorKind::kNotFound);
  make(false);
  EXPECT_EQ(read(image()).error, ErrorKind::kUnsupported);
  EXPECT_EQ(create(image()).error, ErrorKind::kUnsupported);
}

TEST_F(VmDisksTest, OneQuestionForAllImagesOfAPool) {
  create(image());
  core::VmSpec spec = image();
  spec.disks.push_back(spec.disks[0]);
  spec.disks[1].path = "rbd:vms/8";
  EXPECT_EQ(read(spec).disks.size(), 2U);
  EXPECT_EQ(std::count(ceph_.asked().begin(), ceph_.asked().end(), "clients"), 1);
}

// ---- files --------------------------------------------------------------------------------------

TEST_F(VmDisksTest, FilesAreMadeOnlyWhereThePoolIsMounted) {
  const core::VmSpec spec = vm({{PoolId{1}, dir_.file("disk"), "raw", "", 4096}});
  ready_ = fail(ErrorKind::kUnavailable, "not mounted");
  EXPECT_EQ(create(spec).error, ErrorKind::kUnavailable);
  EXPECT_FALSE(runtime::file_exists(dir_.file("disk")));
  ready_ = {};
  EXPECT_EQ(create(spec).outcome, Outcome::kConfirmed);
  EXPECT_EQ(remove(spec).outcome, Outcome::kConfirmed);
}

TEST_F(VmDisksTest, DisksOfSeveralPools) {
  core::VmSpec spec = image();
  spec.disks.push_back({PoolId{1}, dir_.file("disk"), "raw", "", 4096});
  spec.disks.push_back(volume().disks[0]);
  const HypervisorResult made = create(spec);
  ASSERT_EQ(made.outcome, Outcome::kConfirmed) << made.text;
  EXPECT_TRUE(runtime::file_exists(dir_.file("disk")));
  EXPECT_THAT(volumes(), Contains("7"));
  EXPECT_EQ(remove(spec).outcome, Outcome::kConfirmed);
  EXPECT_THAT(volumes(), IsEmpty());
}

// ---- volumes ------------------------------------------------------------------------------------

TEST_F(VmDisksTest, AVolumeIsZeroedBeforeItGetsItsName) {
  const HypervisorResult made = create(volume());
  ASSERT_EQ(made.outcome, Outcome::kConfirmed) << made.text;
  const std::vector<std::string> all = calls();
  ASSERT_EQ(all.size(), 6U);
  EXPECT_THAT(all[0], StartsWith("lvs "));
  EXPECT_THAT(all[1], StartsWith("lvcreate --yes --activate ey --addtag mold-ha --name 7.partial"));
  EXPECT_THAT(all[1], HasSubstr("--size 8192b vg0"));
  EXPECT_THAT(all[2], StartsWith("blkdiscard --zeroout " + dir_.file("vg0/7.partial-tag-")));
  EXPECT_THAT(all[3], StartsWith("lvchange --activate n vg0/7.partial-tag-"));
  EXPECT_THAT(all[4], StartsWith("lvrename vg0 7.partial-tag-"));
  EXPECT_THAT(all[5], StartsWith("lvs "));
  EXPECT_THAT(volumes(), ::testing::ElementsAre("7"));
}

TEST_F(VmDisksTest, AVolumeFromATemplate) {
  EXPECT_OK(runtime::write_file_atomic(dir_.file("t.img"), std::string(4096, 'x')));
  const HypervisorResult made = create(volume(8192, dir_.file("t.img")));
  ASSERT_EQ(made.outcome, Outcome::kConfirmed) << made.text;
  std::string content(4096, 'x');
  content.resize(8192, '\0');
  EXPECT_EQ(runtime::must(runtime::read_file(dir_.file("vg0/7"))), content);
  EXPECT_EQ(create(volume(8192, dir_.file("t.img"))).text, "made");  // a later delivery
  EXPECT_EQ(create(volume(16'384)).error, ErrorKind::kConflict);     // smaller than that
  EXPECT_EQ(remove(volume()).outcome, Outcome::kConfirmed);
  EXPECT_EQ(create(volume(8192, dir_.file("none"))).error, ErrorKind::kNotFound);
  EXPECT_EQ(create(volume(0)).error, ErrorKind::kInvalid);
  EXPECT_THAT(volumes(), IsEmpty());
}

TEST_F(VmDisksTest, WhatIsLeftOfAnEarlierAttemptGoes) {
  set_volume("7.partial-tag-abcd1", "1|||mold-ha");
  set_volume("7.partial-other-abcd1", "1|||mold-ha");  // another host's
  EXPECT_EQ(create(volume()).outcome, Outcome::kConfirmed);
  EXPECT_THAT(volumes(), ::testing::ElementsAre("7", "7.partial-other-abcd1"));
}

TEST_F(VmDisksTest, AFailedVolumeLeavesNothing) {
  script("blkdiscard", "echo no space >&2; exit 1");
  const HypervisorResult failed = create(volume());
  EXPECT_EQ(failed.outcome, Outcome::kFailed);
  EXPECT_THAT(failed.text, HasSubstr("no space"));
  EXPECT_TRUE(loop_->run_until([this] { return volumes().empty(); }, kPatience));
}

TEST_F(VmDisksTest, ARenameThatNobodySawIsReadBack) {
  deadline_ = Duration{3'000};  // enough for what comes before it, on any machine
  make();
  EXPECT_OK(runtime::write_file_atomic(dir_.file("vg0.state/slow.lvrename"), ""));
  const HypervisorResult lost = create(volume());
  EXPECT_EQ(lost.outcome, Outcome::kUnknown) << lost.text;
  EXPECT_OK(runtime::write_file_atomic(dir_.file("vg0.state/fail.lvs"), "no locks"));
  EXPECT_EQ(create(volume()).outcome, Outcome::kFailed);  // nothing was begun
}

TEST_F(VmDisksTest, AVolumeInUseIsNotRemoved) {
  create(volume());
  set_volume("7", "8192|active|open|mold-ha");
  const HypervisorResult refused = remove(volume());
  EXPECT_EQ(refused.outcome, Outcome::kFailed);
  EXPECT_EQ(refused.error, ErrorKind::kConflict);
  EXPECT_THAT(refused.text, HasSubstr("in use"));
}

TEST_F(VmDisksTest, AVolumeThatAnotherHostHasRefusesTheStart) {
  create(volume());
  core::DiskReading reading = read(volume());
  EXPECT_EQ(reading.outcome, Outcome::kConfirmed) << reading.text;
  EXPECT_THAT(calls().back(), StartsWith("lvchange --activate ey vg0/7"));
  EXPECT_OK(runtime::write_file_atomic(dir_.file("vg0.state/fail.lvchange"),
                                       "  LV locked by other host: vg0/7"));
  reading = read(volume());
  EXPECT_EQ(reading.outcome, Outcome::kFailed);
  EXPECT_EQ(reading.error, ErrorKind::kConflict);
  EXPECT_THAT(reading.text, HasSubstr("locked by other host"));
}

TEST_F(VmDisksTest, OnlyOurClosedVolumesAreLetGo) {
  set_volume("closed", "1|active||mold-ha");
  set_volume("open", "1|active|open|mold-ha");
  set_volume("foreign", "1|active||");
  set_volume("idle", "1|||mold-ha");
  disks_->lvm().sweep(lvm_);
  disks_->lvm().sweep(lvm_);  // one is under way
  EXPECT_TRUE(loop_->run_until([this] { return calls().size() == 2; }, kPatience));
  EXPECT_EQ(calls()[1], "lvchange --activate n vg0/closed");
  loop_->run_until([] { return false; }, Duration{100});
  EXPECT_EQ(calls().size(), 2U);
}

TEST(LvmVolumes, WhatMakesNoSenseIsNoList) {
  EXPECT_TRUE(runtime::must(parse_volumes("")).empty());
  const auto volumes = runtime::must(parse_volumes("  a|42|active|open|x,mold-ha\n  b|1|||\n"));
  ASSERT_EQ(volumes.size(), 2U);
  EXPECT_TRUE(volumes[0].active && volumes[0].open && volumes[0].ours);
  EXPECT_FALSE(volumes[1].active || volumes[1].open || volumes[1].ours);
  for (const char* bad : {"a", "a|x|||", "|1|||", "a|1||", "WARNING: something"}) {
    EXPECT_FALSE(parse_volumes(bad)) << bad;
  }
}

TEST(OutsideTest, ARunnerEndsWhatItRuns) {
  const auto plain = outside({""}, "mount", {"-t", "nfs"}, Duration{4'000});
  EXPECT_EQ(plain.program, "mount");
  EXPECT_EQ(plain.args, (std::vector<std::string>{"-t", "nfs"}));
  const auto run = outside({"systemd-run"}, "mount", {"-t", "nfs"}, Duration{4'000});
  EXPECT_EQ(run.program, "systemd-run");
  EXPECT_THAT(run.args, Contains("--wait"));
  EXPECT_THAT(run.args, Contains("--property=RuntimeMaxSec=4"));
  EXPECT_GT(run.deadline, Duration{4'000});  // the unit ends first
  EXPECT_EQ(run.args.back(), "nfs");
  EXPECT_THAT(run.args, Contains("--"));
}

}  // namespace
}  // namespace mold::agentd
