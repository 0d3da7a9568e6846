// diskwatch: watches the disks of nano guests from the machine's side and judges them.
//
//   diskwatch watch [--interval-ms 20] [--stall-ms 1500] PATH...   JSON lines until a signal
//   diskwatch show PATH...                                         the present state, one line a
//   disk diskwatch check PATH...                                        exit 1 if any disk had two
//   writers
//
// PATH is a disk image or a directory, in which every file that a nano guest has counted on is
// taken (also files that come later). Give it the backing directory, never a faulty mount: it must
// not hang.
//
// Lines of `watch` (mono_s: CLOCK_MONOTONIC, wall_s: seconds since 1970):
//   run          another run id counts now; first_count, previous run and the gap since its last
//   change stall        the count stood still for --stall-ms;   resume   it moves again, with the
//   gap two_writers  the guest's split mark, a run that came back after another, or a count that
//   fell
// Exit codes: 0 fine, 1 two writers (check), 2 usage, 3 nothing to judge.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nano/nano_disk.h"

namespace {

namespace fs = std::filesystem;

struct Options {
  std::string command;
  std::vector<std::string> paths;
  std::chrono::milliseconds interval{20};
  double stall_s = 1.5;
};

std::atomic<bool> g_stop = false;

double seconds_of(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// An open disk image.
class Disk {
 public:
  explicit Disk(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Disk() {
    if (fd_ >= 0) close(fd_);
  }
  Disk(Disk&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Disk& operator=(Disk&&) = delete;

  // The record of a sector, if it is a whole and valid one. Read twice on a bad checksum: we may
  // have read in the middle of a write.
  std::optional<nano_record> read(int sector, uint64_t magic) const {
    for (int attempt = 0; attempt < 3; ++attempt) {
      nano_record record = {};
      const off_t offset = static_cast<off_t>(sector) * NANO_SECTOR_BYTES;
      if (pread(fd_, &record, sizeof record, offset) != static_cast<ssize_t>(sizeof record)) break;
      if (record.magic != magic) break;
      if (record.checksum == nano_checksum(&record)) return record;
    }
    return std::nullopt;
  }
  std::optional<nano_record> counter() const {
    return read(NANO_COUNTER_SECTOR, NANO_COUNTER_MAGIC);
  }
  std::optional<nano_record> split() const { return read(NANO_SPLIT_SECTOR, NANO_SPLIT_MAGIC); }

 private:
  int fd_;
};

// The disks behind the paths of the command line.
std::vector<std::string> find_disks(const std::vector<std::string>& paths) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path, ignored)) {
      if (Disk(path).counter()) found.push_back(path);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(path, ignored)) {
      if (entry.is_regular_file(ignored) && Disk(entry.path()).counter()) {
        found.push_back(entry.path());
      }
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + "\"";
}

// ---- the judgement ----

// What the disk itself tells about two writers; empty when it is clean. See rule 2 and 3 in
// nano_disk.h.
std::string two_writers(const Disk& disk) {
  char text[160];
  if (const auto mark = disk.split()) {
    std::snprintf(text, sizeof text,
                  "split mark: run %016" PRIx64 " at %" PRIu64 " met run %016" PRIx64
                  " at %" PRIu64,
                  mark->run, mark->count, mark->other_run, mark->other_count);
    return text;
  }
  std::map<uint64_t, uint64_t> run_by_count;
  for (int slot = 0; slot < NANO_RING_SLOTS; ++slot) {
    if (const auto record = disk.read(NANO_RING_SECTOR + slot, NANO_RING_MAGIC)) {
      run_by_count[record->count] = record->run;
    }
  }
  std::set<uint64_t> finished;
  uint64_t current = 0;
  for (const auto& [count, run] : run_by_count) {
    if (run == current) continue;
    if (finished.contains(run)) {
      std::snprintf(text, sizeof text, "ring: run %016" PRIx64 " came back at %" PRIu64, run,
                    count);
      return text;
    }
    finished.insert(current);
    current = run;
  }
  return {};
}

int check(const Options& options, bool judge) {
  const auto disks = find_disks(options.paths);
  bool bad = false;
  for (const std::string& path : disks) {
    const Disk disk(path);
    const auto counter = disk.counter();
    if (!counter) continue;
    const std::string fault = two_writers(disk);
    bad = bad || !fault.empty();
    std::printf("{\"disk\":%s,\"run\":\"%016" PRIx64 "\",\"boot\":%u,\"count\":%" PRIu64
                ",\"two_writers\":%s%s%s}\n",
                quoted(path).c_str(), counter->run, counter->boot, counter->count,
                fault.empty() ? "false" : "true",
                fault.empty() ? "" : ",\"why\":", fault.empty() ? "" : quoted(fault).c_str());
  }
  if (disks.empty()) {
    std::fprintf(stderr, "diskwatch: no disk that a nano guest has counted on\n");
    return 3;
  }
  return judge && bad ? 1 : 0;
}

// ---- watching ----

struct Watched {
  explicit Watched(const std::string& path) : disk(path) {}
  Disk disk;
  uint64_t run = 0;
  uint64_t count = 0;
  double changed_at = 0;
  bool stalled = false;
  bool told = false;  // two writers: say it once
  std::set<uint64_t> earlier_runs;
};

void print_line(const std::string& path, const char* event, const nano_record& now,
                const std::string& more) {
  std::printf("{\"event\":\"%s\",\"mono_s\":%.3f,\"wall_s\":%.3f,\"disk\":%s,\"run\":\"%016" PRIx64
              "\",\"boot\":%u,\"count\":%" PRIu64 "%s}\n",
              event, seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_REALTIME), quoted(path).c_str(),
              now.run, now.boot, now.count, more.c_str());
}

void tell_two_writers(const std::string& path, Watched& disk, const nano_record& now,
                      const std::string& why) {
  if (std::exchange(disk.told, true)) return;
  print_line(path, "two_writers", now, ",\"why\":" + quoted(why));
}

void look(const std::string& path, Watched& disk, double stall_s) {
  const auto now = disk.disk.counter();
  if (!now) return;
  const double time = seconds_of(CLOCK_MONOTONIC);
  const double gap = disk.run == 0 ? 0 : time - disk.changed_at;
  if (disk.disk.split()) tell_two_writers(path, disk, *now, two_writers(disk.disk));
  char more[160];
  std::snprintf(more, sizeof more, ",\"gap_s\":%.3f", gap);
  if (now->run == disk.run && now->count == disk.count) {
    if (!disk.stalled && gap >= stall_s) {
      disk.stalled = true;
      print_line(path, "stall", *now, more);
    }
    return;
  }
  if (now->count < disk.count) tell_two_writers(path, disk, *now, "the count fell");
  if (now->run != disk.run) {
    if (disk.earlier_runs.contains(now->run)) {
      tell_two_writers(path, disk, *now, "a run came back after another");
    }
    std::snprintf(more, sizeof more,
                  ",\"gap_s\":%.3f,\"previous_run\":\"%016" PRIx64 "\",\"previous_count\":%" PRIu64,
                  gap, disk.run, disk.count);
    print_line(path, "run", *now, more);
    disk.earlier_runs.insert(disk.run);
  } else if (disk.stalled) {
    print_line(path, "resume", *now, more);
  }
  disk.stalled = false;
  disk.run = now->run;
  disk.count = now->count;
  disk.changed_at = time;
}

int watch(const Options& options) {
  std::map<std::string, Watched> disks;
  double next_scan = 0;
  while (!g_stop) {
    if (const double time = seconds_of(CLOCK_MONOTONIC); time >= next_scan) {
      next_scan = time + 0.25;
      for (const std::string& path : find_disks(options.paths)) disks.try_emplace(path, path);
    }
    for (auto& [path, disk] : disks) look(path, disk, options.stall_s);
    std::fflush(stdout);
    usleep(static_cast<useconds_t>(options.interval.count() * 1000));
  }
  return 0;
}

bool parse(int argc, char** argv, Options& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--interval-ms" && has_value) {
      out.interval = std::chrono::milliseconds(std::clamp(std::atoi(argv[++i]), 1, 10'000));
    } else if (word == "--stall-ms" && has_value) {
      out.stall_s = std::max(1, std::atoi(argv[++i])) / 1000.0;
    } else if (word.starts_with("--")) {
      return false;
    } else if (out.command.empty()) {
      out.command = word;
    } else {
      out.paths.emplace_back(word);
    }
  }
  return !out.paths.empty() &&
         (out.command == "watch" || out.command == "show" || out.command == "check");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr,
                 "usage: diskwatch watch|show|check [--interval-ms N] [--stall-ms N] PATH...\n");
    return 2;
  }
  if (options.command != "watch") return check(options, options.command == "check");
  struct sigaction action = {};
  action.sa_handler = [](int) { g_stop = true; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return watch(options);
}
