#include "agentd/libvirt/vm_records.h"

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>
#include <sys/stat.h>

#include <filesystem>

#include "agentd/libvirt/domain_calls.h"
#include "tests/unit/agentd/heartbeat/child_process.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::agentd {
namespace {

using core::Outcome;
using heartbeat::ChildProcess;
using heartbeat::eventually;
using runtime::must;
using runtime::TempDir;

namespace fs = std::filesystem;

constexpr const char* kUuid = "aaaaaaaa-1111-4111-8111-000000000007";
constexpr const char* kOther = "bbbbbbbb-1111-4111-8111-000000000008";
constexpr DomainIdentity kIdentity{VmId{7}, Generation{3}};
constexpr std::uint64_t kSoon = 1ULL << 62U;

// A made-up /proc: what cannot be had from a healthy kernel.
class FakeProcTest : public ::testing::Test {
 protected:
  FakeProcTest() {
    fs::create_directories(proc_);
    open();
  }
  void open() { records_ = std::make_unique<VmRecords>(dir_.file("vms"), proc_); }
  void process(int pid, char state, const std::string& uuid, int threads = 2,
               const std::string& comm = "qemu-system-x86", unsigned long flags = 0) {
    const std::string base = proc_ + "/" + std::to_string(pid);
    fs::remove_all(base);
    for (int i = 0; i < threads; ++i) {
      fs::create_directories(base + "/task/" + std::to_string(pid + i));
    }
    EXPECT_OK(runtime::write_file_atomic(
        base + "/stat", std::to_string(pid) + " (" + comm + ") " + state + " 1 1 1 0 -1 " +
                            std::to_string(flags) + " 0 0 0 0 0 0 0 0 20 0 1 0 " +
                            std::to_string(start_) + " 0 0\n"));
    std::string command;
    if (!uuid.empty()) command = std::string("qemu\0-uuid\0", 11) + uuid + std::string("\0", 1);
    EXPECT_OK(runtime::write_file_atomic(base + "/cmdline", command));
  }
  void no_process(int pid) { fs::remove_all(proc_ + "/" + std::to_string(pid)); }
  // One that was created, seen to run, and is watched since.
  void created() {
    EXPECT_OK(records_->begin_create(kUuid, kIdentity));
    process(kPid, 'S', kUuid);
    EXPECT_EQ(must(records_->remains(kUuid)).processes.size(), 1U);
    records_->end_create(kUuid);
  }
  static constexpr int kPid = 99999991;  // beyond any real one: nothing is killed
  TempDir dir_;
  std::string proc_ = dir_.file("proc");
  std::uint64_t start_ = 1ULL << 60U;  // after whatever was created
  std::unique_ptr<VmRecords> records_;
};

TEST_F(FakeProcTest, AProcessThatDiesIsThereUntilItsLastThreadIsGone) {
  created();
  process(kPid, 'D', "");  // it has no command line any more
  EXPECT_EQ(must(records_->remains(kUuid)).processes.size(), 1U);
  process(kPid, 'Z', "", 2);  // a zombie leader with a thread in D
  EXPECT_EQ(must(records_->remains(kUuid)).processes.size(), 1U);
  process(kPid, 'Z', "", 1);
  EXPECT_TRUE(must(records_->remains(kUuid)).none());
  no_process(kPid);
  EXPECT_TRUE(must(records_->end(kUuid, kSoon)).none());
}

TEST_F(FakeProcTest, ARecordOutlivesTheAgent) {
  created();
  open();
  ASSERT_EQ(records_->known().size(), 1U);
  EXPECT_EQ(records_->known()[0].uuid, kUuid);
  EXPECT_EQ(records_->known()[0].identity, kIdentity);
  process(kPid, 'D', "");  // recognised by its number alone
  EXPECT_EQ(must(records_->remains(kUuid)).processes.size(), 1U);
  records_->gone(kUuid, {VmId{7}, Generation{4}});  // another one by now
  EXPECT_EQ(records_->known().size(), 1U);
  records_->gone(kUuid, kIdentity);
  open();
  EXPECT_TRUE(records_->known().empty());
}

TEST_F(FakeProcTest, ANamelessProcessMayBeAnybodysThatWasNeverSeen) {
  EXPECT_OK(records_->begin_create(kUuid, kIdentity));
  records_->gone(kUuid, kIdentity);  // not while it is being created
  ASSERT_EQ(records_->known().size(), 1U);
  records_->end_create(kUuid);
  process(kPid, 'D', "");
  EXPECT_TRUE(must(records_->remains(kUuid)).unclear);
  EXPECT_TRUE(must(records_->remains(kOther)).none());
  start_ = 1;  // it was there long before
  process(kPid, 'D', "");
  EXPECT_TRUE(must(records_->remains(kUuid)).none());
}

TEST_F(FakeProcTest, OthersAreNobodysRemains) {
  created();
  no_process(kPid);
  EXPECT_OK(records_->begin_create(kUuid, kIdentity));
  process(11, 'S', kOther);
  process(21, 'D', "", 1, "qemu-img");
  process(31, 'S', "", 1, "kvm-nx-lpage-re", 0x00200000);
  process(41, 'S', "", 1, "bash");
  EXPECT_TRUE(must(records_->remains(kUuid)).none());
  EXPECT_OK(runtime::write_file_atomic(proc_ + "/11/stat", "garbage"));
  EXPECT_EQ(records_->remains(kUuid).error().kind, ErrorKind::kUnknown);
}

// libvirt's test driver knows nothing of processes: to it the domain is not there.
class LostDomainTest : public FakeProcTest {
 protected:
  LostDomainTest() : connection_(virConnectOpen("test:///default")) {}
  ~LostDomainTest() override { virConnectClose(connection_); }
  const port::VmRef ref_{VmId{7}, Generation{3}, kUuid};
  virConnectPtr connection_;
};

TEST_F(LostDomainTest, IsNotGoneWhileItsProcessLives) {
  created();
  const auto destroyed = call_destroy(connection_, ref_, *records_);
  EXPECT_EQ(destroyed.outcome, Outcome::kUnknown);
  EXPECT_TRUE(destroyed.exists);
  const auto sight = must(call_look(connection_, kUuid, *records_));
  EXPECT_TRUE(sight.stray);
  open();  // nor is it to the next agent
  const Listed listed = must(call_list(connection_, *records_));
  EXPECT_TRUE(listed.strays);
  ASSERT_EQ(listed.domains.ours.size(), 1U);
  EXPECT_EQ(listed.domains.ours[0].generation, Generation{3});
  EXPECT_EQ(listed.domains.ours[0].power, core::DomainPower::kRunning);
  // Nor does another generation start beside it.
  const port::VmRef next{VmId{7}, Generation{4}, kUuid};
  const auto created = call_create_paused(connection_, next, "<domain/>", *records_);
  EXPECT_EQ(created.error, ErrorKind::kConflict);
  EXPECT_TRUE(created.exists);
  no_process(kPid);
  EXPECT_TRUE(must(call_list(connection_, *records_)).domains.ours.empty());
  EXPECT_TRUE(records_->known().empty());
  EXPECT_EQ(call_destroy(connection_, ref_, *records_).outcome, Outcome::kConfirmed);
}

TEST_F(LostDomainTest, IsGoneWhenAnotherGenerationHasItsPlace) {
  const std::string xml = std::string("<domain type='test'><name>vm</name><uuid>") + kUuid +
                          "</uuid><memory>8192</memory><os><type>hvm</type></os><metadata>"
                          "<mold:vm xmlns:mold='urn:mold-ha:domain:1' id='7' generation='4'/>"
                          "</metadata></domain>";
  virDomainPtr domain = virDomainCreateXML(connection_, xml.c_str(), 0);
  ASSERT_NE(domain, nullptr);
  const auto gone = call_destroy(connection_, ref_, *records_);
  EXPECT_EQ(gone.outcome, Outcome::kConfirmed) << gone.text;
  EXPECT_FALSE(gone.exists);
  EXPECT_EQ(virDomainIsActive(domain), 1);
  process(kPid, 'S', kUuid);  // that one's
  EXPECT_EQ(call_destroy(connection_, ref_, *records_).outcome, Outcome::kConfirmed);
  process(kPid - 10, 'S', kUuid);  // but whose is this?
  EXPECT_EQ(call_destroy(connection_, ref_, *records_).outcome, Outcome::kUnknown);
  virDomainDestroy(domain);
  virDomainFree(domain);
}

TEST_F(LostDomainTest, AListWaitsForWhatCannotBeToldApart) {
  EXPECT_OK(records_->begin_create(kUuid, kIdentity));
  records_->end_create(kUuid);
  process(kPid, 'D', "");
  EXPECT_EQ(call_list(connection_, *records_).error().kind, ErrorKind::kBusy);
  EXPECT_EQ(call_destroy(connection_, ref_, *records_).outcome, Outcome::kUnknown);
}

// A real process, killed for real.
TEST(LostProcess, IsKilled) {
  const TempDir dir;
  const std::string qemu = dir.file("qemu-system-test");
  fs::copy_file("/bin/sh", qemu);
  ASSERT_EQ(::mkfifo(dir.file("never").c_str(), 0600), 0);
  const auto start = [&](const char* uuid) {
    return ChildProcess({qemu, "-c", "read x < " + dir.file("never"), "vm", "-uuid", uuid},
                        dir.file("log"));
  };
  ChildProcess lost = start(kUuid);
  ChildProcess other = start(kOther);
  VmRecords records(dir.file("vms"));
  records.saw(kUuid, kIdentity);
  records.saw(kOther, {VmId{8}, Generation{1}});
  ASSERT_TRUE(eventually([&] {
    return must(records.remains(kUuid)).processes.size() == 1 &&
           must(records.remains(kOther)).processes.size() == 1;
  }));
  // What began after libvirt was asked is not lost, only new.
  EXPECT_EQ(must(records.end(kUuid, 1)).processes.size(), 1U);
  EXPECT_TRUE(lost.alive());
  EXPECT_TRUE(must(records.end(kUuid, kSoon)).none());
  EXPECT_EQ(lost.wait(), -SIGKILL);
  EXPECT_TRUE(other.alive());
}

}  // namespace
}  // namespace mold::agentd
