#include "agentd/storage/disk_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "tests/unit/lib/runtime/support.h"

namespace mold::agentd {
namespace {

using core::Outcome;
using port::HypervisorResult;
using runtime::TempDir;

class DiskStoreTest : public ::testing::Test {
 protected:
  DiskStoreTest() : loop_(runtime::make_loop()), store_(*loop_, {"tag"}) {}

  core::VmSpec vm(std::string format, std::uint64_t size, std::string from = "") {
    core::VmSpec spec;
    spec.disks = {{PoolId{1}, dir_.file("disk"), std::move(format), std::move(from), size}};
    return spec;
  }
  HypervisorResult create(const core::VmSpec& spec) {
    return wait([this, &spec](auto done) { store_.create(spec, done); });
  }
  HypervisorResult remove(const core::VmSpec& spec) {
    return wait([this, &spec](auto done) { store_.remove(spec, done); });
  }
  HypervisorResult wait(const std::function<void(DiskStore::Done)>& call) {
    std::optional<HypervisorResult> result;
    call([&result](HypervisorResult r) { result = std::move(r); });
    EXPECT_FALSE(result) << "answered inside the call";
    EXPECT_TRUE(loop_->run_until([&result] { return result.has_value(); }, runtime::kPatience));
    return result.value_or(HypervisorResult{});
  }
  [[nodiscard]] std::size_t files() const {
    return runtime::must(runtime::list_dir(dir_.path())).size();
  }
  std::string make_template(const std::string& name, const std::string& text) {
    EXPECT_OK(runtime::write_file_atomic(dir_.file(name), text));
    return dir_.file(name);
  }

  TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_;
  DiskStore store_;
};

TEST_F(DiskStoreTest, MakesAnEmptyRawDisk) {
  EXPECT_EQ(create(vm("raw", 8192)).outcome, Outcome::kConfirmed);
  EXPECT_EQ(runtime::must(virtual_size(dir_.file("disk"), "raw")), 8192U);
  EXPECT_EQ(files(), 1U);  // no partial file is left
}

TEST_F(DiskStoreTest, CopiesATemplateAndGrowsIt) {
  std::string content(4096, 'x');
  const std::string from = make_template("t.img", content);
  const HypervisorResult made = create(vm("raw", 8192, from));
  ASSERT_EQ(made.outcome, Outcome::kConfirmed) << made.text;
  content.resize(8192, '\0');
  EXPECT_EQ(runtime::must(runtime::read_file(dir_.file("disk"))), content);
}

TEST_F(DiskStoreTest, ALargerTemplateIsNotCutOff) {
  const std::string from = make_template("t.img", std::string(8192, 'x'));
  ASSERT_EQ(create(vm("raw", 512, from)).outcome, Outcome::kConfirmed);
  EXPECT_EQ(runtime::must(virtual_size(dir_.file("disk"), "raw")), 8192U);
}

TEST_F(DiskStoreTest, MakesAnOverlay) {
  const std::string from = make_template("t.img", std::string(8192, 'x'));
  const HypervisorResult made = create(vm("qcow2", 1 << 20, from));
  ASSERT_EQ(made.outcome, Outcome::kConfirmed) << made.text;
  EXPECT_EQ(runtime::must(virtual_size(dir_.file("disk"), "qcow2")), 1U << 20U);
}

TEST_F(DiskStoreTest, WhatIsThereIsNeverOverwritten) {
  make_template("disk", std::string(8192, 'y'));
  EXPECT_EQ(create(vm("raw", 8192)).outcome, Outcome::kConfirmed);
  EXPECT_EQ(create(vm("raw", 4096)).outcome, Outcome::kConfirmed);
  const HypervisorResult larger = create(vm("raw", 16'384));
  EXPECT_EQ(larger.outcome, Outcome::kFailed);
  EXPECT_EQ(larger.error, ErrorKind::kConflict);
  EXPECT_EQ(create(vm("qcow2", 4096)).error, ErrorKind::kConflict);  // it is not one
  EXPECT_EQ(runtime::must(runtime::read_file(dir_.file("disk"))), std::string(8192, 'y'));
}

TEST_F(DiskStoreTest, ALeftoverOfAnEarlierAttemptIsReplaced) {
  make_template("disk.partial-tag-0a0a0a0a-1", "half");
  make_template("disk2.partial-tag-0a0a0a0a-2", "of another disk");
  EXPECT_EQ(create(vm("raw", 4096)).outcome, Outcome::kConfirmed);
  EXPECT_EQ(files(), 2U);
}

TEST_F(DiskStoreTest, ALateAttemptPublishesOnlyItsOwnWork) {
  // Stands for qemu-img: writes half, waits to be let go, writes the rest to what it opened.
  const std::string tool = dir_.file("tool");
  EXPECT_OK(runtime::write_file_atomic(tool,
                                       "#!/bin/sh\n"
                                       "d=" +
                                           dir_.path() +
                                           "\n"
                                           "for last; do :; done\n"
                                           "me=2; mkdir $d/first 2>/dev/null && me=1\n"
                                           "exec 3>\"$last\"; printf half$me >&3; : >$d/began$me\n"
                                           "while [ ! -e $d/go$me ]; do sleep 0.02; done\n"
                                           "printf full$me >&3\n",
                                       0755));
  DiskStore store(*loop_, {"tag", tool});
  const core::VmSpec spec = vm("raw", 10, make_template("t.img", "0123456789"));
  std::vector<HypervisorResult> results;
  const auto keep = [&results](HypervisorResult result) { results.push_back(std::move(result)); };
  const auto wait_for = [this](const std::string& name) {
    ASSERT_TRUE(loop_->run_until([&] { return runtime::file_exists(dir_.file(name)); },
                                 runtime::kPatience));
  };
  store.create(spec, keep);
  wait_for("began1");
  store.create(spec, keep);
  wait_for("began2");
  make_template("go1", "");
  ASSERT_TRUE(loop_->run_until([&] { return results.size() == 1; }, runtime::kPatience));
  EXPECT_EQ(results[0].outcome, Outcome::kConfirmed) << results[0].text;
  EXPECT_EQ(runtime::must(runtime::read_file(dir_.file("disk"))), std::string("half1full1"));
  make_template("go2", "");
  ASSERT_TRUE(loop_->run_until([&] { return results.size() == 2; }, runtime::kPatience));
  EXPECT_EQ(results[1].outcome, Outcome::kConfirmed) << results[1].text;
  EXPECT_EQ(runtime::must(runtime::read_file(dir_.file("disk"))), std::string("half1full1"));
}

TEST_F(DiskStoreTest, WhatWasPutInTheWorksPlaceIsNotPublished) {
  DiskPlan plan;
  plan.size_bytes = 16;
  plan.needs_tool = true;
  const core::Disk disk = vm("qcow2", 16).disks[0];
  // The tool's file is gone: nothing is made in its place.
  EXPECT_EQ(publish_disk(disk, dir_.file("partial"), plan).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(files(), 0U);
  plan.needs_tool = false;  // made here: never on top of what another one made
  make_template("partial", "of another attempt");
  EXPECT_FALSE(publish_disk(vm("raw", 16).disks[0], dir_.file("partial"), plan));
  EXPECT_EQ(files(), 1U);
}

TEST_F(DiskStoreTest, ATemplateBehindALinkIsRefused) {
  const std::string from = make_template("t.img", std::string(512, 'x'));
  ASSERT_EQ(::symlink(from.c_str(), dir_.file("link.img").c_str()), 0);
  const HypervisorResult made = create(vm("raw", 512, dir_.file("link.img")));
  EXPECT_EQ(made.outcome, Outcome::kFailed);
  EXPECT_EQ(made.error, ErrorKind::kInvalid);
}

TEST_F(DiskStoreTest, FailuresAreNamedAndLeaveNothing) {
  EXPECT_EQ(create(vm("raw", 0)).error, ErrorKind::kInvalid);
  EXPECT_EQ(create(vm("raw", 4096, dir_.file("missing"))).error, ErrorKind::kNotFound);
  const std::string broken =
      make_template("t.qcow2", "this is no image at all, but long enough...");
  EXPECT_EQ(create(vm("raw", 4096, broken)).error, ErrorKind::kCorrupt);
  EXPECT_EQ(files(), 1U);
  core::VmSpec elsewhere = vm("raw", 4096);
  elsewhere.disks[0].path = dir_.file("no/such/dir/disk");
  EXPECT_EQ(create(elsewhere).outcome, Outcome::kFailed);
}

TEST_F(DiskStoreTest, RemovesAndForgivesWhatIsNotThere) {
  make_template("disk", "x");
  EXPECT_EQ(remove(vm("raw", 1)).outcome, Outcome::kConfirmed);
  EXPECT_EQ(remove(vm("raw", 1)).outcome, Outcome::kConfirmed);
  EXPECT_EQ(files(), 0U);
  ASSERT_EQ(::mkdir(dir_.file("disk").c_str(), 0755), 0);
  EXPECT_EQ(remove(vm("raw", 1)).error, ErrorKind::kConflict);
}

}  // namespace
}  // namespace mold::agentd
