#include "agentd/heartbeat/vm_hunter.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "agentd/heartbeat/proc_dir.h"
#include "agentd/heartbeat/quiet_log.h"
#include "lib/base/text.h"

namespace mold::heartbeat {
namespace {

// A path in /proc, built without allocation.
struct ProcPath {
  char text[1024];
  template <class... Args>
  explicit ProcPath(const char* format, Args... args) {
    std::snprintf(text, sizeof text, format, args...);
  }
};

bool means_gone(int error) {
  return error == ENOENT || error == ESRCH || error == ENOTDIR;
}

void copy_text(std::string_view from, char (&to)[kMaxPoolPath + 1]) {
  const std::size_t size = std::min(from.size(), kMaxPoolPath);
  std::memcpy(to, from.data(), size);
  to[size] = '\0';
}

bool below(std::string_view path, std::string_view directory) {
  return !directory.empty() && path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

bool path_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
         c == '_' || c == '-' || c == '.';
}

// The directory as a whole path inside other text: "file=/mnt/a/x", not "/srv/mnt/a/x" or
// "/mnt/ab".
bool names_directory(std::string_view text, std::string_view directory) {
  if (directory.empty()) return false;
  for (auto at = text.find(directory); at != std::string_view::npos;
       at = text.find(directory, at + 1)) {
    const auto after = at + directory.size();
    const bool starts = at == 0 || !path_char(text[at - 1]);
    const bool ends = after == text.size() || text[after] == '/' || !path_char(text[after]);
    if (starts && ends) return true;
  }
  return false;
}

// "key":"value" anywhere in JSON text, blanks allowed around the colon.
bool has_member(std::string_view json, std::string_view key, std::string_view value) {
  const auto skip_blanks = [&](std::size_t& at) {
    while (at < json.size() && json[at] == ' ') ++at;
  };
  for (auto at = json.find(key); at != std::string_view::npos; at = json.find(key, at + 1)) {
    auto after = at + key.size();
    if (at == 0 || json[at - 1] != '"' || after >= json.size() || json[after] != '"') continue;
    skip_blanks(++after);
    if (after >= json.size() || json[after] != ':') continue;
    skip_blanks(++after);
    const auto rest = json.substr(std::min(after, json.size()));
    if (rest.size() >= value.size() + 2 && rest.front() == '"' &&
        rest.substr(1, value.size()) == value && rest[value.size() + 1] == '"') {
      return true;
    }
  }
  return false;
}

// Among the words of a command line: -blockdev {"driver":"rbd","pool":"vms",...}
bool names_ceph_pool(std::string_view text, std::string_view pool) {
  if (pool.empty()) return false;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find('\0'));
    if (has_member(word, "pool", pool) && has_member(word, "driver", "rbd")) return true;
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return false;
}

// A dash in a group's name is written twice, so the first single one ends it.
bool of_group(std::string_view mapper_name, std::string_view group) {
  return !group.empty() && mapper_name.size() > group.size() + 1 &&
         mapper_name.starts_with(group) && mapper_name[group.size()] == '-' &&
         mapper_name[group.size() + 1] != '-';
}

constexpr std::string_view kMapperPrefix = "/dev/mapper/";
constexpr std::string_view kMappedPrefix = "/dev/dm-";

}  // namespace

VmHunter::VmHunter(std::vector<std::string> prefixes, std::string proc, std::string sys,
                   std::string domains)
    : prefixes_(std::move(prefixes)),
      proc_(std::move(proc)),
      sys_(std::move(sys)),
      domains_(std::move(domains)) {}

void VmHunter::note_group(std::string_view path, char (&group)[kMaxGroup]) {
  group[0] = '\0';
  constexpr std::string_view kDev = "/dev/";
  if (!path.starts_with(kDev) || path.find('/', kDev.size()) != std::string_view::npos) return;
  std::size_t size = 0;
  for (const char c : path.substr(kDev.size())) {
    if (size + 3 > kMaxGroup) {  // no volume group has such a name
      group[0] = '\0';
      return;
    }
    group[size++] = c;
    if (c == '-') group[size++] = c;
  }
  group[size] = '\0';
}

void VmHunter::set_pool(std::size_t slot, std::string_view path, std::string_view real_path) {
  // The same pool again: what is known of it stays, so no command line has to be read anew.
  const bool real_told = !real_path.empty() && real_path != names_[slot].real;
  if (path == names_[slot].path && !real_told) return;
  copy_text(path, names_[slot].path);
  copy_text(real_path, names_[slot].real);
  note_group(path, names_[slot].group);
  domains_.forget();
  for (auto& vm : vms_) {
    vm.command_read = false;
    if (path.empty()) {
      vm.pools &= ~(PoolMask{1} << slot);
      vm.by_command &= ~(PoolMask{1} << slot);
    }
  }
}

