#pragma once
// The port to Ceph as manager and agents have it: each request is one run of the program mold-ceph,
// with the key on a descriptor of its own and a deadline after which it is killed. Nothing of Ceph
// is linked here (docs/adr/0014): a cluster that hangs, or a library that crashes, costs a child.
//
// What the child says is taken for true only if all of it makes sense for what was asked. A child
// that was killed, crashed or talked nonsense may have done anything: kUnknown. kFailed comes from
// here only when no child was started.
//
// What fences (isolate, renew, lift, grant, remove_user) never waits for anything else; the rest
// takes turns. Loop thread only; destroying it kills what runs, and nothing more is answered.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/port/ceph_storage.h"
#include "lib/runtime/child_process.h"
#include "lib/runtime/event_loop.h"

namespace mold::ceph {

struct CephToolSettings {
  std::string program = "/usr/libexec/mold/mold-ceph";
  std::size_t fencing_at_once = 64;  // more are kBusy; a run takes 25 MB
  std::size_t reading_at_once = 4;
  std::size_t disks_at_once = 2;  // an import may take minutes
  std::size_t most_waiting = 64;  // of each of these two; more are kBusy
};

struct CephRequest;

class CephTool final : public port::CephStorage {
 public:
  explicit CephTool(runtime::EventLoop& loop, CephToolSettings settings = {});
  ~CephTool() override;
  CephTool(const CephTool&) = delete;
  CephTool& operator=(const CephTool&) = delete;

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
  // Requests of one kind: so many run, the others wait their turn within their own deadline.
  struct Waiting;
  struct Lane {
    std::size_t at_once = 0;
    std::size_t most_waiting = 0;
    std::map<std::uint64_t, runtime::ChildHandle> running;
    std::deque<std::unique_ptr<Waiting>> waiting;
  };
  // What came of a child: what it wrote, or the problem that stands in for it.
  using Ended = std::function<void(std::optional<port::CephAnswer> problem, std::string out)>;

  template <class Answer>
  void ask(CephRequest request, Done<Answer> done);
  void enqueue(const CephRequest& request, Ended ended);
  void start(Lane& lane, const CephRequest& request, Instant until, Ended ended);
  void start_waiting(Lane& lane);
  Lane& lane_of(const CephRequest& request);

  runtime::EventLoop& loop_;
  CephToolSettings settings_;
  Lane fencing_, reading_, disks_;
  std::uint64_t next_ = 1;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what is posted to the loop
};

}  // namespace mold::ceph
