#pragma once
// Settings of mold-heartbeat: /etc/mold/heartbeat.conf, lines key=value, '#' comments. Read once at
// start; what changes at run time (pools, epoch) lies in files of its own. docs/HEARTBEAT_FORMAT.md
// lists the keys.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agentd/heartbeat/lease_board.h"
#include "agentd/heartbeat/pools_file.h"
#include "lib/base/result.h"

namespace mold::heartbeat {

inline constexpr std::string_view kDefaultConfigPath = "/etc/mold/heartbeat.conf";

extern const std::string_view kDefaultProgramsDir;  // where this build installs them

struct Config {
  std::string host_uuid_file = "/var/lib/mold/agentd/host.id";
  std::string boot_id_file = "/proc/sys/kernel/random/boot_id";
  std::string pools_file{kDefaultPoolsFile};
  std::string epoch_file{kDefaultEpochPath};
  std::string board{kDefaultBoardPath};
  std::string watchdog_device = "/dev/watchdog";  // empty: none on purpose
  unsigned watchdog_timeout_s = 4;
  bool watchdog_software = false;  // true: the kernel's software watchdog will do
  bool watchdog_required = false;  // true: do not start without it
  std::uint32_t beat_interval_ms = kDefaultBeatIntervalMs;
  std::uint32_t deadline_ms = kDefaultSelfFenceDeadlineMs;
  std::uint32_t verify_grace_ms = 1000;
  unsigned probation_beats = 3;
  std::uint32_t stop_wait_ms = 3000;
  std::vector<std::string> vm_prefixes{"qemu"};
  std::string vm_status_dir = "/run/libvirt/qemu";  // of libvirtd: which disks VMs have now
  std::string programs_dir{kDefaultProgramsDir};    // mold-heartbeat-rados, mold-heartbeat-nfs
};

// kInvalid with the line number; unknown keys are errors.
Result<Config> parse_config(std::string_view text);
// A missing file means all defaults.
Result<Config> load_config(const std::string& path);

// First line of a small file, trimmed.
Result<std::string> read_small_file(const std::string& path);

}  // namespace mold::heartbeat