void VmHunter::set_real_path(std::size_t slot, std::string_view real_path) {
  if (real_path.empty() || real_path == names_[slot].real) return;
  copy_text(real_path, names_[slot].real);
  for (auto& vm : vms_) vm.command_read = false;
}

PoolMask VmHunter::pools_of_path(std::string_view path) const {
  PoolMask mask = 0;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (below(path, names_[i].path) || below(path, names_[i].real)) mask |= PoolMask{1} << i;
  }
  if (path.starts_with(kMapperPrefix)) mask |= pools_of_mapped(path.substr(kMapperPrefix.size()));
  if (!path.starts_with(kMappedPrefix)) return mask;
  const auto number = parse_number<unsigned>(path.substr(kMappedPrefix.size()));
  if (!number) return mask;
  // The kernel's own table: reading it touches no device.
  const ProcPath name("%s/block/dm-%u/dm/name", sys_.c_str(), *number);
  const UniqueFd fd(::open(name.text, O_RDONLY | O_CLOEXEC));
  char text[256];
  const auto n = fd ? ::read(fd.get(), text, sizeof text) : -1;
  if (n <= 0) return mask;
  return mask | pools_of_mapped(trim({text, static_cast<std::size_t>(n)}));
}

PoolMask VmHunter::pools_of_mapped(std::string_view mapper_name) const {
  PoolMask mask = 0;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (of_group(mapper_name, names_[i].group)) mask |= PoolMask{1} << i;
  }
  return mask;
}

PoolMask VmHunter::pools_in_command(std::string_view text) const {
  PoolMask mask = 0;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names_directory(text, names_[i].path) || names_directory(text, names_[i].real) ||
        names_ceph_pool(text, ceph_pool_of(names_[i].path))) {
      mask |= PoolMask{1} << i;
    }
  }
  for (auto at = text.find(kMapperPrefix); at != std::string_view::npos;
       at = text.find(kMapperPrefix, at + 1)) {
    mask |= pools_of_mapped(text.substr(at + kMapperPrefix.size()));
  }
  return mask;
}

PoolMask VmHunter::ceph_pools(std::string_view name) const {
  PoolMask mask = 0;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::string_view pool = ceph_pool_of(names_[i].path);
    if (!pool.empty() && pool == name) mask |= PoolMask{1} << i;
  }
  return mask;
}

PoolMask VmHunter::plugged_pools(int pid) const {
  PoolMask mask = 0;
  if (domains_.find(pid, mask) || !domains_.unclear()) return mask;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (!ceph_pool_of(names_[i].path).empty()) mask |= PoolMask{1} << i;
  }
  return mask;
}

VmHunter::Read VmHunter::read_stat(int pid, Stat& out) const {
  return read_stat_file(ProcPath("%s/%d/stat", proc_.c_str(), pid).text, out);
}

VmHunter::Read VmHunter::read_stat_file(const char* path, Stat& out) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return means_gone(errno) ? Read::kGone : Read::kFailed;
  char text[1024];
  const auto n = ::read(fd.get(), text, sizeof text);
  if (n <= 0) return n < 0 && means_gone(errno) ? Read::kGone : Read::kFailed;
  const std::string_view all(text, static_cast<std::size_t>(n));
  const auto open = all.find('(');
  const auto close = all.rfind(')');  // comm may hold anything, also brackets
  if (open == std::string_view::npos || close == std::string_view::npos || close < open ||
      close + 2 >= all.size()) {
    return Read::kFailed;
  }
  const auto comm = all.substr(open + 1, std::min(close - open - 1, sizeof out.comm - 1));
  std::memcpy(out.comm, comm.data(), comm.size());
  out.comm[comm.size()] = '\0';
  auto rest = all.substr(close + 2);
  out.state = rest.front();
  for (int field = 3; field < 22; ++field) {  // start time is field 22
    const auto blank = rest.find(' ');
    if (blank == std::string_view::npos) return Read::kFailed;
    rest.remove_prefix(blank + 1);
  }
  const auto start = parse_number<std::uint64_t>(rest.substr(0, rest.find(' ')));
  if (!start) return Read::kFailed;
  out.start = *start;
  return Read::kOk;
}

