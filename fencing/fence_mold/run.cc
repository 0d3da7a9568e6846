#include "fencing/fence_mold/run.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "fencing/fence_mold/direct_fencer.h"
#include "fencing/fence_mold/manager_fencer.h"
#include "fencing/fence_mold/metadata.h"
#include "fencing/fence_mold/options.h"
#include "fencing/fence_mold/secrets.h"
#include "fencing/fence_mold/settings.h"
#include "lib/base/check.h"

namespace mold::fence_mold {
namespace {

using core::PowerState;

constexpr std::size_t kMostInput = 64UL * 1024;

// One run with its settings known: makes the fencer, carries out the action, tells the outcome.
class Run {
 public:
  Run(runtime::EventLoop& loop, const Settings& settings, const World& world)
      : loop_(loop), settings_(settings), world_(world) {}

  Exit carry_out() {
    if (const Status made = make_fencer(); !made) return complain(made.error());
    switch (settings_.action) {
      case Action::kMetadata:
      case Action::kValidateAll:
        return Exit::kOk;  // that the fencer could be made is the proof
      case Action::kMonitor:
        return end(fencer_->monitor(), "");
      case Action::kStatus:
        return status();
      case Action::kList:
      case Action::kListStatus:
        return list();
      case Action::kOn:
        return end(bring(PowerState::kOn), "Success: Powered ON");
      case Action::kOff:
        pause(settings_.delay);
        return end(bring(PowerState::kOff), "Success: Powered OFF");
      case Action::kReboot:
        pause(settings_.delay);
        return reboot();
    }
    MOLD_UNREACHABLE();
  }

 private:
  Status make_fencer() {
    const Say say = [this](const std::string& step) {
      if (settings_.verbose && !settings_.quiet) world_.err("fence_mold: " + step + "\n");
    };
    if (settings_.direct) return make_direct(say);
    ManagerAccess access;
    MOLD_TRY(access.credentials, read_credentials(settings_.manager.credentials_file));
    access.ca_file = settings_.manager.ca_file;
    access.insecure = settings_.manager.insecure;
    ManagerFencer::Options options;
    options.urls = settings_.manager.urls;
    options.plug = settings_.plug;
    options.power_timeout = settings_.power_timeout;
    fencer_ = std::make_unique<ManagerFencer>(loop_, std::move(access), std::move(options), say);
    return {};
  }

  Status make_direct(const Say& say) {
    drivers_ = world_.make_drivers(loop_);
    port::PowerTarget target = settings_.direct_way.target;
    MOLD_TRY(target.password, read_password(loop_, settings_.direct_way));
    MOLD_TRY_VOID(drivers_->check(target));
    fencer_ = std::make_unique<DirectFencer>(loop_, *drivers_, std::move(target), settings_.plug,
                                             settings_.power_timeout, say);
    return {};
  }

  Exit status() {
    const auto state = fencer_->read();
    if (!state) return complain(state.error());
    const bool off = *state == PowerState::kOff;
    world_.out(off ? "Status: OFF\n" : "Status: ON\n");
    return off ? Exit::kOffOrBadArguments : Exit::kOk;
  }

  Exit list() {
    const auto plugs = fencer_->list();
    if (!plugs) return complain(plugs.error());
    const std::string& between = settings_.separator;
    for (const Plug& plug : *plugs) {
      std::string line = plug.name + between + plug.alias;
      if (settings_.action == Action::kListStatus)
        line += between + std::string(core::to_string(plug.state));
      world_.out(line + "\n");
    }
    return Exit::kOk;
  }

  // The host is fenced when it was off; that it does not come back is not the cluster's worry.
  Exit reboot() {
    if (const Status off = bring(PowerState::kOff); !off) return complain(off.error());
    if (const Status on = fencer_->bring(PowerState::kOn, kRebootOnAtMost); !on) {
      tell("it was off, and so it is fenced, but it was not seen to come on again: " +
           on.error().text());
    }
    world_.out("Success: Rebooted\n");
    return Exit::kOk;
  }

  Status bring(PowerState wished) { return fencer_->bring(wished, settings_.power_timeout); }

  Exit end(const Status& status, const std::string& success) {
    if (!status) return complain(status.error());
    if (!success.empty()) world_.out(success + "\n");
    return Exit::kOk;
  }

  Exit complain(const Error& error) {
    tell(std::string(to_string(settings_.action)) +
         (settings_.plug.empty() ? "" : " of " + settings_.plug) + ": " + error.text());
    return exit_of(settings_.action, error.kind);
  }

  void tell(const std::string& text) {
    if (!settings_.quiet) world_.err("fence_mold: " + text + "\n");
  }

  void pause(Duration how_long) {
    if (how_long.count() > 0) loop_.run_until([] { return false; }, how_long);
  }

  runtime::EventLoop& loop_;
  const Settings& settings_;
  const World& world_;
  std::unique_ptr<port::PowerControl> drivers_;
  std::unique_ptr<Fencer> fencer_;  // borrows drivers_
};

Exit refuse(const World& world, std::optional<Action> action, const std::string& why) {
  world.err("fence_mold: " + why + "\n");
  return exit_of(action, ErrorKind::kInvalid);
}

}  // namespace

Exit run(const std::vector<std::string>& arguments, const World& world) {
  CommandLine line;
  if (arguments.empty()) {
    const auto text = world.read_stdin();
    if (!text) return refuse(world, std::nullopt, text.error().what);
    line.options = read_lines(*text);
  } else {
    line = read_arguments(arguments);
  }
  if (line.help || line.version) {
    world.out(line.help ? help_text() : std::string("fence_mold ") + MOLD_VERSION + "\n");
    return Exit::kOk;
  }
  const auto action = parse_action(line.options.text("action"));
  if (!line.problem.empty()) return refuse(world, action, line.problem);
  if (action == Action::kMetadata) {
    world.out(metadata_xml());
    return Exit::kOk;
  }
  const auto settings = make_settings(line.options);
  if (!settings) return refuse(world, action, settings.error().what);
  const auto loop = runtime::EventLoop::create();
  if (!loop) return refuse(world, std::nullopt, loop.error().text());
  runtime::EventLoop& turning = **loop;
  if (const Status watched = turning.on_signals([&turning](int) { turning.stop(1); }); !watched)
    return refuse(world, std::nullopt, watched.error().text());
  return Run(turning, *settings, world).carry_out();
}

Result<std::string> read_standard_input() {
  std::string text;
  std::array<char, 4'096> buffer{};
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "reading standard input"));
    if (n == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
    if (text.size() > kMostInput)
      return fail(ErrorKind::kInvalid, "standard input is longer than 64 KiB");
  }
}

}  // namespace mold::fence_mold
