#pragma once
// The port to Ceph as manager and agents have it: each request is one run of the program mold-ceph,
// with the key on a descriptor of its own and a deadline after which it is killed. Nothing of Ceph
// is linked here (docs/adr/0011): a cluster that hangs, or a library that crashes, costs a child.
//
// What the child says is taken for true only if all of it makes sense for what was asked. A child
// that was killed, crashed or talked nonsense may have done anything: kUnknown. kFailed comes from
// here only when no child was started.
//
// What fences (isolate, renew, lift, grant) never waits for anything else; the rest takes turns.
// Loop thread only; destroying it kills what runs, and nothing more is answered.
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/port/ceph_storage.h"
#include "lib/runtime/child_process.h"
#include "lib/runtime/event_loop.h"

namespace mold::ceph {

struct CephToolSettings {
  std::string program = "/usr/libexec/mold/mold-ceph";
  std::size_t urgent_at_once = 64;  // fencing; more are kBusy
  std::size_t others_at_once = 4;   // reading and disks: a child takes 25 MB
  std::size_t others_waiting = 64;  // more are kBusy
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
  void isolate(const port::CephAccess& access, const port::IsolationOrder& order, Duration deadline,
               Done<port::IsolationAnswer> done) override;
  void renew(const port::CephAccess& access, const std::vector<std::string>& clients,
             Duration expiry, Duration deadline, Done<port::CephAnswer> done) override;
  void lift(const port::CephAccess& access, const std::vector<std::string>& clients,
            Duration deadline, Done<port::CephAnswer> done) override;
  void create_disk(const port::CephAccess& access, const port::DiskOrder& order, Duration deadline,
                   Done<port::CephAnswer> done) override;
  void remove_disk(const port::CephAccess& access, const std::string& image, Duration deadline,
                   Done<port::CephAnswer> done) override;

 private:
  // What came of the child: what it wrote, or why there is nothing to read.
  using Ended = std::function<void(port::CephAnswer problem, std::string out)>;
  struct Waiting;

  template <class Answer>
  void ask(CephRequest request, Done<Answer> done);
  void enqueue(const CephRequest& request, Ended ended);
  void start(const CephRequest& request, Instant until, Ended ended);
  void start_waiting();

  runtime::EventLoop& loop_;
  CephToolSettings settings_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, runtime::ChildHandle> urgent_;
  std::map<std::uint64_t, runtime::ChildHandle> others_;
  std::deque<std::unique_ptr<Waiting>> waiting_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what is posted to the loop
};

}  // namespace mold::ceph