bool VmHunter::is_vm(int pid, const Stat& stat) const {
  const auto matches = [&](std::string_view name) {
    return std::any_of(prefixes_.begin(), prefixes_.end(),
                       [&](const std::string& prefix) { return name.starts_with(prefix); });
  };
  if (matches(stat.comm)) return true;
  const ProcPath path("%s/%d/exe", proc_.c_str(), pid);
  char target[PATH_MAX];
  const auto n = ::readlink(path.text, target, sizeof target);
  if (n <= 0) return false;  // kernel threads and zombies have none
  const std::string_view exe(target, static_cast<std::size_t>(n));
  return matches(exe.substr(exe.rfind('/') + 1));
}

VmHunter::Vm* VmHunter::find_or_add(int pid, const Stat& stat) {
  Vm* free = nullptr;
  for (auto& vm : vms_) {
    if (vm.pid == pid && vm.start == stat.start) return &vm;
    if (vm.pid == 0 && free == nullptr) free = &vm;
  }
  if (free == nullptr) return nullptr;
  *free = Vm{};
  free->pid = pid;
  free->start = stat.start;
  free->pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  return free;
}

int VmHunter::read_links(const char* directory, PoolMask& pools) const {
  int links = 0;
  bool denied = false;
  const int error = for_each_entry(directory, [&](const char* name) {
    ++links;
    const ProcPath link("%s/%s", directory, name);
    char target[PATH_MAX];
    const auto n = ::readlink(link.text, target, sizeof target);
    if (n > 0) pools |= pools_of_path({target, static_cast<std::size_t>(n)});
    if (n < 0 && !means_gone(errno)) denied = true;
  });
  if (error != 0) return means_gone(error) ? 0 : -1;
  if (denied) return -1;
  return links;
}

int VmHunter::read_task_links(int pid, PoolMask& pools) const {
  const ProcPath tasks("%s/%d/task", proc_.c_str(), pid);
  int links = 0;
  const int error = for_each_entry(tasks.text, [&](const char* tid) {
    const ProcPath directory("%s/%d/task/%s/fd", proc_.c_str(), pid, tid);
    const int found = read_links(directory.text, pools);
    if (found > 0) links += found;
  });
  return error != 0 && !means_gone(error) ? -1 : links;
}

// Read once per process: it does not change, and reading it takes a lock that a process in D state
// may hold. A zombie leader has none any more, but its other threads have. False: not known yet.
bool VmHunter::read_command(Vm& vm, const Stat& stat) {
  if (stat.state == 'D') return false;
  if (stat.state != 'Z') {
    return read_command_file(vm, ProcPath("%s/%d/cmdline", proc_.c_str(), vm.pid).text);
  }
  const ProcPath tasks("%s/%d/task", proc_.c_str(), vm.pid);
  bool read = false;
  (void)for_each_entry(tasks.text, [&](const char* tid) {
    if (read) return;
    Stat task;
    const ProcPath state("%s/%d/task/%s/stat", proc_.c_str(), vm.pid, tid);
    if (read_stat_file(state.text, task) != Read::kOk || task.state == 'D' || task.state == 'Z') {
      return;
    }
    const ProcPath command("%s/%d/task/%s/cmdline", proc_.c_str(), vm.pid, tid);
    read = read_command_file(vm, command.text);
  });
  return read;
}

// An empty one is of a process that has given its memory back already.
bool VmHunter::read_command_file(Vm& vm, const char* path) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return means_gone(errno);
  static char text[32 * 1024];
  std::size_t kept = 0;
  bool any = false;
  vm.by_command = 0;
  while (true) {
    const auto n = ::read(fd.get(), text + kept, sizeof text - kept);
    if (n < 0) return means_gone(errno);
    any = any || n > 0;
    const std::size_t size = kept + static_cast<std::size_t>(n);
    vm.by_command |= pools_in_command({text, size});
    if (n == 0) break;
    // A word may lie across two reads; one that is longer than half of this is cut.
    const auto word = size - (std::string_view(text, size).rfind('\0') + 1);
    kept = std::min({size, std::max(word, kMaxPoolPath + 2), sizeof text / 2});
    std::memmove(text, text + size - kept, kept);
  }
  vm.command_read = any;
  return any;
}

bool VmHunter::still_there(const Vm& vm, const Stat& stat, bool& complete) const {
  if (stat.state == 'X' || stat.state == 'x') return false;
  if (stat.state != 'Z') return true;
  const ProcPath tasks("%s/%d/task", proc_.c_str(), vm.pid);
  int count = 0;
  const int error = for_each_entry(tasks.text, [&](const char*) { ++count; });
  if (error != 0 && !means_gone(error)) complete = false;
  return error == 0 ? count > 1 : !means_gone(error);
}

