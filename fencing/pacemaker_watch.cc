#include "fencing/pacemaker_watch.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "lib/base/text.h"
#include "lib/runtime/files.h"
#include "lib/runtime/journal_log.h"

namespace mold::fencing {
namespace {

constexpr std::size_t kLongestLine = 4'096;
constexpr Duration kForever = std::chrono::hours(24 * 365);
// What the fencer puts for the executioner when a person confirmed a fencing.
constexpr std::string_view kHuman = "a human";

}  // namespace

PacemakerWatch::PacemakerWatch(runtime::EventLoop& loop, PacemakerWatchSettings settings)
    : loop_(loop),
      settings_(std::move(settings)),
      agents_(loop, settings_.devices.agents),
      checks_(loop),
      retry_(loop),
      silence_(loop) {}

void PacemakerWatch::start(OnFenced on_fenced) {
  on_fenced_ = std::move(on_fenced);
  pause_ = settings_.first_pause;
  if (!runtime::file_exists(settings_.program)) {
    runtime::log_info("no watch over a Pacemaker cluster: " + settings_.program +
                      " is not installed");
    return;
  }
  launch();
}

void PacemakerWatch::launch() {
  rest_.clear();
  runtime::ChildSpec spec;
  spec.program = settings_.program;
  spec.deadline = kForever;
  spec.output_cap = 4'096;
  spec.on_output = [this](std::string_view piece) { on_output(piece); };
  child_ = runtime::run_child(loop_, std::move(spec), [this](auto result) {
    if (!result) return again(result.error().what);
    const auto told = trim(result->err);
    again(told.empty() ? "ended with " + std::to_string(result->exit_code) : std::string(told));
  });
  expect_more();
}

void PacemakerWatch::expect_more() {
  silence_.start_after(settings_.silence, [this] {
    child_.cancel();
    again("fell silent");
  });
}

void PacemakerWatch::again(const std::string& why) {
  silence_.cancel();
  // A machine without a cluster is no news each minute.
  if (std::exchange(watching_, false)) {
    runtime::log_warning("the watch over the Pacemaker cluster " + why + "; watching again soon");
  }
  retry_.start_after(pause_, [this] { launch(); });
  pause_ = std::min(pause_ * 2, settings_.longest_pause);
}

void PacemakerWatch::on_output(std::string_view piece) {
  rest_ += piece;
  for (;;) {
    const auto end = rest_.find('\n');
    if (end == std::string::npos) break;
    const std::string line = rest_.substr(0, end);
    rest_.erase(0, end + 1);
    on_line(line);
  }
  if (rest_.size() > kLongestLine) rest_.clear();  // none of ours; its silence will tell
}

void PacemakerWatch::on_line(std::string_view line) {
  if (line == "ready") {
    watching_ = true;
    pause_ = settings_.first_pause;
    runtime::log_info("watching what the Pacemaker cluster fences");
    // Told before it is needed; and its agents are known by then.
    check_devices([](const Status& power) {
      if (!power)
        runtime::log_warning("what the Pacemaker cluster fences is no proof now: " +
                             power.error().what);
    });
  } else if (line.starts_with("fenced\t")) {
    on_fenced_line(line);
  } else if (line != "alive") {
    return;
  }
  expect_more();
}

void PacemakerWatch::on_fenced_line(std::string_view line) {
  const std::vector<std::string> words = split(line, '\t');
  if (words.size() != 6 || !watching_) return;
  const std::string& node = words[2];
  const std::string& action = words[3];
  const std::string& executioner = words[4];
  const auto at = parse_number<std::int64_t>(words[1]);
  if (!at || node == "-" || (action != "off" && action != "reboot")) return;
  const std::string text =
      "Pacemaker: " + action + " of " + node + " by " + executioner + ", asked for by " + words[5];
  if (executioner == kHuman) {
    runtime::log_info(text + ": a person's word, not taken for a fencing");
    return;
  }
  check_devices(
      [this, node, text, at = Instant{*at}](const Status& power) { judge(node, text, at, power); });
}

void PacemakerWatch::check_devices(std::function<void(const Status&)> then) {
  const auto devices = std::make_shared<ClusterDevices>(loop_, settings_.devices.program, agents_);
  const UnderWay::End end = checks_.keep(devices);
  devices->check(settings_.oldest, [end, then = std::move(then)](const Status& power) {
    end([then, power] { then(power); });
  });
}

void PacemakerWatch::judge(const std::string& node, const std::string& text, Instant at,
                           const Status& power) {
  const Duration age = loop_.now() - at;
  if (!power) {
    runtime::log_warning(text + ": not taken for a power-off: " + power.error().what);
  } else if (age < Duration{0} || age > settings_.oldest) {
    runtime::log_warning(text + ": told " + std::to_string(age.count()) + " ms late, not used");
  } else {
    on_fenced_(node, text);
  }
}

}  // namespace mold::fencing
