#include "tests/fakes/ceph/fake_ceph.h"

#include <algorithm>
#include <utility>

namespace mold::fakes {
namespace {

using core::Outcome;
using port::CephAnswer;

const std::set<std::string> kFencing = {"grant", "remove_user", "isolate", "renew", "lift"};

CephAnswer good(std::string text) {
  return {Outcome::kConfirmed, ErrorKind::kUnknown, std::move(text)};
}
CephAnswer bad(ErrorKind kind, std::string text) {
  return {Outcome::kFailed, kind, std::move(text)};
}
CephAnswer unknown(std::string text) {
  return {Outcome::kUnknown, ErrorKind::kTimeout, std::move(text)};
}

constexpr Duration kListedFor{std::int64_t{365} * 24 * 3'600'000};
// As the real one has it: half of what is asked for is enough, so that nobody is taken off for it.
bool lasts(Duration left, Duration expiry) {
  return left >= expiry / 2;
}

template <class Answer>
void put(Answer& answer, CephAnswer part) {
  static_cast<CephAnswer&>(answer) = std::move(part);
}

}  // namespace

void FakeCeph::fail_next(const std::string& verb, CephAnswer answer) {
  failures_[verb] = std::move(answer);
}

void FakeCeph::after(Duration time, std::function<void()> tell) {
  const std::uint64_t id = next_++;
  auto& timer = due_[id];
  timer = std::make_unique<runtime::Timer>(loop_);
  timer->start_after(time, [this, id, tell = std::move(tell)] {
    const auto keep = due_.extract(id);  // this closure belongs to it
    tell();
  });
}

std::optional<CephAnswer> FakeCeph::refused(const port::CephAccess& access, bool fencing) const {
  const auto user = cluster_.users.find(access.user);
  if (cluster_.cephx && (user == cluster_.users.end() || user->second.key != access.key.reveal())) {
    return bad(ErrorKind::kDenied, "the cluster refuses client." + access.user + " with this key");
  }
  if (!cluster_.pools.contains(access.pool))
    return bad(ErrorKind::kNotFound, "there is no pool " + access.pool);
  if (fencing && (user == cluster_.users.end() || !user->second.may_fence)) {
    return bad(ErrorKind::kDenied, "client." + access.user + " may not; ceph auth caps client." +
                                       access.user + " mon 'allow r, ...'");
  }
  return std::nullopt;
}

template <class Answer>
void FakeCeph::later(const std::string& verb, const port::CephAccess& access, Needs needs,
                     Duration deadline, Done<Answer> done, std::function<void(Answer&)> work) {
  asked_.push_back(verb);
  Answer answer;
  const bool no_osds = cluster_.osds_frozen || cluster_.frozen_pools.contains(access.pool);
  if (cluster_.mons_frozen || (no_osds && needs == Needs::kMonsAndOsds)) {
    // It did not get as far as a change.
    put(answer, bad(ErrorKind::kTimeout, "no answer from the cluster in time"));
    after(deadline, [done = std::move(done), answer]() mutable { done(std::move(answer)); });
    return;
  }
  if (const auto failure = failures_.extract(verb)) {
    put(answer, failure.mapped());
  } else if (auto no = refused(access, kFencing.contains(verb))) {
    put(answer, std::move(*no));
  } else {
    work(answer);
    if (lost_.erase(verb) > 0 || lag_ > deadline) {
      answer = Answer{};
      put(answer, unknown("done, perhaps; the answer was lost"));
    }
  }
  after(std::min(lag_, deadline),
        [done = std::move(done), answer]() mutable { done(std::move(answer)); });
}

void FakeCeph::probe(const port::CephAccess& access, Duration deadline,
                     Done<port::CephPoolFacts> done) {
  later<port::CephPoolFacts>("probe", access, Needs::kMonsAndOsds, deadline, std::move(done),
                             [this, access](port::CephPoolFacts& facts) {
                               put(facts, good("pool " + access.pool + " answers"));
                               facts.fsid = cluster_.fsid;
                               facts.cephx = cluster_.cephx;
                               facts.may_fence = cluster_.users[access.user].may_fence;
                               if (!facts.may_fence)
                                 facts.missing =
                                     "ceph auth caps client." + access.user + " mon '...'";
                               facts.total_bytes = cluster_.total_bytes;
                               facts.free_bytes = cluster_.free_bytes;
                             });
}

void FakeCeph::clients(const port::CephAccess& access, const std::vector<std::string>& images,
                       Duration deadline, Done<port::CephClients> done) {
  later<port::CephClients>(
      "clients", access, Needs::kMonsAndOsds, deadline, std::move(done),
      [this, access, images](port::CephClients& answer) {
        put(answer, good("read"));
        for (const std::string& name : images) {
          port::ImageClients one;
          one.image = name;
          const auto* const image = cluster_.find_image(access.pool, name);
          one.exists = image != nullptr;
          if (cluster_.unreadable_images.contains(name)) {
            one.problem = name + " cannot be read";
          } else if (image != nullptr) {
            std::set<std::string> all = image->watchers;
            if (!image->owner.empty()) all.insert(image->owner);
            one.clients.assign(all.begin(), all.end());
            one.watching.assign(image->watchers.begin(), image->watchers.end());
          }
          answer.images.push_back(std::move(one));
        }
        const bool none = std::none_of(answer.images.begin(), answer.images.end(),
                                       [](const auto& one) { return one.problem.empty(); });
        if (none && !images.empty()) {
          put(answer, bad(ErrorKind::kCorrupt, answer.images[0].problem));
          answer.images.clear();
        }
      });
}

void FakeCeph::grant(const port::CephAccess& access, const std::string& user,
                     const std::vector<std::string>& pools, Duration deadline, Done<Key> done) {
  later<Key>("grant", access, Needs::kMons, deadline, std::move(done),
             [this, access, user, pools](Key& key) {
               if (user == access.user) {
                 put(key, bad(ErrorKind::kUnsupported, "that is the user that asks"));
                 return;
               }
               key.key = cluster_.add_user(user, false, {pools.begin(), pools.end()});
               put(key, good("client." + user + " has its access"));
             });
}

void FakeCeph::remove_user(const port::CephAccess& access, const std::string& user,
                           Duration deadline, Done<CephAnswer> done) {
  later<CephAnswer>("remove_user", access, Needs::kMons, deadline, std::move(done),
                    [this, user](CephAnswer& answer) {
                      if (!user.starts_with("mold-host-")) {
                        answer = bad(ErrorKind::kInvalid, "that is no user of a host");
                        return;
                      }
                      cluster_.users.erase(user);
                      answer = good("client." + user + " is gone");
                    });
}

port::IsolationAnswer FakeCeph::isolated(const port::CephAccess& access,
                                         const port::IsolationOrder& order) {
  port::IsolationAnswer answer;
  if (!cluster_.cephx || order.user == access.user) {
    put(answer, bad(ErrorKind::kUnsupported, !cluster_.cephx ? "the cluster asks nobody for a key"
                                                             : "that is the user that asks"));
    return answer;
  }
  const auto user = cluster_.users.find(order.user);
  if (user == cluster_.users.end()) {
    put(answer, bad(ErrorKind::kNotFound, "there is no client." + order.user));
    return answer;
  }
  user->second.isolated = true;
  std::set<std::string> all(order.clients.begin(), order.clients.end());
  for (const std::string& name : order.images) {
    const auto* const image = cluster_.find_image(access.pool, name);
    if (image == nullptr) continue;
    all.insert(image->watchers.begin(), image->watchers.end());
    if (!image->owner.empty()) all.insert(image->owner);
  }
  if (!order.beat_object.empty()) {
    const auto& watchers = cluster_.beats[access.pool][order.beat_object];
    all.insert(watchers.begin(), watchers.end());
  }
  for (const std::string& client : all) list(client, order.expiry);
  for (const std::string& name : order.images) {
    auto* const image = cluster_.find_image(access.pool, name);
    if (image != nullptr && all.contains(image->owner)) image->owner.clear();
  }
  answer.listed.assign(all.begin(), all.end());
  put(answer, good("access of client." + order.user + " taken; listed " +
                   std::to_string(all.size()) + " clients"));
  return answer;
}

void FakeCeph::isolate(const port::CephAccess& access, const port::IsolationOrder& order,
                       Duration deadline, Done<port::IsolationAnswer> done) {
  later<port::IsolationAnswer>(
      "isolate", access, Needs::kMonsAndOsds, deadline, std::move(done),
      [this, access, order](port::IsolationAnswer& answer) { answer = isolated(access, order); });
}

void FakeCeph::list(const std::string& client, Duration expiry) {
  const auto left = cluster_.left(client);
  if (left && !lasts(*left, expiry)) cluster_.unlist(client);
  cluster_.list(client, kListedFor);
}

void FakeCeph::renew(const port::CephAccess& access, const std::string& user,
                     const std::vector<std::string>& clients, Duration expiry, Duration deadline,
                     Done<CephAnswer> done) {
  later<CephAnswer>("renew", access, Needs::kMons, deadline, std::move(done),
                    [this, user, clients, expiry](CephAnswer& answer) {
                      const auto known = cluster_.users.find(user);
                      if (known != cluster_.users.end() && !known->second.isolated) {
                        answer = bad(ErrorKind::kConflict, "client." + user + " has access again");
                        return;
                      }
                      for (const std::string& client : clients) list(client, expiry);
                      answer = good("stay listed");
                    });
}

void FakeCeph::lift(const port::CephAccess& access, const std::vector<std::string>& clients,
                    Duration deadline, Done<CephAnswer> done) {
  later<CephAnswer>("lift", access, Needs::kMons, deadline, std::move(done),
                    [this, clients](CephAnswer& answer) {
                      for (const std::string& client : clients) cluster_.unlist(client);
                      answer = good("not listed any more");
                    });
}

CephAnswer FakeCeph::created(const port::CephAccess& access, const port::DiskOrder& order) {
  std::uint64_t size = order.size_bytes;
  if (!order.from.empty() && order.from.front() != '/') {
    const auto at = order.from.find('@');
    const auto* const parent = cluster_.find_image(access.pool, order.from.substr(0, at));
    if (parent == nullptr) return bad(ErrorKind::kNotFound, "there is no " + order.from);
    size = std::max(size, parent->size);
  }
  auto& images = cluster_.pools[access.pool];
  const auto found = images.find(order.image);
  if (found != images.end() && found->second.size < size)
    return bad(ErrorKind::kConflict, order.image + " is there and smaller");
  if (found == images.end()) {
    images[order.image].size = size;
    images[order.image].from = order.from;
  }
  return good(order.image + " is there");
}

void FakeCeph::create_disk(const port::CephAccess& access, const port::DiskOrder& order,
                           Duration deadline, Done<CephAnswer> done) {
  later<CephAnswer>("create_disk", access, Needs::kMonsAndOsds, deadline, std::move(done),
                    [this, access, order](CephAnswer& answer) { answer = created(access, order); });
}

void FakeCeph::remove_disk(const port::CephAccess& access, const std::string& image,
                           Duration deadline, Done<CephAnswer> done) {
  later<CephAnswer>("remove_disk", access, Needs::kMonsAndOsds, deadline, std::move(done),
                    [this, access, image](CephAnswer& answer) {
                      const auto* const found = cluster_.find_image(access.pool, image);
                      if (found != nullptr && !found->watchers.empty()) {
                        answer = bad(ErrorKind::kConflict,
                                     image + " is open at " + *found->watchers.begin());
                        return;
                      }
                      cluster_.pools[access.pool].erase(image);
                      answer = good(image + " is gone");
                    });
}

}  // namespace mold::fakes
