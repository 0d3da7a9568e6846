#include "agentd/libvirt/vm_records.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "lib/base/text.h"
#include "lib/base/unique_fd.h"
#include "lib/runtime/files.h"
#include "lib/runtime/journal_log.h"

namespace mold::agentd {
namespace {

constexpr std::size_t kCommandLimit = 4 * 1024 * 1024;
constexpr unsigned long kKernelThread = 0x00200000;  // PF_KTHREAD
constexpr auto kLookAgain = std::chrono::milliseconds(20);
constexpr int kLooks = 25;  // half a second: what is dying is mostly gone by then
// Programs of QEMU that run no guest.
constexpr std::array<std::string_view, 7> kTools = {
    "qemu-img",       "qemu-io",         "qemu-nbd",       "qemu-ga",
    "qemu-pr-helper", "qemu-bridge-hel", "qemu-storage-da"};

struct Stat {
  std::string comm;
  char state = '?';
  unsigned long flags = 0;
  std::uint64_t start = 0;
};

// Nothing: the process is gone.
Result<std::optional<Stat>> read_stat(const std::string& base) {
  auto text = runtime::read_file(base + "/stat", 4096);
  if (!text) {
    // ESRCH: it ended between open and read.
    if (!runtime::file_exists(base + "/stat")) return std::nullopt;
    text = runtime::read_file(base + "/stat", 4096);
    if (!text && !runtime::file_exists(base + "/stat")) return std::nullopt;
    if (!text) return fail(std::move(text).error());
  }
  const auto open = text->find('(');
  const auto close = text->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) {
    return fail(ErrorKind::kUnknown, base + "/stat makes no sense");
  }
  Stat out;
  out.comm = text->substr(open + 1, close - open - 1);
  std::vector<std::string_view> fields;  // from field 3 on
  std::string_view rest = trim(std::string_view(*text).substr(close + 1));
  while (!rest.empty()) {
    const auto blank = rest.find(' ');
    fields.push_back(rest.substr(0, blank));
    rest = blank == std::string_view::npos ? std::string_view{} : rest.substr(blank + 1);
  }
  const auto number = [&fields](std::size_t field) {
    return field - 3 < fields.size() ? parse_number<std::uint64_t>(fields[field - 3])
                                     : std::nullopt;
  };
  const auto start = number(22);
  if (!start || fields[0].empty()) {
    return fail(ErrorKind::kUnknown, base + "/stat makes no sense");
  }
  out.state = fields[0].front();
  out.flags = number(9).value_or(0);
  out.start = *start;
  return out;
}

bool runs_guests(const Stat& stat) {
  if ((stat.flags & kKernelThread) != 0) return false;
  if (stat.comm.rfind("qemu", 0) != 0 && stat.comm.rfind("kvm", 0) != 0) return false;
  return std::find(kTools.begin(), kTools.end(), stat.comm) == kTools.end();
}

// A zombie leader whose other threads live on still has I/O under way.
bool is_gone(const std::string& base, const Stat& stat) {
  if (stat.state == 'X' || stat.state == 'x') return true;
  if (stat.state != 'Z') return false;
  const auto tasks = runtime::list_dir(base + "/task");
  if (!tasks) return !runtime::file_exists(base + "/stat");
  return tasks->size() <= 1;
}

std::string uuid_in(std::string_view command) {
  bool next = false;
  while (!command.empty()) {
    const auto end = std::min(command.find('\0'), command.size());
    const std::string_view word = command.substr(0, end);
    if (next) return to_lower(word);
    next = word == "-uuid" || word == "--uuid";
    command.remove_prefix(std::min(end + 1, command.size()));
  }
  return {};
}

}  // namespace

std::uint64_t VmRecords::now_ticks() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const auto hz = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return static_cast<std::uint64_t>(now.tv_sec) * hz +
         static_cast<std::uint64_t>(now.tv_nsec) * hz / 1'000'000'000U;
}

Result<std::vector<QemuProcess>> find_qemu(const std::string& proc) {
  MOLD_TRY(const std::vector<std::string> names, runtime::list_dir(proc));
  std::vector<QemuProcess> out;
  for (const std::string& name : names) {
    const auto pid = parse_number<pid_t>(name);
    if (!pid || *pid <= 0) continue;
    const std::string base = proc + "/" + name;
    MOLD_TRY(const std::optional<Stat> stat, read_stat(base));
    if (!stat || !runs_guests(*stat) || is_gone(base, *stat)) continue;
    QemuProcess process{*pid, stat->start, stat->state, {}, false};
    const auto command = runtime::read_file(base + "/cmdline", kCommandLimit);
    if (command) process.uuid = uuid_in(*command);
    process.nameless = !command || command->empty();
    if (!process.uuid.empty() || process.nameless) out.push_back(std::move(process));
  }
  return out;
}

void kill_process(const std::string& proc, const QemuProcess& process) {
  const UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!fd) return;
  // Opened first, looked at then: it is this one or none.
  const auto stat = read_stat(proc + "/" + std::to_string(process.pid));
  if (!stat || !*stat || (*stat)->start != process.start) return;
  ::syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0);
}

VmRecords::VmRecords(std::string directory, std::string proc)
    : directory_(std::move(directory)), proc_(std::move(proc)) {
  load();
}

std::string VmRecords::path_of(const std::string& uuid) const {
  return directory_ + "/" + uuid;
}

