#pragma once
// What libvirt knows of the disks of running VMs: the files NAME.xml that libvirtd keeps in /run
// for its own restart, and writes anew whenever a device is plugged in or out. An RBD disk that
// came later shows nowhere else: not in the command line, and not among QEMU's open files.
//
// Owned by VmHunter. The files lie in memory (tmpfs), so reading them does not hang; no allocation
// after construction; a file that did not change is not read again.
#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agentd/heartbeat/pool_mask.h"

namespace mold::heartbeat {

class DomainFiles {
 public:
  explicit DomainFiles(std::string directory) : directory_(std::move(directory)) {}

  // Which pools have that name in Ceph.
  class CephPools {
   public:
    virtual ~CephPools() = default;
    [[nodiscard]] virtual PoolMask ceph_pools(std::string_view name) const = 0;
  };
  // Reads what changed. No directory: no libvirt here, and nothing to know.
  void look(const CephPools& pools);
  // Pools became others: all is read again with the next look.
  void forget() { files_ = {}; }

  // Of the RBD disks that the VM with this process has now. False: no file is of this process.
  bool find(int pid, PoolMask& pools) const;
  // A file could not be read: a VM without one of its own may have any disk.
  [[nodiscard]] bool unclear() const { return unclear_; }

 private:
  struct File {
    ino_t inode = 0;  // 0: free entry
    timespec changed = {};
    off_t size = 0;
    int pid = 0;  // 0: it could not be read
    PoolMask pools = 0;
    bool seen = false;
  };
  void visit(int directory, const char* name, const CephPools& pools);
  static bool read(int fd, const CephPools& pools, File& out);

  std::string directory_;
  bool unclear_ = false;
  std::array<File, kMaxVmProcesses> files_{};
};

}  // namespace mold::heartbeat
