#include "agentd/config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agentd/heartbeat/pools_file.h"
#include "agentd/link/manager_call.h"

namespace mold::agentd {
namespace {

using runtime::Config;
using runtime::LogLevel;

// Gathers problems instead of ending at the first.
class Problems {
 public:
  template <class T>
  T take(Result<T> result, T fallback) {
    if (result) return std::move(*result);
    add(result.error().what);
    return fallback;
  }
  void add(const std::string& text) { text_ += (text_.empty() ? "" : "\n") + text; }
  void check(const Status& status) {
    if (!status) add(status.error().what);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string one_of(const Config& config, const char* name,
                   std::initializer_list<std::string_view> allowed, Problems& problems) {
  const std::string& value = config.text(name);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    std::string list;
    for (const std::string_view one : allowed)
      list += (list.empty() ? "" : ", ") + std::string(one);
    problems.add(config.origin(name) + ": " + name + "='" + value + "' is none of " + list);
  }
  return value;
}

std::string absolute(const Config& config, const char* name, Problems& problems) {
  const std::string& value = config.text(name);
  if (value.empty() || value.front() != '/') {
    problems.add(config.origin(name) + ": " + name + "='" + value + "' is not an absolute path");
  }
  return value;
}

LogLevel level_of(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "notice") return LogLevel::kNotice;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

}  // namespace

std::vector<runtime::OptionSpec> agent_options() {
  const auto text = [](const char* name, std::string value, const char* help) {
    runtime::OptionSpec spec;
    spec.name = name;
    spec.default_value = std::move(value);
    spec.help = help;
    return spec;
  };
  return {
      text("managers", "",
           "managers to dial, https://HOST:8250, comma separated; empty: as enrolled"),
      text("state.dir", "/var/lib/mold/agentd", "identity: key, certificates, host id"),
      text("run.dir", "/run/mold", "lease board and epoch, shared with mold-heartbeat"),
      text("heartbeat.pools", std::string(heartbeat::kDefaultPoolsFile),
           "the pools that mold-heartbeat beats on; written by us"),
      text("libvirt.uri", "qemu:///system", "libvirt connection"),
      text("vm.type", "auto", "auto (kvm if libvirt offers it), kvm, or qemu"),
      text("vm.machine", "pc", "machine type of new domains"),
      text("vm.disk.bus", "virtio", "virtio, ide, sata or scsi"),
      text("vm.disk.cache", "none", "of files: none, writethrough, writeback or directsync"),
      text(
          "outside.runner", "systemd-run",
          "runs mount and lvm outside of this service's confinement; empty: they are run directly"),
      text("ceph.program", "/usr/libexec/mold/mold-ceph", "what speaks to Ceph for us; absolute"),
      text("reserved.memory_mb", "1024", "memory of the host that VMs may not use"),
      text("reserved.cpus", "0", "CPUs of the host that VMs may not use"),
      text("facts.root", "", "prefix of /proc and /sys, for tests"),
      text("bus", "system", "system, none, or a D-Bus address"),
      text("log.level", "info", "debug, info, notice, warning or error"),
  };
}

Result<AgentConfig> compile_config(const Config& config) {
  Problems problems;
  AgentConfig out;
  out.managers = config.list("managers");
  for (const std::string& url : out.managers) problems.check(check_manager_url(url));
  out.state_dir = absolute(config, "state.dir", problems);
  const std::string run_dir = absolute(config, "run.dir", problems);
  out.board_path = run_dir + "/leases";
  out.epoch_path = run_dir + "/epoch";
  out.pools_path = absolute(config, "heartbeat.pools", problems);
  out.hypervisor.connection.uri = config.text("libvirt.uri");
  out.hypervisor.domain_type = one_of(config, "vm.type", {"auto", "kvm", "qemu"}, problems);
  out.hypervisor.defaults.machine = config.text("vm.machine");
  out.hypervisor.defaults.disk_bus =
      one_of(config, "vm.disk.bus", {"virtio", "ide", "sata", "scsi"}, problems);
  out.hypervisor.defaults.disk_cache = one_of(
      config, "vm.disk.cache", {"none", "writethrough", "writeback", "directsync"}, problems);
  out.reserve.memory_bytes = static_cast<std::uint64_t>(problems.take(
                                 config.integer("reserved.memory_mb", 0, 1 << 30), std::int64_t{0}))
                             << 20U;
  out.reserve.cpus = static_cast<std::uint32_t>(
      problems.take(config.integer("reserved.cpus", 0, 65'535), std::int64_t{0}));
  out.runner = config.text("outside.runner");
  out.ceph_program = absolute(config, "ceph.program", problems);
  out.facts_root = config.text("facts.root");
  out.hypervisor.records_dir = run_dir + "/vms";
  out.hypervisor.proc = out.facts_root + "/proc";
  out.bus = config.text("bus");
  out.log_level = level_of(
      one_of(config, "log.level", {"debug", "info", "notice", "warning", "error"}, problems));
  if (!problems.text().empty()) return fail(ErrorKind::kInvalid, problems.text());
  return out;
}

}  // namespace mold::agentd
