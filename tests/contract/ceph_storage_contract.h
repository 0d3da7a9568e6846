#pragma once
// What every CephStorage must do (lib/port/ceph_storage.h): the real one on a real cluster with
// real clients, and the fake that unit tests build on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/contract/ceph_rig.h"

namespace mold::contract {

class CephStorageContract : public ::testing::TestWithParam<MakeCephRig> {
 protected:
  using Names = std::vector<std::string>;
  static constexpr Duration kEnough{30'000};
  static constexpr Duration kDay{std::int64_t{24} * 3'600'000};
  static constexpr Duration kHalfYear{180 * kDay};  // what the brain asks for
  static constexpr std::uint64_t kMiB = std::uint64_t{1024} * 1024;

  void SetUp() override { rig_ = GetParam()(); }

  template <class Answer>
  Answer wait(const std::function<void(std::function<void(Answer)>)>& ask) {
    Answer answer;
    int answers = 0;
    ask([&](Answer told) {
      answer = std::move(told);
      ++answers;
    });
    EXPECT_EQ(answers, 0) << "a completion never comes inside the call";
    EXPECT_TRUE(rig_->loop().run_until([&] { return answers > 0; }, Duration{120'000}));
    EXPECT_EQ(answers, 1);
    EXPECT_FALSE(answer.text.empty()) << "every answer has a story for an admin";
    EXPECT_EQ(answer.text.find(rig_->fencer().key.reveal()), std::string::npos);
    return answer;
  }

  port::CephPoolFacts probe(const port::CephAccess& access) {
    return wait<port::CephPoolFacts>(
        [&](auto done) { rig_->storage().probe(access, kEnough, done); });
  }
  port::CephClients clients(const Names& images, Duration deadline = kEnough) {
    return clients_as(rig_->fencer(), images, deadline);
  }
  port::CephClients clients_as(const port::CephAccess& access, const Names& images,
                               Duration deadline = kEnough) {
    return wait<port::CephClients>(
        [&](auto done) { rig_->storage().clients(access, images, deadline, done); });
  }
  port::CephStorage::Key grant(const std::string& user) {
    return wait<port::CephStorage::Key>([&](auto done) {
      rig_->storage().grant(rig_->fencer(), user, {rig_->fencer().pool}, kEnough, done);
    });
  }
  port::CephAnswer remove_user(const std::string& user) {
    return wait<port::CephAnswer>(
        [&](auto done) { rig_->storage().remove_user(rig_->fencer(), user, kEnough, done); });
  }
  port::IsolationAnswer isolate(const port::CephAccess& access, const port::IsolationOrder& order,
                                Duration deadline = kEnough) {
    return wait<port::IsolationAnswer>(
        [&](auto done) { rig_->storage().isolate(access, order, deadline, done); });
  }
  port::CephAnswer renew(const Names& names, Duration expiry, const std::string& user = {}) {
    return wait<port::CephAnswer>([&](auto done) {
      rig_->storage().renew(rig_->fencer(), user, names, expiry, kEnough, done);
    });
  }
  port::CephAnswer lift(const Names& names) {
    return wait<port::CephAnswer>(
        [&](auto done) { rig_->storage().lift(rig_->fencer(), names, kEnough, done); });
  }
  port::CephAnswer create(const port::DiskOrder& order) {
    return wait<port::CephAnswer>(
        [&](auto done) { rig_->storage().create_disk(rig_->fencer(), order, kEnough, done); });
  }
  port::CephAnswer remove(const std::string& image) {
    return wait<port::CephAnswer>(
        [&](auto done) { rig_->storage().remove_disk(rig_->fencer(), image, kEnough, done); });
  }

  // A host with its user, and with handles of it.
  struct Host {
    std::string user;
    Secret key;
  };
  Host make_host() {
    Host host;
    host.user = rig_->fresh("mold-host-");
    host.key = grant(host.user).key;
    return host;
  }
  // As an agent asks.
  port::CephAccess access_of(const Host& host) {
    port::CephAccess access = rig_->fencer();
    access.user = host.user;
    access.key = host.key;
    return access;
  }
  std::unique_ptr<CephHandle> connect(const Host& host) {
    return rig_->connect(host.user, host.key);
  }
  std::unique_ptr<CephHandle> writer(const Host& host, const std::string& image) {
    auto handle = connect(host);
    EXPECT_NE(handle, nullptr);
    if (handle) {
      EXPECT_EQ(handle->open(image), 0);
      EXPECT_EQ(handle->write(image), 0);
    }
    return handle;
  }
  // Nobody gets in, or who gets in may do nothing.
  void expect_locked_out(const Host& host, const std::string& image) {
    const auto handle = connect(host);
    if (handle) {
      EXPECT_LT(handle->open(image), 0);
    }
  }
  static port::IsolationOrder order_for(const Host& host, const Names& images) {
    port::IsolationOrder order;
    order.user = host.user;
    order.images = images;
    order.expiry = kDay;
    return order;
  }

  std::unique_ptr<CephRig> rig_;
};

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_P(CephStorageContract, AProbeTellsWhoMayFence) {
  const auto facts = probe(rig_->fencer());
  EXPECT_EQ(facts.outcome, core::Outcome::kConfirmed) << facts.text;
  EXPECT_TRUE(facts.may_fence);
  EXPECT_TRUE(facts.missing.empty());
  EXPECT_TRUE(facts.cephx);
  EXPECT_EQ(facts.fsid.size(), 36U);

  const Host host = make_host();
  const auto its = probe(access_of(host));
  EXPECT_EQ(its.outcome, core::Outcome::kConfirmed) << its.text;
  EXPECT_FALSE(its.may_fence);
  EXPECT_THAT(its.missing, HasSubstr("ceph auth caps client." + host.user));
}

TEST_P(CephStorageContract, AWrongKeyIsDenied) {
  const Host host = make_host();
  port::CephAccess access = rig_->fencer();
  access.key = host.key;
  const auto facts = probe(access);
  EXPECT_EQ(facts.outcome, core::Outcome::kFailed);
  EXPECT_EQ(facts.error, ErrorKind::kDenied) << facts.text;
  const auto answer = isolate(access, order_for(host, {}));
  EXPECT_EQ(answer.outcome, core::Outcome::kFailed);
  EXPECT_EQ(answer.error, ErrorKind::kDenied) << answer.text;
}

TEST_P(CephStorageContract, APoolThatIsNotThereIsSaidSo) {
  port::CephAccess access = rig_->fencer();
  access.pool = "no-such-pool";
  const auto facts = probe(access);
  EXPECT_EQ(facts.outcome, core::Outcome::kFailed);
  EXPECT_EQ(facts.error, ErrorKind::kNotFound) << facts.text;
}

TEST_P(CephStorageContract, GrantMakesAUserAndKeepsItsKey) {
  const Host host = make_host();
  EXPECT_FALSE(host.key.empty());
  EXPECT_EQ(grant(host.user).key, host.key);
  const std::string image = rig_->make_image();
  writer(host, image);
  EXPECT_EQ(grant(rig_->fencer().user).error, ErrorKind::kUnsupported);
}

TEST_P(CephStorageContract, ARemovedUserIsGoneAndNobodyElse) {
  const Host host = make_host();
  const Host other = make_host();
  const std::string image = rig_->make_image();
  const auto answer = remove_user(host.user);
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  expect_locked_out(host, image);
  writer(other, image);
  EXPECT_EQ(remove_user(host.user).outcome, core::Outcome::kConfirmed)
      << "one that is gone is done";
  const auto again = grant(host.user);
  EXPECT_EQ(again.outcome, core::Outcome::kConfirmed) << again.text;
  EXPECT_FALSE(again.key == host.key) << "made anew";
}

TEST_P(CephStorageContract, OnlyUsersOfHostsAreRemoved) {
  for (const std::string& user : {rig_->fencer().user, std::string("admin")}) {
    const auto answer = remove_user(user);
    EXPECT_EQ(answer.outcome, core::Outcome::kFailed) << user;
    EXPECT_EQ(answer.error, ErrorKind::kInvalid) << answer.text;
  }
  EXPECT_TRUE(probe(rig_->fencer()).may_fence);
}

TEST_P(CephStorageContract, ClientsTellsWhoHasAnImageOpen) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  const auto handle = writer(host, image);
  const auto answer = clients({image, "no-such-image"});
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  ASSERT_EQ(answer.images.size(), 2U);
  EXPECT_EQ(answer.images[0].image, image);
  EXPECT_TRUE(answer.images[0].exists);
  EXPECT_THAT(answer.images[0].clients, ElementsAre(handle->address()));
  EXPECT_THAT(answer.images[0].watching, ElementsAre(handle->address()));
  EXPECT_THAT(answer.images[0].problem, IsEmpty());
  EXPECT_FALSE(answer.images[1].exists);
  EXPECT_THAT(answer.images[1].clients, IsEmpty());
}

// A lock never ends by itself. Whoever opens the image next takes it over from an owner that does
// not watch any more, as the host's own user: librbd lists the owner, and breaks the lock.
TEST_P(CephStorageContract, TheLockOfADeadClientIsNoHindrance) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  auto dead = writer(host, image);
  const std::string address = dead->address();
  dead.reset();  // SIGKILL
  const auto read = [&] {
    const auto answer = clients_as(access_of(host), {image});
    EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
    EXPECT_EQ(answer.images.size(), 1U);
    return answer.images.empty() ? port::ImageClients{} : answer.images[0];
  };
  EXPECT_THAT(read().watching, ElementsAre(address)) << "it may live, for all that is known";
  for (int i = 0; i < 60 && !read().watching.empty(); ++i) rig_->pass(Duration{1'000});
  EXPECT_THAT(read().watching, IsEmpty());
  EXPECT_THAT(read().clients, ElementsAre(address)) << "the owner of the lock";
  const auto peer = writer(host, image);
  EXPECT_THAT(read().watching, ElementsAre(peer->address()));
  EXPECT_TRUE(rig_->blocklist().contains(address)) << "librbd lists whom it takes a lock from";
}

TEST_P(CephStorageContract, AListedClientWatchesNoMore) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  auto dead = writer(host, image);
  const std::string address = dead->address();
  dead.reset();
  ASSERT_EQ(renew({address}, kDay).outcome, core::Outcome::kConfirmed);
  const auto after = clients_as(access_of(host), {image});
  ASSERT_EQ(after.images.size(), 1U) << after.text;
  EXPECT_THAT(after.images[0].watching, IsEmpty()) << "at once, not when its watch has run out";
  EXPECT_THAT(after.images[0].clients, ElementsAre(address));
  writer(host, image);
}

TEST_P(CephStorageContract, AnIsolatedHostWritesNoMore) {
  const Host host = make_host();
  const Host other = make_host();
  const std::string image = rig_->make_image();
  const std::string others = rig_->make_image();
  const auto victim = writer(host, image);
  const auto bystander = writer(other, others);

  const auto answer = isolate(rig_->fencer(), order_for(host, {image}));
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_THAT(answer.listed, ElementsAre(victim->address()));
  EXPECT_EQ(victim->write(image), -ESHUTDOWN);
  const auto after = clients({image});
  ASSERT_EQ(after.images.size(), 1U);
  EXPECT_THAT(after.images[0].clients, IsEmpty()) << "neither watcher nor owner of the lock";
  EXPECT_GE(rig_->blocklist()[victim->address()], kDay - Duration{60'000});
  expect_locked_out(host, image);
  EXPECT_EQ(bystander->write(others), 0) << "another host's user is not touched";
  writer(other, image);
}

TEST_P(CephStorageContract, ClientsAreFoundByTheBeatAndTakenFromTheOrder) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  const std::string beat = rig_->fresh("beat-");
  const auto beating = connect(host);
  ASSERT_EQ(beating->watch_beat(beat), 0);
  const auto known = connect(host);
  auto order = order_for(host, {"no-such-image"});
  order.beat_object = beat;
  order.clients = {known->address()};
  const auto answer = isolate(rig_->fencer(), order);
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(answer.listed.size(), 2U);
  EXPECT_THAT(answer.listed, Contains(known->address()));
  EXPECT_THAT(answer.listed, Contains(beating->address()));
  EXPECT_EQ(known->open(image), -ESHUTDOWN);
}

// What the proof does not cover, and why a VM is only covered when each of its disks had a client
// that was recorded or found: a ticket outlives the caps.
TEST_P(CephStorageContract, AHandleThatNobodyKnowsOfStillOpensDisksAfterwards) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  const auto hidden = connect(host);
  const auto answer = isolate(rig_->fencer(), order_for(host, {image}));
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_THAT(answer.listed, IsEmpty());
  EXPECT_EQ(hidden->open(image), 0);
  EXPECT_EQ(hidden->write(image), 0);
  // It is seen from then on, and the same order ends it.
  const auto again = isolate(rig_->fencer(), order_for(host, {image}));
  EXPECT_EQ(again.outcome, core::Outcome::kConfirmed) << again.text;
  EXPECT_THAT(again.listed, ElementsAre(hidden->address()));
  EXPECT_EQ(hidden->write(image), -ESHUTDOWN);
}

TEST_P(CephStorageContract, AnIsolationMayBeRepeated) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  const auto victim = writer(host, image);
  auto order = order_for(host, {image});
  EXPECT_EQ(isolate(rig_->fencer(), order).outcome, core::Outcome::kConfirmed);
  order.clients = {victim->address()};
  const auto again = isolate(rig_->fencer(), order);
  EXPECT_EQ(again.outcome, core::Outcome::kConfirmed) << again.text;
  EXPECT_THAT(again.listed, ElementsAre(victim->address()));
}

TEST_P(CephStorageContract, GrantGivesTheAccessBackButNotToOldHandles) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  const auto victim = writer(host, image);
  ASSERT_EQ(isolate(rig_->fencer(), order_for(host, {image})).outcome, core::Outcome::kConfirmed);
  const auto key = grant(host.user);
  EXPECT_EQ(key.outcome, core::Outcome::kConfirmed) << key.text;
  writer({host.user, key.key}, image);
  EXPECT_EQ(victim->write(image), -ESHUTDOWN);
}

TEST_P(CephStorageContract, RenewedClientsStayListedForThatLong) {
  const Names ours = {"127.0.0.9:0/4001", "127.0.0.9:0/4002"};
  rig_->list_by_hand(ours[0], Duration{600'000});  // an entry that ends early
  const auto answer = renew(ours, kDay);
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  for (const std::string& client : ours)
    EXPECT_GE(rig_->blocklist()[client], kDay - Duration{60'000}) << client;
}

// Taken off and listed anew, a client that was asleep until then could write in between.
TEST_P(CephStorageContract, AnEntryThatWillDoIsLeftAlone) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  const auto victim = writer(host, image);
  auto order = order_for(host, {image});
  order.expiry = kHalfYear;
  ASSERT_EQ(isolate(rig_->fencer(), order).outcome, core::Outcome::kConfirmed);
  const std::string by_hand = "127.0.0.9:0/4003";
  rig_->list_by_hand(by_hand, 100 * kDay);
  const auto before = rig_->blocklist();
  EXPECT_GT(before.at(victim->address()), 364 * kDay);
  rig_->pass(Duration{3'000});
  order.clients = {victim->address()};
  const Names both = {victim->address(), by_hand};
  EXPECT_EQ(isolate(rig_->fencer(), order).outcome, core::Outcome::kConfirmed);
  EXPECT_EQ(renew(both, kHalfYear, host.user).outcome, core::Outcome::kConfirmed);
  EXPECT_EQ(renew(both, kHalfYear).outcome, core::Outcome::kConfirmed);
  const auto after = rig_->blocklist();
  for (const std::string& client : both)
    EXPECT_LE(after.at(client), before.at(client) - Duration{2'000}) << client << " was made anew";
}

TEST_P(CephStorageContract, ARenewalTellsThatAccessIsBack) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  const auto victim = writer(host, image);
  const Names ours = {victim->address()};
  ASSERT_EQ(isolate(rig_->fencer(), order_for(host, {image})).outcome, core::Outcome::kConfirmed);
  EXPECT_EQ(renew(ours, kDay, host.user).outcome, core::Outcome::kConfirmed);
  ASSERT_EQ(grant(host.user).outcome, core::Outcome::kConfirmed);
  const auto answer = renew(ours, kDay, host.user);
  EXPECT_EQ(answer.outcome, core::Outcome::kFailed);
  EXPECT_EQ(answer.error, ErrorKind::kConflict);
  EXPECT_THAT(answer.text, HasSubstr("client." + host.user + " has access again"));
  EXPECT_EQ(renew(ours, kDay).outcome, core::Outcome::kConfirmed) << "of no user";
}

TEST_P(CephStorageContract, LiftTakesExactlyTheseAway) {
  const Names ours = {"127.0.0.9:0/5001", "127.0.0.9:0/5002"};
  const std::string foreign = "127.0.0.9:0/5003";
  rig_->list_by_hand(foreign, kDay);
  ASSERT_EQ(renew(ours, kDay).outcome, core::Outcome::kConfirmed);
  const auto answer = lift({ours[0], ours[1], "127.0.0.9:0/5004"});
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  const auto list = rig_->blocklist();
  EXPECT_FALSE(list.contains(ours[0]));
  EXPECT_FALSE(list.contains(ours[1]));
  EXPECT_TRUE(list.contains(foreign));
}

TEST_P(CephStorageContract, TheUserThatAsksCannotBeIsolated) {
  auto order = order_for({rig_->fencer().user, {}}, {});
  const auto answer = isolate(rig_->fencer(), order);
  EXPECT_EQ(answer.outcome, core::Outcome::kFailed);
  EXPECT_EQ(answer.error, ErrorKind::kUnsupported) << answer.text;
  EXPECT_TRUE(probe(rig_->fencer()).may_fence);
}

TEST_P(CephStorageContract, AUserThatDoesNotExistIsNotIsolated) {
  const auto answer = isolate(rig_->fencer(), order_for({rig_->fresh("mold-host-"), {}}, {}));
  EXPECT_EQ(answer.outcome, core::Outcome::kFailed);
  EXPECT_EQ(answer.error, ErrorKind::kNotFound) << answer.text;
}

TEST_P(CephStorageContract, WithoutTheBlocklistNothingIsDoneAndTheLineIsSaid) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  const auto victim = writer(host, image);
  const port::CephAccess access = rig_->without_blocklist();
  const auto facts = probe(access);
  EXPECT_FALSE(facts.may_fence);
  const auto answer = isolate(access, order_for(host, {image}));
  EXPECT_EQ(answer.outcome, core::Outcome::kFailed);
  EXPECT_EQ(answer.error, ErrorKind::kDenied) << answer.text;
  EXPECT_THAT(answer.text, HasSubstr("ceph auth caps client." + access.user + " "));
  EXPECT_EQ(victim->write(image), 0);
  connect(host)->open(image);
}

TEST_P(CephStorageContract, FrozenStorageFailsInTimeWithNothingChanged) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  const auto victim = writer(host, image);
  const auto order = order_for(host, {image});
  rig_->freeze_osds(true);
  const auto seen = clients({image}, Duration{1'500});
  const auto answer = isolate(rig_->fencer(), order, Duration{1'500});
  rig_->freeze_osds(false);
  EXPECT_EQ(seen.outcome, core::Outcome::kFailed) << seen.text;
  EXPECT_EQ(seen.error, ErrorKind::kTimeout) << seen.text;
  EXPECT_EQ(answer.outcome, core::Outcome::kFailed) << answer.text;
  EXPECT_EQ(answer.error, ErrorKind::kTimeout) << answer.text;
  EXPECT_THAT(answer.listed, IsEmpty());
  EXPECT_EQ(victim->write(image), 0);
  const auto after = isolate(rig_->fencer(), order);
  EXPECT_EQ(after.outcome, core::Outcome::kConfirmed) << after.text;
  EXPECT_EQ(victim->write(image), -ESHUTDOWN);
}

TEST_P(CephStorageContract, WithoutAConnectionNothingIsInDoubt) {
  const Host host = make_host();
  rig_->freeze_mons(true);
  const auto answer = isolate(rig_->fencer(), order_for(host, {}), Duration{1'500});
  rig_->freeze_mons(false);
  EXPECT_EQ(answer.outcome, core::Outcome::kFailed) << answer.text;
  EXPECT_EQ(answer.error, ErrorKind::kTimeout) << answer.text;
  EXPECT_EQ(isolate(rig_->fencer(), order_for(host, {})).outcome, core::Outcome::kConfirmed);
}

TEST_P(CephStorageContract, AnEmptyDiskIsMadeOnce) {
  const std::string image = rig_->fresh("disk-");
  const auto answer = create({image, 4 * kMiB, ""});
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(rig_->size_of(image), 4 * kMiB);
  EXPECT_EQ(create({image, 4 * kMiB, ""}).outcome, core::Outcome::kConfirmed);
  const auto larger = create({image, 8 * kMiB, ""});
  EXPECT_EQ(larger.outcome, core::Outcome::kFailed);
  EXPECT_EQ(larger.error, ErrorKind::kConflict) << larger.text;
  EXPECT_EQ(rig_->size_of(image), 4 * kMiB);
}

TEST_P(CephStorageContract, ACloneHasTheSizeOfItsTemplateOrMore) {
  const std::string from = rig_->make_template();
  const std::string plain = rig_->fresh("disk-");
  const std::string grown = rig_->fresh("disk-");
  EXPECT_EQ(create({plain, 0, from}).outcome, core::Outcome::kConfirmed);
  EXPECT_EQ(rig_->size_of(plain), 8 * kMiB);
  const auto answer = create({grown, 16 * kMiB, from});
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(rig_->size_of(grown), 16 * kMiB);
  const auto missing = create({rig_->fresh("disk-"), 0, "no-such-image@base"});
  EXPECT_EQ(missing.outcome, core::Outcome::kFailed);
  EXPECT_EQ(missing.error, ErrorKind::kNotFound) << missing.text;
}

TEST_P(CephStorageContract, ADiskIsRemovedWhenNobodyHasItOpen) {
  const Host host = make_host();
  const std::string image = rig_->make_image();
  auto handle = writer(host, image);
  const auto open = remove(image);
  EXPECT_EQ(open.outcome, core::Outcome::kFailed);
  EXPECT_EQ(open.error, ErrorKind::kConflict);
  EXPECT_THAT(open.text, HasSubstr(handle->address()));
  ASSERT_EQ(isolate(rig_->fencer(), order_for(host, {image})).outcome, core::Outcome::kConfirmed);
  const auto answer = remove(image);
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(rig_->size_of(image), 0U);
  EXPECT_EQ(remove(image).outcome, core::Outcome::kConfirmed) << "one that is gone is done";
}

}  // namespace mold::contract
