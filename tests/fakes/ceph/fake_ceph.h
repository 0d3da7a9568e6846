#pragma once
// port::CephStorage on a cluster in memory, for unit tests of manager and agent: no child, no
// time of its own but `lag`. It passes the contract (tests/contract/ceph_storage_contract.h) that
// the real one passes.
//
//   FakeCeph ceph(loop);
//   ceph.cluster().add_pool("vms");
//   port::CephAccess access{"fake", "vms", "mgr", ceph.cluster().add_user("mgr", true, {"vms"})};
//
// Loop thread; it dies before its loop. Answers that are due when it dies are not told.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/port/ceph_storage.h"
#include "lib/runtime/event_loop.h"
#include "tests/fakes/ceph/fake_cluster.h"

namespace mold::fakes {

class FakeCeph final : public port::CephStorage {
 public:
  explicit FakeCeph(runtime::EventLoop& loop) : loop_(loop) {}

  FakeCluster& cluster() { return cluster_; }

  // ---- moods
  // How long each answer takes; one that would take longer than its deadline is kUnknown then, and
  // what was asked for is done all the same.
  void set_lag(Duration lag) { lag_ = lag; }
  // The next request of that name ("isolate", "create_disk", ...) is answered so, and not done.
  void fail_next(const std::string& verb, port::CephAnswer answer);
  // The next request of that name is done, and answered kUnknown.
  void lose_next_answer(const std::string& verb) { lost_.insert(verb); }
  [[nodiscard]] const std::vector<std::string>& asked() const { return asked_; }  // verbs, in order
  [[nodiscard]] int under_way() const { return static_cast<int>(due_.size()); }

  void probe(const port::CephAccess& access, Duration deadline,
             Done<port::CephPoolFacts> done) override;
  void clients(const port::CephAccess& access, const std::vector<std::string>& images,
               Duration deadline, Done<port::CephClients> done) override;
  void grant(const port::CephAccess& access, const std::string& user,
             const std::vector<std::string>& pools, Duration deadline, Done<Key> done) override;
  void remove_user(const port::CephAccess& access, const std::string& user, Duration deadline,
                   Done<port::CephAnswer> done) override;
  void isolate(const port::CephAccess& access, const port::IsolationOrder& order, Duration deadline,
               Done<port::IsolationAnswer> done) override;
  void renew(const port::CephAccess& access, const std::string& user,
             const std::vector<std::string>& clients, Duration expiry, Duration deadline,
             Done<port::CephAnswer> done) override;
  void lift(const port::CephAccess& access, const std::vector<std::string>& clients,
            Duration deadline, Done<port::CephAnswer> done) override;
  void create_disk(const port::CephAccess& access, const port::DiskOrder& order, Duration deadline,
                   Done<port::CephAnswer> done) override;
  void remove_disk(const port::CephAccess& access, const std::string& image, Duration deadline,
                   Done<port::CephAnswer> done) override;

 private:
  enum class Needs { kMons, kMonsAndOsds };

  // Runs `work` after the lag, unless something keeps it from being done.
  template <class Answer>
  void later(const std::string& verb, const port::CephAccess& access, Needs needs,
             Duration deadline, Done<Answer> done, std::function<void(Answer&)> work);
  void after(Duration time, std::function<void()> tell);
  // What is in the way of this user; nothing: it may go on.
  std::optional<port::CephAnswer> refused(const port::CephAccess& access, bool fencing) const;
  // For a year, whatever was asked for; what is there and lasts is left alone.
  void list(const std::string& client, Duration expiry);
  port::IsolationAnswer isolated(const port::CephAccess& access, const port::IsolationOrder& order);
  port::CephAnswer created(const port::CephAccess& access, const port::DiskOrder& order);

  runtime::EventLoop& loop_;
  FakeCluster cluster_;
  Duration lag_{0};
  std::map<std::string, port::CephAnswer> failures_;
  std::set<std::string> lost_;
  std::vector<std::string> asked_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, std::unique_ptr<runtime::Timer>> due_;
};

}  // namespace mold::fakes