// Brings one VM's entry up to date; false when something about it could not be read.
bool VmHunter::refresh(Vm& vm, const Stat& stat) {
  bool complete = true;
  if (!still_there(vm, stat, complete)) return complete;  // not marked as seen: dropped
  vm.seen = true;
  vm.state = stat.state;
  if (!vm.command_read) complete = read_command(vm, stat) && complete;
  PoolMask now = vm.by_command | plugged_pools(vm.pid);
  const ProcPath directory("%s/%d/fd", proc_.c_str(), vm.pid);
  int links = read_links(directory.text, now);
  if (links <= 0) links = read_task_links(vm.pid, now);
  const bool dying = links <= 0 || stat.state == 'Z' || vm.kill_sent;
  vm.pools = dying ? vm.pools | now : now;
  if (stat.state == 'T' && (vm.pools & adopted_) != 0) vm.held = true;
  return complete && links >= 0;
}

bool VmHunter::visit(int pid) {
  Stat stat;
  const Read read = read_stat(pid, stat);
  if (read == Read::kGone) return true;
  if (read == Read::kFailed) return false;
  if (!is_vm(pid, stat)) {
    // An entry of ours that no longer looks like a VM (a zombie has no exe) is still one.
    const bool known = std::any_of(vms_.begin(), vms_.end(), [&](const Vm& vm) {
      return vm.pid == pid && vm.start == stat.start;
    });
    if (!known) return true;
  }
  Vm* vm = find_or_add(pid, stat);
  if (vm == nullptr) return false;
  return refresh(*vm, stat);
}

bool VmHunter::look() {
  for (auto& vm : vms_) vm.seen = false;
  domains_.look(*this);
  bool complete = true;
  const int error = for_each_entry(proc_.c_str(), [&](const char* name) {
    const auto pid = parse_number<int>(name);
    if (pid && *pid > 0 && !visit(*pid)) complete = false;
  });
  for (auto& vm : vms_) {
    if (vm.pid == 0 || vm.seen) continue;
    // Not met on the way: gone, or hidden by a listing that raced with it. Ask for it by name.
    Stat stat;
    const Read read = read_stat(vm.pid, stat);
    const bool there =
        read == Read::kOk && stat.start == vm.start && still_there(vm, stat, complete);
    if (read == Read::kFailed) complete = false;
    if (!there && read != Read::kFailed) vm = Vm{};
  }
  return complete && error == 0;
}

std::uint32_t VmHunter::count(std::size_t slot) const {
  std::uint32_t found = 0;
  for (const auto& vm : vms_) {
    if (vm.pid != 0 && (vm.pools & (PoolMask{1} << slot)) != 0) ++found;
  }
  return found;
}

// The pidfd was opened after the start time was read, and that is still the same: it is this one.
bool VmHunter::send_signal(const Vm& vm, int signal) {
  const long result = vm.pidfd
                          ? ::syscall(SYS_pidfd_send_signal, vm.pidfd.get(), signal, nullptr, 0)
                          : ::kill(vm.pid, signal);
  return result == 0;
}

bool VmHunter::holds() const {
  return std::any_of(vms_.begin(), vms_.end(), [](const Vm& vm) { return vm.pid != 0 && vm.held; });
}

void VmHunter::hold(PoolMask pools) {
  for (auto& vm : vms_) {
    const bool wanted = (vm.pools & pools) != 0;
    if (vm.pid == 0 || vm.kill_sent || (!wanted && !vm.held)) continue;
    if (wanted && vm.state == 'T') {
      vm.held = true;
      continue;
    }
    Stat stat;
    if (read_stat(vm.pid, stat) != Read::kOk || stat.start != vm.start) continue;
    if (!send_signal(vm, wanted ? SIGSTOP : SIGCONT)) continue;
    if (vm.held != wanted) {
      log_line(LogLevel::kWarning,
               wanted ? "stopped process %d (%s): its pool's lease is lost"
                      : "process %d (%s) goes on: its pool is well again",
               vm.pid, stat.comm);
    }
    vm.held = wanted;
  }
  adopted_ &= pools;
}

std::uint32_t VmHunter::kill(std::size_t slot) {
  std::uint32_t sent = 0;
  for (auto& vm : vms_) {
    if (vm.pid == 0 || (vm.pools & (PoolMask{1} << slot)) == 0) continue;
    Stat stat;
    if (read_stat(vm.pid, stat) != Read::kOk || stat.start != vm.start) continue;
    if (send_signal(vm, SIGKILL)) ++sent;
    vm.kill_sent = true;
    if (!vm.kill_logged) {
      vm.kill_logged = true;
      log_line(LogLevel::kWarning, "killed process %d (%s, state %c): its pool's lease is lost",
               vm.pid, stat.comm, stat.state);
    }
  }
  return sent;
}

}  // namespace mold::heartbeat
