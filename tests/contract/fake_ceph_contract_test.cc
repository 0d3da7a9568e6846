// The fake of Ceph keeps the contract of the real one.
#include "lib/base/check.h"
#include "tests/contract/ceph_storage_contract.h"
#include "tests/fakes/ceph/fake_ceph.h"

namespace mold::contract {
namespace {

class FakeHandle final : public CephHandle {
 public:
  FakeHandle(fakes::FakeCluster& cluster, std::string name)
      : cluster_(cluster), name_(std::move(name)) {}
  ~FakeHandle() override { cluster_.die(name_); }
  std::string address() override { return name_; }
  int open(const std::string& image) override { return cluster_.open(name_, "vms", image); }
  int write(const std::string& image) override { return cluster_.write(name_, "vms", image); }
  int watch_beat(const std::string& object) override {
    return cluster_.watch_beat(name_, "vms", object);
  }

 private:
  fakes::FakeCluster& cluster_;
  std::string name_;
};

class FakeRig final : public CephRig {
 public:
  FakeRig() : loop_(std::move(*runtime::EventLoop::create())), ceph_(*loop_) {
    cluster().add_pool("vms");
    key_ = cluster().add_user("mgr", true, {"vms"});
    half_ = cluster().add_user("half", false, {"vms"});
  }
  runtime::EventLoop& loop() override { return *loop_; }
  port::CephStorage& storage() override { return ceph_; }
  port::CephAccess fencer() override { return {"fake", "vms", "mgr", key_}; }
  port::CephAccess without_blocklist() override { return {"fake", "vms", "half", half_}; }
  std::string fresh(const std::string& begin) override { return begin + std::to_string(next_++); }
  std::string make_image() override {
    std::string name = fresh("image-");
    cluster().add_image("vms", name, 8 * 1024 * 1024);
    return name;
  }
  std::string make_template() override { return make_image() + "@base"; }
  std::uint64_t size_of(const std::string& image) override {
    const auto* const found = cluster().find_image("vms", image);
    return found == nullptr ? 0 : found->size;
  }
  std::unique_ptr<CephHandle> connect(const std::string& user, const Secret& key) override {
    const auto name = cluster().connect(user, key);
    if (!name) return nullptr;
    return std::make_unique<FakeHandle>(cluster(), *name);
  }
  std::map<std::string, Duration> blocklist() override {
    std::map<std::string, Duration> list;
    for (const auto& [client, entry] : cluster().blocklist) {
      if (const auto left = cluster().left(client); left) list[client] = *left;
    }
    return list;
  }
  void list_by_hand(const std::string& client, Duration expiry) override {
    cluster().list(client, expiry);
  }
  void pass(Duration time) override { cluster().advance(time); }
  void freeze_osds(bool on) override { cluster().osds_frozen = on; }
  void freeze_mons(bool on) override { cluster().mons_frozen = on; }

 private:
  fakes::FakeCluster& cluster() { return ceph_.cluster(); }
  std::unique_ptr<runtime::EventLoop> loop_;
  fakes::FakeCeph ceph_;
  Secret key_, half_;
  int next_ = 1;
};

std::unique_ptr<CephRig> make_fake_rig() {
  return std::make_unique<FakeRig>();
}

INSTANTIATE_TEST_SUITE_P(Fake, CephStorageContract, ::testing::Values(&make_fake_rig));

TEST(FakeCeph, AGapIsSeenByWhoWaitsForIt) {
  auto loop = std::move(*runtime::EventLoop::create());
  fakes::FakeCeph ceph(*loop);
  ceph.cluster().add_pool("vms");
  const port::CephAccess access{"fake", "vms", "mgr",
                                ceph.cluster().add_user("mgr", true, {"vms"})};
  std::vector<std::string> gaps;
  ceph.cluster().on_unlisted = [&](const std::string& client) { gaps.push_back(client); };
  const Duration day{std::int64_t{24} * 3'600'000};
  ceph.cluster().list("10.0.0.1:0/1", day);        // too short
  ceph.cluster().list("10.0.0.1:0/2", 100 * day);  // will do
  ceph.cluster().list("10.0.0.1:0/2", 365 * day);
  EXPECT_EQ(ceph.cluster().left("10.0.0.1:0/2"), 100 * day) << "not prolonged";
  bool told = false;
  ceph.renew(access, {}, {"10.0.0.1:0/1", "10.0.0.1:0/2", "10.0.0.1:0/3"}, 180 * day,
             Duration{1'000}, [&](const port::CephAnswer&) { told = true; });
  EXPECT_TRUE(loop->run_until([&] { return told; }, Duration{10'000}));
  EXPECT_EQ(gaps, std::vector<std::string>{"10.0.0.1:0/1"});
}

// Beyond the contract: the moods that unit tests use.
TEST(FakeCeph, AnAnswerCanBeLostOrForged) {
  auto loop = std::move(*runtime::EventLoop::create());
  fakes::FakeCeph ceph(*loop);
  ceph.cluster().add_pool("vms");
  const port::CephAccess access{"fake", "vms", "mgr",
                                ceph.cluster().add_user("mgr", true, {"vms"})};
  const auto create = [&](const std::string& image) {
    std::optional<port::CephAnswer> answer;
    ceph.create_disk(access, {image, 1024, ""}, Duration{1'000},
                     [&](port::CephAnswer told) { answer = std::move(told); });
    EXPECT_TRUE(loop->run_until([&] { return answer.has_value(); }, Duration{10'000}));
    return answer.value_or(port::CephAnswer{});
  };
  ceph.lose_next_answer("create_disk");
  EXPECT_EQ(create("a").outcome, core::Outcome::kUnknown);
  EXPECT_NE(ceph.cluster().find_image("vms", "a"), nullptr);
  ceph.fail_next("create_disk", {core::Outcome::kFailed, ErrorKind::kBusy, "full"});
  EXPECT_EQ(create("b").error, ErrorKind::kBusy);
  EXPECT_EQ(ceph.cluster().find_image("vms", "b"), nullptr);
  EXPECT_EQ(create("b").outcome, core::Outcome::kConfirmed);
}

}  // namespace
}  // namespace mold::contract
