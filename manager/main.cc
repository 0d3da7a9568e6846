// mold-manager: the web API and the one HA brain of a cluster. Exit codes: 0 ended on request,
// 1 could not start or run, 2 settings or command line are wrong (its unit does not restart it
// then).
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "lib/base/core_dumps.h"
#include "lib/runtime/config_file.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/journal_log.h"
#include "lib/runtime/systemd_notify.h"
#include "manager/config.h"
#include "manager/manager.h"
#include "manager/version.h"

namespace {

using namespace mold;

int complain(const std::string& doing, const Error& error) {
  runtime::log(runtime::LogLevel::kCritical, runtime::messages::kNone, doing + ": " + error.text());
  return 1;
}

int serve(manager::ManagerConfig config) {
  auto loop = runtime::EventLoop::create();
  if (!loop) return complain("event loop", loop.error());
  std::unique_ptr<manager::Manager> rooms;
  const Status watched = (*loop)->on_signals([&](int signal) {
    if (signal == SIGHUP) {
      if (rooms) rooms->reload();
    } else if (rooms) {
      runtime::systemd::stopping();
      rooms->stop([&loop] { (*loop)->stop(0); });
    } else {
      (*loop)->stop(0);
    }
  });
  if (!watched) return complain("signals", watched.error());
  auto started = manager::Manager::start(**loop, std::move(config));
  if (!started) return complain("start", started.error());
  rooms = std::move(*started);
  if (const auto fed = (*loop)->enable_watchdog(); !fed) return complain("watchdog", fed.error());
  runtime::systemd::ready();
  runtime::systemd::status("serving");
  runtime::log(runtime::LogLevel::kNotice, runtime::messages::kStarted,
               "mold-manager " + std::string(manager::kVersion) + " serves");
  const int code = (*loop)->run();
  runtime::log(runtime::LogLevel::kNotice, runtime::messages::kStopping, "mold-manager ends");
  rooms.reset();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  forbid_core_dumps();
  try {
    auto line = manager::read_command_line(std::vector<std::string>(argv + 1, argv + argc));
    if (!line) {
      std::fprintf(stderr, "mold-manager: %s\n", line.error().what.c_str());
      return runtime::settings_exit_code(line.error());
    }
    if (line->help) return std::fputs(manager::help_text().c_str(), stdout) < 0 ? 1 : 0;
    if (line->version) return std::printf("mold-manager %s\n", manager::kVersion.data()) < 0;
    for (const std::string& warning : line->warnings) runtime::log_warning(warning);
    if (line->check_config) return std::puts("settings are good") < 0 ? 1 : 0;
    runtime::set_log_level(line->config.log_level);
    return serve(std::move(line->config));
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "mold-manager: %s\n", failure.what());
    return 1;
  }
}
