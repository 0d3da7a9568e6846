#include "tests/fakes/ceph/fake_cluster.h"

#include <utility>

namespace mold::fakes {
namespace {

constexpr Duration kWatchLasts{30'000};           // of a client that does not answer
constexpr Duration kBrokenLockListed{3'600'000};  // by librbd

}  // namespace

Secret FakeCluster::add_user(const std::string& name, bool may_fence,
                             std::set<std::string> of_pools) {
  User& user = users[name];
  if (user.key.empty()) user.key = "AQ" + std::to_string(next_nonce_++) + "fakefakefakefakefake==";
  user.may_fence = may_fence;
  user.isolated = false;
  user.pools = std::move(of_pools);
  return Secret(user.key);
}

void FakeCluster::add_image(const std::string& pool, const std::string& image, std::uint64_t size) {
  pools[pool][image].size = size;
}

FakeCluster::Image* FakeCluster::find_image(const std::string& pool, const std::string& image) {
  const auto in = pools.find(pool);
  if (in == pools.end()) return nullptr;
  const auto found = in->second.find(image);
  return found == in->second.end() ? nullptr : &found->second;
}

std::optional<std::string> FakeCluster::connect(const std::string& user, const Secret& key) {
  const auto found = users.find(user);
  if (cephx && (found == users.end() || found->second.key != key.reveal())) return std::nullopt;
  std::string name = "127.0.0.1:0/" + std::to_string(next_nonce_++);
  Client client;
  client.user = user;
  if (found != users.end() && !found->second.isolated) client.pools = found->second.pools;
  clients[name] = std::move(client);
  return name;
}

int FakeCluster::check(const std::string& client, const std::string& pool) const {
  if (osds_frozen) return kTimedOut;
  const auto found = clients.find(client);
  if (found == clients.end() || is_listed(client)) return kShutdown;
  if (cephx && !found->second.pools.contains(pool)) return kPerm;
  return 0;
}

int FakeCluster::open(const std::string& client, const std::string& pool,
                      const std::string& image) {
  if (const int rc = check(client, pool); rc != 0) return rc;
  Image* const found = find_image(pool, image);
  if (found == nullptr) return kNoEntry;
  found->watchers.insert(client);
  return 0;
}

int FakeCluster::write(const std::string& client, const std::string& pool,
                       const std::string& image) {
  if (const int rc = check(client, pool); rc != 0) return rc;
  Image* const found = find_image(pool, image);
  if (found == nullptr) return kNoEntry;
  // Handed over by whoever lives; taken from who does not watch any more, and is listed for that.
  const std::string before = found->owner;
  if (!before.empty() && before != client && !clients.contains(before)) {
    if (found->watchers.contains(before)) return kTimedOut;  // the real one waits for its end
    list(before, kBrokenLockListed);
  }
  found->owner = client;
  found->last_writer = client;
  ++found->writes;
  return 0;
}

int FakeCluster::watch_beat(const std::string& client, const std::string& pool,
                            const std::string& object) {
  if (const int rc = check(client, pool); rc != 0) return rc;
  beats[pool][object].insert(client);
  return 0;
}

void FakeCluster::disconnect(const std::string& client) {
  for (auto& [pool, images] : pools) {
    for (auto& [name, image] : images) {
      image.watchers.erase(client);
      if (image.owner == client) image.owner.clear();
    }
  }
  for (auto& [pool, objects] : beats) {
    for (auto& [name, watchers] : objects) watchers.erase(client);
  }
  clients.erase(client);
}

void FakeCluster::die(const std::string& client) {
  clients.erase(client);
  dead_[client] = now + kWatchLasts;
}

void FakeCluster::drop_watches(const std::string& client) {
  for (auto& [pool, images] : pools) {
    for (auto& [name, image] : images) image.watchers.erase(client);
  }
  for (auto& [pool, objects] : beats) {
    for (auto& [name, watchers] : objects) watchers.erase(client);
  }
}

void FakeCluster::list(const std::string& client, Duration expiry) {
  if (!is_listed(client)) blocklist[client] = {now + expiry};
  drop_watches(client);
}

void FakeCluster::unlist(const std::string& client) {
  const bool was = is_listed(client);
  blocklist.erase(client);
  if (was && on_unlisted) on_unlisted(client);
}

void FakeCluster::advance(Duration time) {
  now = now + time;
  for (const auto& [client, until] : dead_) {
    if (until <= now) drop_watches(client);
  }
  std::erase_if(dead_, [this](const auto& entry) { return entry.second <= now; });
}

bool FakeCluster::is_listed(const std::string& client) const {
  return left(client).has_value();
}

std::optional<Duration> FakeCluster::left(const std::string& client) const {
  const auto found = blocklist.find(client);
  if (found == blocklist.end() || found->second.until <= now) return std::nullopt;
  return found->second.until - now;
}

}  // namespace mold::fakes