// "VM GENERATION PID START SINCE". One that cannot be read is of nobody: it was never complete.
void VmRecords::load() {
  if (directory_.empty()) return;
  const auto names = runtime::list_dir(directory_);
  if (!names) return;
  for (const std::string& name : *names) {
    if (!is_uuid(name)) continue;
    const auto text = runtime::read_file(path_of(name), 4096);
    if (!text) continue;
    std::array<std::uint64_t, 5> numbers{};
    const auto words = split(trim(*text), ' ');
    bool good = words.size() == numbers.size();
    for (std::size_t i = 0; good && i < numbers.size(); ++i) {
      const auto number = parse_number<std::uint64_t>(words[i]);
      good = number.has_value();
      numbers[i] = number.value_or(0);
    }
    if (!good) {
      runtime::log_warning("record of a VM makes no sense: " + path_of(name));
      continue;
    }
    Record record;
    record.identity = {VmId{numbers[0]}, Generation{numbers[1]}};
    record.pid = static_cast<pid_t>(numbers[2]);
    record.start = numbers[3];
    record.since = numbers[4];
    record.saved = true;
    records_[to_lower(name)] = record;
  }
}

Status VmRecords::save(const std::string& uuid, Record& record) {
  if (directory_.empty()) return {};
  record.saved = false;
  MOLD_TRY_VOID(runtime::make_dirs(directory_));
  MOLD_TRY_VOID(runtime::write_file_atomic(
      path_of(uuid), std::to_string(record.identity.vm.value) + " " +
                         std::to_string(record.identity.generation.value) + " " +
                         std::to_string(record.pid) + " " + std::to_string(record.start) + " " +
                         std::to_string(record.since) + "\n"));
  record.saved = true;
  return {};
}

Status VmRecords::begin_create(const std::string& uuid, const DomainIdentity& identity) {
  const std::lock_guard lock(mutex_);
  auto [at, fresh] = records_.try_emplace(uuid);
  Record& record = at->second;
  record.identity = identity;
  if (record.creating == 0) {
    record.pid = 0;
    record.start = 0;
    record.since = now_ticks();
  }
  if (auto status = save(uuid, record); !status) {
    if (fresh) records_.erase(at);
    return status;
  }
  ++record.creating;
  return {};
}

void VmRecords::end_create(const std::string& uuid) {
  const std::lock_guard lock(mutex_);
  if (const auto found = records_.find(uuid); found != records_.end()) --found->second.creating;
}

void VmRecords::saw(const std::string& uuid, const DomainIdentity& identity) {
  const std::lock_guard lock(mutex_);
  Record& record = records_[uuid];
  if (record.saved && record.identity == identity) return;
  record.identity = identity;
  // It runs already; what cannot be kept now is tried again when it is next seen.
  if (auto status = save(uuid, record); !status) {
    runtime::log_warning("record of a VM: " + status.error().what);
  }
}

void VmRecords::gone(const std::string& uuid, const DomainIdentity& identity) {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(uuid);
  if (found == records_.end() || found->second.creating > 0) return;
  if (found->second.identity != identity) return;
  if (!directory_.empty()) static_cast<void>(runtime::remove_file(path_of(uuid)));
  records_.erase(found);
}

Result<VmRecords::Remains> VmRecords::remains(const std::string& uuid) {
  auto found = find_qemu(proc_);
  if (!found) return fail(ErrorKind::kUnknown, "processes: " + found.error().what);
  const std::lock_guard lock(mutex_);
  for (const QemuProcess& process : *found) {
    const auto at = records_.find(process.uuid);
    if (process.uuid.empty() || at == records_.end()) continue;
    Record& record = at->second;
    if (record.pid == process.pid && record.start == process.start) continue;
    record.pid = process.pid;
    record.start = process.start;
    static_cast<void>(save(at->first, record));
  }
  Remains out;
  const auto own = records_.find(uuid);
  for (QemuProcess& process : *found) {
    const bool recorded = own != records_.end() && own->second.pid == process.pid &&
                          own->second.start == process.start;
    if (process.uuid == uuid || (process.nameless && recorded)) {
      out.processes.push_back(std::move(process));
    } else if (process.nameless && own != records_.end() && own->second.pid == 0 &&
               process.start >= own->second.since) {
      // Of another VM of ours, if that one says so.
      out.unclear |= std::none_of(records_.begin(), records_.end(), [&process](const auto& other) {
        return other.second.pid == process.pid && other.second.start == process.start;
      });
    }
  }
  return out;
}

Result<VmRecords::Remains> VmRecords::end(const std::string& uuid, std::uint64_t since) {
  for (int look = 1;; ++look) {
    MOLD_TRY(Remains left, remains(uuid));
    if (left.none() || look == kLooks) return left;
    // Those that are just ending get a moment; SIGKILL is no help to them anyway.
    if (look == kLooks / 2) {
      for (const QemuProcess& process : left.processes) {
        if (process.start >= since) continue;
        runtime::log_warning("vm process " + std::to_string(process.pid) +
                                 " lives on without libvirt (state " + process.state + "): killed",
                             {{"VM_UUID", uuid}});
        kill_process(proc_, process);
      }
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

std::vector<VmRecords::Known> VmRecords::known() const {
  const std::lock_guard lock(mutex_);
  std::vector<Known> out;
  for (const auto& [uuid, record] : records_) {
    out.push_back({uuid, record.identity, record.creating > 0, record.pid != 0});
  }
  return out;
}

std::optional<VmRecords::Known> VmRecords::find(const std::string& uuid) const {
  const std::lock_guard lock(mutex_);
  const auto at = records_.find(uuid);
  if (at == records_.end()) return std::nullopt;
  const Record& record = at->second;
  return Known{uuid, record.identity, record.creating > 0, record.pid != 0};
}

}  // namespace mold::agentd
