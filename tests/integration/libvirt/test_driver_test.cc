// The adapter on test:///default, libvirt's in-process double. Its limits: it cannot create a
// domain paused (create_paused is seen to fail as unsupported), and has neither keepalive nor a
// connection that could break.
#include "tests/integration/libvirt/hypervisor_fixture.h"

namespace mold::agentd {
namespace {

using core::DomainPower;
using core::Outcome;

constexpr const char* kUuid = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
// Of the domain that the test driver always has.
constexpr const char* kForeign = "6695eb01-f6a4-8304-79aa-97f2502e193f";

const port::VmRef kRef{VmId{7}, Generation{3}, kUuid};

class TestDriverTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    rig_ = std::make_unique<HypervisorRig>();
    LibvirtHypervisor::Options options;
    options.connection.uri = "test:///default";
    rig_->start(options);
    ASSERT_TRUE(rig_->until([] { return !rig_->lists_.empty(); }));
  }
  static void TearDownTestSuite() { rig_.reset(); }

  TestDriverTest() : other_(virConnectOpen("test:///default")), hypervisor_(*rig_->hypervisor_) {
    rig_->seen_.clear();
  }
  // What a test left behind must not reach the next.
  ~TestDriverTest() override {
    for (const std::uint64_t generation : {3U, 4U}) {
      const port::VmRef ref{VmId{7}, Generation{generation}, kUuid};
      wait([&](auto done) { hypervisor_.destroy(ref, done); });
    }
    virConnectClose(other_);
  }
  static port::HypervisorResult wait(const std::function<void(port::Hypervisor::Done)>& call) {
    return rig_->wait(call);
  }
  template <class... Args>
  static bool sees(Args... args) {
    return rig_->sees(args...);
  }

  // Another client of the same libvirt makes a domain with our mark.
  void make_domain(const std::string& uuid, int generation) {
    const std::string xml =
        "<domain type='test'><name>vm-" + uuid.substr(0, 4) + "</name><uuid>" + uuid +
        "</uuid><metadata><mold:vm xmlns:mold='" + kMetadataUri + "' id='7' generation='" +
        std::to_string(generation) +
        "'/></metadata><memory>4096</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>";
    const virDomainPtr made = virDomainCreateXML(other_, xml.c_str(), 0);
    ASSERT_NE(made, nullptr);
    virDomainFree(made);
  }

  static std::unique_ptr<HypervisorRig> rig_;
  virConnectPtr other_;
  LibvirtHypervisor& hypervisor_;
};

std::unique_ptr<HypervisorRig> TestDriverTest::rig_;

TEST_F(TestDriverTest, CountsForeignDomainsAndLeavesThemAlone) {
  EXPECT_TRUE(rig_->lists_[0].ours.empty());
  EXPECT_EQ(rig_->lists_[0].foreign, 1U);
  const port::VmRef foreign{VmId{1}, Generation{1}, kForeign};
  const auto result = wait([&](auto done) { hypervisor_.destroy(foreign, done); });
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.error, ErrorKind::kConflict);
  EXPECT_TRUE(result.exists);
}

TEST_F(TestDriverTest, SeesDomainsComeAndGo) {
  make_domain(kUuid, 3);
  ASSERT_TRUE(sees(Generation{3}, DomainPower::kRunning));
  EXPECT_EQ(rig_->seen_[0].vm, VmId{7});
  EXPECT_EQ(rig_->seen_[0].uuid, kUuid);
  const auto result = wait([&](auto done) { hypervisor_.destroy(kRef, done); });
  EXPECT_EQ(result.outcome, Outcome::kConfirmed);
  EXPECT_FALSE(result.exists);
  EXPECT_TRUE(sees(Generation{3}, DomainPower::kGone, core::GoneReason::kKilled));
}

TEST_F(TestDriverTest, AnotherGenerationIsNotTouched) {
  make_domain(kUuid, 4);
  ASSERT_TRUE(sees(Generation{4}, DomainPower::kRunning));
  // libvirt runs one domain of a UUID: the one asked for is certainly gone.
  const auto gone = wait([&](auto done) { hypervisor_.destroy(kRef, done); });
  EXPECT_EQ(gone.outcome, Outcome::kConfirmed);
  EXPECT_FALSE(gone.exists);
  for (const auto& call : std::vector<std::function<void(port::Hypervisor::Done)>>{
           [this](auto done) { hypervisor_.resume(kRef, done); },
           [this](auto done) { hypervisor_.shutdown(kRef, done); },
           [this](auto done) { hypervisor_.reboot(kRef, done); },
           [this](auto done) { hypervisor_.reset(kRef, done); }}) {
    const auto result = wait(call);
    EXPECT_EQ(result.outcome, Outcome::kFailed);
    EXPECT_EQ(result.error, ErrorKind::kConflict);
  }
  const port::VmRef right{VmId{7}, Generation{4}, kUuid};
  EXPECT_EQ(wait([&](auto done) { hypervisor_.destroy(right, done); }).outcome,
            Outcome::kConfirmed);
}

TEST_F(TestDriverTest, CallsForDomainsThatAreNotThere) {
  EXPECT_EQ(wait([&](auto done) { hypervisor_.destroy(kRef, done); }).outcome, Outcome::kConfirmed);
  const auto resumed = wait([&](auto done) { hypervisor_.resume(kRef, done); });
  EXPECT_EQ(resumed.outcome, Outcome::kFailed);
  EXPECT_EQ(resumed.error, ErrorKind::kNotFound);
  EXPECT_FALSE(resumed.exists);
}

TEST_F(TestDriverTest, ShutdownEndsTheDomain) {
  make_domain(kUuid, 3);
  ASSERT_TRUE(sees(Generation{3}, DomainPower::kRunning));
  EXPECT_EQ(wait([&](auto done) { hypervisor_.shutdown(kRef, done); }).outcome,
            Outcome::kConfirmed);
  EXPECT_TRUE(sees(Generation{3}, DomainPower::kGone, core::GoneReason::kShutdown));
}

TEST_F(TestDriverTest, ADomainThatCannotBeMadeIsAFailureAndNotThere) {
  core::VmSpec spec;
  spec.name = "x";
  spec.uuid = kUuid;
  spec.memory_bytes = 4 << 20;
  const auto result = wait([&](auto done) { hypervisor_.create_paused(kRef, spec, done); });
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_FALSE(result.exists);
  spec.name = "a/b";
  EXPECT_EQ(wait([&](auto done) { hypervisor_.create_paused(kRef, spec, done); }).error,
            ErrorKind::kInvalid);
}

TEST_F(HypervisorFixture, WithoutLibvirtCallsFailAtOnceAndItGoesOnTrying) {
  LibvirtHypervisor::Options options;
  options.connection.uri = "test:///no/such/file";
  start(options);
  const auto result = wait([&](auto done) { hypervisor_->destroy(kRef, done); });
  EXPECT_EQ(result.outcome, Outcome::kFailed);  // not sent, so nothing is unknown about it
  EXPECT_EQ(result.error, ErrorKind::kUnavailable);
  EXPECT_TRUE(until([this] { return hypervisor_->lane_stats().finished >= 2; }));
  EXPECT_FALSE(hypervisor_->trouble().empty());
  EXPECT_TRUE(lists_.empty());
}

}  // namespace
}  // namespace mold::agentd
