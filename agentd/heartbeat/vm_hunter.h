#pragma once
// Finds the QEMU processes that use a pool, kills them, and says when they are really gone. Owned
// by the supervisor's thread; reads /proc and /run only: link names and text, never the files
// behind them, so a hung pool cannot hang it. Fixed tables, no allocation after construction.
//
// What counts as using a pool: a path below the pool's directory among the names of its open files
// or in its command line; for /dev/<volume group> also a device that the device mapper calls by a
// name of that group (a logical volume is open as /dev/dm-3); for rbd:<Ceph pool> a disk of that
// pool in the command line, as libvirt writes it, or among the disks that libvirt says the VM has
// now (DomainFiles): one that was plugged in later. Where libvirt's word cannot be read, its VM
// counts on every RBD pool. A process that was once seen there keeps counting while it is dying,
// because its links vanish before its last threads do. A VM whose command line was never read makes
// a look incomplete: nobody can say which pool it is about to open. What counts as gone: its /proc
// entry has vanished (or belongs to a later process), or it is a zombie with no other thread left.
// A zombie leader with threads in D state is NOT gone: their I/O may still land. (I/O that the
// kernel does on behalf of nobody, such as an NFS request already on the wire, cannot be seen here;
// verify_grace and the observer's margin are there for it.)
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agentd/heartbeat/domain_files.h"
#include "agentd/heartbeat/pool_mask.h"
#include "agentd/heartbeat/pools_file.h"
#include "lib/base/unique_fd.h"

namespace mold::heartbeat {

class VmHunter final : DomainFiles::CephPools {
  static constexpr std::size_t kMaxGroup = 256;

 public:
  // `prefixes`: a process is a VM when its executable's file name or its comm begins with one.
  // `domains`: where libvirtd keeps the state of running VMs.
  explicit VmHunter(std::vector<std::string> prefixes, std::string proc = "/proc",
                    std::string sys = "/sys", std::string domains = {});

  // Up to two names of a pool's directory: as configured, and with symbolic links resolved (as the
  // pool's child found it; empty while not known). Empty configured path frees the slot; the same
  // one again keeps the real name.
  void set_pool(std::size_t slot, std::string_view path, std::string_view real_path);

  // When the pool's child has found the real name; cheap when it is known already.
  void set_real_path(std::size_t slot, std::string_view real_path);

  // Goes through /proc once and brings the table up to date. False: it is not complete (a process
  // could not be read, or the table is full) and must not serve as proof.
  bool look();

  // After look(): processes not verified gone that use the pool.
  [[nodiscard]] std::uint32_t count(std::size_t slot) const;
  // SIGKILL to each of them that was not sent one in this look; returns how many were sent. Each
  // process is logged once.
  std::uint32_t kill(std::size_t slot);

  // After look(): stops (SIGSTOP) every VM of these pools and lets go on (SIGCONT) those that were
  // stopped here and are on none of them any more.
  void hold(PoolMask pools);
  // The last instance had stopped the VMs of this pool: a stopped one is ours to continue.
  void adopt_held(std::size_t slot) { adopted_ |= PoolMask{1} << slot; }
  // Somebody is stopped.
  [[nodiscard]] bool holds() const;

 private:
  struct Vm {
    int pid = 0;  // 0: free entry
    std::uint64_t start = 0;
    UniqueFd pidfd;
    PoolMask pools = 0;
    PoolMask by_command = 0;
    bool command_read = false;
    bool kill_sent = false;
    bool kill_logged = false;
    bool held = false;
    bool seen = false;
    char state = '?';
  };
  struct Stat {
    char comm[64] = {};
    char state = '?';
    std::uint64_t start = 0;
  };
  enum class Read : std::uint8_t { kOk, kGone, kFailed };
  struct Names {
    char path[kMaxPoolPath + 1] = {};
    char real[kMaxPoolPath + 1] = {};
    char group[kMaxGroup] = {};  // volume group as the device mapper writes it; empty: none
  };

  Read read_stat(int pid, Stat& out) const;
  static Read read_stat_file(const char* path, Stat& out);
  [[nodiscard]] bool is_vm(int pid, const Stat& stat) const;
  bool visit(int pid);
  bool refresh(Vm& vm, const Stat& stat);
  bool still_there(const Vm& vm, const Stat& stat, bool& complete) const;
  Vm* find_or_add(int pid, const Stat& stat);
  bool read_command(Vm& vm, const Stat& stat);
  bool read_command_file(Vm& vm, const char* path);
  // Adds the pools among the link names of one fd directory; -1 unreadable, else number of links.
  int read_links(const char* directory, PoolMask& pools) const;
  int read_task_links(int pid, PoolMask& pools) const;
  [[nodiscard]] PoolMask pools_of_path(std::string_view path) const;
  [[nodiscard]] PoolMask pools_of_mapped(std::string_view mapper_name) const;
  [[nodiscard]] PoolMask ceph_pools(std::string_view name) const override;
  [[nodiscard]] PoolMask plugged_pools(int pid) const;
  static bool send_signal(const Vm& vm, int signal);
  static void note_group(std::string_view path, char (&group)[kMaxGroup]);
  [[nodiscard]] PoolMask pools_in_command(std::string_view text) const;

  std::vector<std::string> prefixes_;
  std::string proc_;
  std::string sys_;
  DomainFiles domains_;
  PoolMask adopted_ = 0;
  std::array<Names, kMaxPools> names_{};
  std::array<Vm, kMaxVmProcesses> vms_{};
};

}  // namespace mold::heartbeat
