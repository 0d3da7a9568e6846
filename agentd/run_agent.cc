#include "agentd/run_agent.h"

#include <fmt/core.h>
#include <malloc.h>

#include <csignal>
#include <cstdio>
#include <utility>

#include "agentd/agent.h"
#include "agentd/config.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/journal_log.h"
#include "lib/runtime/systemd_notify.h"

namespace mold::agentd {
namespace {

// Lane threads allocate little: two arenas instead of one for each.
constexpr int kMallocArenas = 2;

std::vector<runtime::OptionSpec> all_options() {
  std::vector<runtime::OptionSpec> options = agent_options();
  const auto add = [&options](const char* name, std::string value, const char* help, bool flag) {
    runtime::OptionSpec spec;
    spec.name = name;
    spec.default_value = std::move(value);
    spec.help = help;
    spec.is_flag = flag;
    spec.command_line_only = true;
    options.push_back(std::move(spec));
  };
  add("config", kDefaultConfigPath, "settings file; then FILE.d/*.conf", false);
  add("check-config", "false", "say whether the settings are good, and end", true);
  add("version", "false", "say which version this is, and end", true);
  add("help", "false", "this text", true);
  return options;
}

bool flag(const runtime::Config& config, const char* name) {
  return config.boolean(name).value_or(false);
}

// Twice: first for the command line alone, which says where the files are.
Result<runtime::Config> load_settings(const std::vector<std::string>& arguments) {
  runtime::ConfigSources sources;
  sources.arguments = arguments;
  MOLD_TRY(const runtime::Config first, runtime::Config::load(all_options(), sources));
  sources.file = first.text("config");
  sources.file_optional = first.is_default("config");
  sources.directory = sources.file + ".d";
  return runtime::Config::load(all_options(), sources);
}

int serve(AgentConfig config, const MakeRooms& make_rooms) {
  runtime::set_log_level(config.log_level);
  auto facts = read_facts(config.facts_root);
  if (!facts) {
    runtime::log_error("facts of this host: " + facts.error().what);
    return 1;
  }
  auto made = runtime::EventLoop::create();
  if (!made) {
    runtime::log_error(made.error().what);
    return 1;
  }
  runtime::EventLoop& loop = **made;
  Agent* reloading = nullptr;
  const Status signals = loop.on_signals([&loop, &reloading](int signal) {
    if (signal == SIGHUP) {
      runtime::systemd::reloading();
      if (reloading != nullptr) reloading->reload();
      runtime::systemd::ready();
      return;
    }
    runtime::systemd::stopping();
    loop.stop(0);
  });
  if (!signals) {
    runtime::log_error(signals.error().what);
    return 1;
  }
  Agent::Rooms rooms = make_rooms(loop, config);
  Agent agent(loop, std::move(config), std::move(*facts), std::move(rooms));
  reloading = &agent;
  if (const Status started = agent.start(); !started) {
    runtime::log_error("start: " + started.error().what);
    return 1;
  }
  if (const auto armed = loop.enable_watchdog(); !armed) {
    runtime::log_warning("watchdog: " + armed.error().what);
  }
  runtime::systemd::ready();
  runtime::log(runtime::LogLevel::kNotice, runtime::messages::kStarted,
               "mold-agentd " MOLD_VERSION " is up");
  const int code = loop.run();
  runtime::log(runtime::LogLevel::kNotice, runtime::messages::kStopping,
               "mold-agentd ends; VMs go on");
  return code;
}

}  // namespace

int run_agent(const std::vector<std::string>& arguments, const MakeRooms& make_rooms) {
  mallopt(M_ARENA_MAX, kMallocArenas);
  const auto settings = load_settings(arguments);
  if (!settings) {
    fmt::print(stderr, "mold-agentd: {}\n", settings.error().what);
    return runtime::settings_exit_code(settings.error());
  }
  if (flag(*settings, "help")) {
    fmt::print("Usage: mold-agentd [OPTION...]\n       mold-agentd enrol --help\n{}",
               runtime::options_help(all_options()));
    return 0;
  }
  if (flag(*settings, "version")) {
    fmt::print("mold-agentd {}\n", MOLD_VERSION);
    return 0;
  }
  auto config = compile_config(*settings);
  if (config && !settings->positional().empty()) {
    config = fail(ErrorKind::kInvalid, "what is '" + settings->positional().front() + "'?");
  }
  if (!config) {
    fmt::print(stderr, "mold-agentd: {}\n", config.error().what);
    return runtime::settings_exit_code(config.error());
  }
  if (flag(*settings, "check-config")) {
    fmt::print("settings are good\n");
    return 0;
  }
  return serve(std::move(*config), make_rooms);
}

}  // namespace mold::agentd
