#pragma once
// A Ceph cluster in memory, as far as fencing and disks see one: pools, images, users, clients
// (handles) with their tickets, the blocklist. For tests; loop thread; no I/O. What it does was
// measured on the real thing, and it passes the same contract (tests/contract).
//
// A client writes with what its user was allowed when it connected: a ticket outlives the caps.
// One that dies is a watcher for half a minute more, or until it is listed, and owner of its locks
// until they are broken. An entry of the blocklist is not prolonged by listing its client again.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/base/secret.h"
#include "lib/base/time.h"

namespace mold::fakes {

class FakeCluster {
 public:
  struct User {
    std::string key;
    bool may_fence = false;
    bool isolated = false;
    std::set<std::string> pools;
  };
  struct Image {
    std::uint64_t size = 0;
    std::string from;                // what it was made of
    std::set<std::string> watchers;  // clients
    std::string owner;               // of the exclusive lock
    std::string last_writer;
    int writes = 0;
  };
  struct Client {
    std::string user;
    std::set<std::string> pools;  // of its ticket
  };
  struct Entry {
    Instant until;
  };

  // What errno calls would give, as negative numbers of Linux.
  static constexpr int kPerm = -1, kNoEntry = -2, kAccess = -13, kTimedOut = -110, kShutdown = -108;

  void add_pool(const std::string& pool) { pools[pool]; }
  // Returns the key.
  Secret add_user(const std::string& name, bool may_fence, std::set<std::string> of_pools);
  void add_image(const std::string& pool, const std::string& image, std::uint64_t size);
  Image* find_image(const std::string& pool, const std::string& image);

  // ---- what a QEMU does
  // A new handle, "127.0.0.1:0/nonce"; nothing: not let in.
  std::optional<std::string> connect(const std::string& user, const Secret& key);
  int open(const std::string& client, const std::string& pool, const std::string& image);
  int write(const std::string& client, const std::string& pool, const std::string& image);
  int watch_beat(const std::string& client, const std::string& pool, const std::string& object);
  void disconnect(const std::string& client);  // a clean end: watches and locks go with it
  void die(const std::string& client);         // kill -9: neither goes

  // ---- blocklist
  // Drops its watches, as OSDs do. One that is listed stays so until the time that it has.
  void list(const std::string& client, Duration expiry);
  void unlist(const std::string& client);
  // Called when a listed client is taken off: it may write until it is listed again.
  std::function<void(const std::string& client)> on_unlisted;
  [[nodiscard]] bool is_listed(const std::string& client) const;
  [[nodiscard]] std::optional<Duration> left(const std::string& client) const;

  // The cluster's clock, moved by tests.
  void advance(Duration time);

  Instant now{1'000'000};
  bool cephx = true;
  bool osds_frozen = false;
  bool mons_frozen = false;
  std::set<std::string> frozen_pools;       // whose objects cannot be read
  std::set<std::string> unreadable_images;  // of any pool
  std::string fsid = "5f0b3f6e-0000-4000-8000-0000fa4ece01";
  std::uint64_t total_bytes = 0, free_bytes = 0;
  std::map<std::string, std::map<std::string, Image>> pools;
  std::map<std::string, std::map<std::string, std::set<std::string>>> beats;  // pool, object
  std::map<std::string, User> users;
  std::map<std::string, Client> clients;
  std::map<std::string, Entry> blocklist;

 private:
  int check(const std::string& client, const std::string& pool) const;
  void drop_watches(const std::string& client);
  std::uint64_t next_nonce_ = 1001;
  std::map<std::string, Instant> dead_;  // whose watches are not over yet, and until when
};

}  // namespace mold::fakes
