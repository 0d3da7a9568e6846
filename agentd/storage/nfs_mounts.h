#pragma once
// Mounts the NFS pools of this host, and keeps them mounted: looks at the kernel's table every few
// seconds, carries out what core/agent/mount_rules.h says, and looks again. mount and umount run
// outside of this service (outside.h) with a deadline; a umount is always the plain one, which the
// kernel refuses while a file is open there. Paths of pools are touched on a lane only.
//
// A pool that the manager names no more is remembered for this life of the agent and unmounted
// once nobody can be using it; after a restart it stays mounted.
//
// Loop thread only.
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agentd/storage/mount_table.h"
#include "agentd/storage/outside.h"
#include "core/agent/mount_rules.h"
#include "lib/runtime/child_process.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/worker_lane.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

class NfsMounts {
 public:
  struct Options {
    Outside how;
    std::string mount = "mount";
    std::string umount = "umount";
    std::string table = "/proc/self/mountinfo";
    Duration look_every{5'000};
    Duration try_again{15'000};  // after a mount or umount that did not help
    Duration deadline{90'000};   // of one; a server that is down is waited for
  };
  using UseOf = std::function<core::PoolUse(const wire::PoolInfo&)>;

  NfsMounts(runtime::EventLoop& loop, Options options);
  ~NfsMounts();
  NfsMounts(const NfsMounts&) = delete;
  NfsMounts& operator=(const NfsMounts&) = delete;

  // Without `use` every pool is in use for all we know.
  void start(UseOf use);
  void set_pools(const std::vector<wire::PoolInfo>& pools);
  // What the gauge found when it looked into the pool.
  void note_health(const std::string& uuid, core::MountHealth health);

  struct View {
    core::MountState state = core::MountState::kUnknown;
    std::string text;  // for people
  };
  [[nodiscard]] View view(const std::string& uuid) const;

 private:
  struct Watched {
    wire::PoolInfo pool;
    NfsSource source;
    core::Wanted wanted = core::Wanted::kYes;
    core::MountState state = core::MountState::kUnknown;
    core::MountHealth health = core::MountHealth::kUnknown;
    bool under_way = false;
    Instant not_before{};
    std::string trouble;  // of the latest step
  };
  void look();
  void looked(const Result<std::vector<Mount>>& mounts);
  void judge(Watched& watched);
  void mount(Watched& watched);
  void unmount(Watched& watched);
  void run(const std::string& uuid, const std::string& what, runtime::ChildSpec spec);
  void stepped(const std::string& uuid, const std::string& trouble);

  runtime::EventLoop& loop_;
  Options options_;
  UseOf use_;
  runtime::WorkerLane lane_;
  runtime::Timer timer_;
  bool looking_ = false;
  std::map<std::string, Watched> watched_;  // by UUID
  std::list<runtime::ChildHandle> children_;
};

}  // namespace mold::agentd
