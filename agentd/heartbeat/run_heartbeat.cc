#include "agentd/heartbeat/run_heartbeat.h"

#include <malloc.h>
#include <sched.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "agentd/heartbeat/quiet_log.h"
#include "agentd/heartbeat/status_text.h"
#include "agentd/heartbeat/supervisor.h"

#ifndef MOLD_VERSION
#define MOLD_VERSION "unknown"
#endif

namespace mold::heartbeat {
namespace {

constexpr char kUsage[] =
    "Usage: mold-heartbeat [--config FILE] [--check-config | --status | --help | --version]\n"
    "Proves on shared storage that this host is alive, and stops its VMs when it cannot.\n"
    "\n"
    "  --config FILE   settings (default /etc/mold/heartbeat.conf)\n"
    "  --check-config  check settings and pools file, then exit\n"
    "  --status        print the lease board of the running instance, then exit\n";

enum class Mode { kRun, kCheck, kStatus, kHelp, kVersion };

struct Arguments {
  Mode mode = Mode::kRun;
  std::string config{kDefaultConfigPath};
};

std::optional<Arguments> parse_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--config" && i + 1 < argc)
      arguments.config = argv[++i];
    else if (word == "--check-config")
      arguments.mode = Mode::kCheck;
    else if (word == "--status")
      arguments.mode = Mode::kStatus;
    else if (word == "--help")
      arguments.mode = Mode::kHelp;
    else if (word == "--version")
      arguments.mode = Mode::kVersion;
    else
      return std::nullopt;
  }
  return arguments;
}

// 2: a person must mend it, and the unit does not start us again. 1: it could not be read this
// time; a host must not lose its beats over that.
int print_error(const Error& error) {
  std::fprintf(stderr, "mold-heartbeat: %s\n", error.what.c_str());
  return error.kind == ErrorKind::kInvalid || error.kind == ErrorKind::kDenied ? 2 : 1;
}

int check(const Config& config) {
  const auto pools = load_pools(config.pools_file);
  if (!pools && pools.error().kind != ErrorKind::kNotFound) return print_error(pools.error());
  if (pools)
    std::printf("configuration ok, %zu pools\n", pools->pools.size());
  else
    std::printf("configuration ok, no pools file yet\n");
  return 0;
}

int print_status(const Config& config) {
  auto reader = LeaseBoardReader::open(config.board);
  if (!reader) {
    std::fprintf(stderr, "mold-heartbeat: %s\n", reader.error().what.c_str());
    return 1;
  }
  const auto board = reader->snapshot();
  if (!board) {
    std::fprintf(stderr, "mold-heartbeat: %s\n", board.error().what.c_str());
    return 1;
  }
  std::fputs(status_text(*board, boottime_now()).c_str(), stdout);
  return 0;
}

// What is mapped now (all code, all tables) stays in memory; what is touched later stays too.
void hold_still() {
  (void)::mallopt(M_TRIM_THRESHOLD, 1 << 20);
  (void)::mallopt(M_MMAP_THRESHOLD, 1 << 22);
  if (::mlockall(MCL_CURRENT) != 0 || ::mlockall(MCL_FUTURE | MCL_ONFAULT) != 0) {
    log_line(LogLevel::kWarning, "memory is not locked: %s", std::strerror(errno));
  }
  sched_param priority{};
  priority.sched_priority = 10;
  if (::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &priority) != 0) {
    log_line(LogLevel::kInfo, "no real-time priority: %s", std::strerror(errno));
  }
}

int serve(const Config& config, const WatchdogMaker& make_watchdog) {
  auto board = LeaseBoardWriter::open(config.board);
  if (!board) {
    log_line(LogLevel::kError, "%s", board.error().what.c_str());
    return 1;
  }
  notify_init();
  hold_still();
  const auto watchdog = make_watchdog(config);
  const auto supervisor = std::make_unique<Supervisor>(config, std::move(*board), *watchdog);
  return supervisor->run();
}

}  // namespace

int run_heartbeat(int argc, char** argv, const WatchdogMaker& make_watchdog) {
  const auto arguments = parse_arguments(argc, argv);
  if (!arguments) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  if (arguments->mode == Mode::kHelp) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (arguments->mode == Mode::kVersion) {
    std::puts("mold-heartbeat " MOLD_VERSION);
    return 0;
  }
  const auto config = load_config(arguments->config);
  if (!config) return print_error(config.error());
  if (arguments->mode == Mode::kCheck) return check(*config);
  if (arguments->mode == Mode::kStatus) return print_status(*config);
  return serve(*config, make_watchdog);
}

}  // namespace mold::heartbeat
