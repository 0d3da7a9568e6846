#pragma once
// What of our VMs is on this host, known without libvirt. libvirtd may lose a domain whose QEMU
// lives on (it could not reconnect, its state file was lost), so "no such domain" is not "gone":
// gone is what has no process any more. Each VM has a small file, written before it is created and
// removed once it is proven gone, so that a restarted agent knows what was here; it also names the
// process, since a dying one has no command line left.
//
// A process is gone when its /proc entry has vanished or it is a zombie without other threads; D
// state and a zombie leader with living threads are not. Any thread (lane threads); reads of /proc
// may block on a hung process, so never on the loop.
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agentd/libvirt/domain_xml.h"
#include "lib/base/result.h"

namespace mold::agentd {

struct QemuProcess {
  pid_t pid = 0;
  std::uint64_t start = 0;  // clock ticks since boot: together with pid it is one process for ever
  char state = '?';
  std::string uuid;  // of its command line, lower case
  // No command line, as of a process that is being torn down: it may be of any VM.
  bool nameless = false;
};

// All living QEMU processes with a UUID or without a command line. kUnknown: not all of /proc could
// be read.
Result<std::vector<QemuProcess>> find_qemu(const std::string& proc);
// SIGKILL through a pidfd, to exactly this process.
void kill_process(const std::string& proc, const QemuProcess& process);

class VmRecords {
 public:
  // `directory` empty: nothing is kept over a restart of this program.
  explicit VmRecords(std::string directory, std::string proc = "/proc");

  // Around every creation, once nothing remains of the VM. The record is on disk before this
  // returns; without it nothing may be created. While a creation is under way the record stays.
  Status begin_create(const std::string& uuid, const DomainIdentity& identity);
  void end_create(const std::string& uuid);
  // libvirt shows this domain now.
  void saw(const std::string& uuid, const DomainIdentity& identity);
  // Proven. Does nothing while a creation is under way, or when it is another one by now.
  void gone(const std::string& uuid, const DomainIdentity& identity);

  struct Remains {
    std::vector<QemuProcess> processes;  // certainly of this VM
    bool unclear = false;                // a nameless one may be of it
    [[nodiscard]] bool none() const { return processes.empty() && !unclear; }
  };
  // Looks at /proc. Also learns which process belongs to which record.
  Result<Remains> remains(const std::string& uuid);
  // Kills what remains of a VM that libvirt did not have at `since` (now_ticks()), and waits a
  // moment. What is left then. Processes that began later are libvirt's newest work: left alone.
  Result<Remains> end(const std::string& uuid, std::uint64_t since);
  static std::uint64_t now_ticks();

  struct Known {
    std::string uuid;
    DomainIdentity identity;
    bool creating = false;
    bool has_process = false;
  };
  [[nodiscard]] std::vector<Known> known() const;
  [[nodiscard]] std::optional<Known> find(const std::string& uuid) const;

 private:
  struct Record {
    DomainIdentity identity;
    pid_t pid = 0;  // 0: not known
    std::uint64_t start = 0;
    std::uint64_t since = 0;  // no process that is older can be of it; clock ticks since boot
    int creating = 0;
    bool saved = false;
  };
  [[nodiscard]] std::string path_of(const std::string& uuid) const;
  void load();
  Status save(const std::string& uuid, Record& record);

  const std::string directory_;
  const std::string proc_;
  mutable std::mutex mutex_;
  std::map<std::string, Record> records_;
};

}  // namespace mold::agentd
