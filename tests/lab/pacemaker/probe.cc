// For the Pacemaker lab: what the product sees of a real cluster, told on standard output.
//   pacemaker-probe watch PROGRAM   each fencing that PacemakerWatch tells, until it is killed
//   pacemaker-probe off NODE        the driver `pacemaker`; 0 only when confirmed
#include <cstdio>
#include <string>

#include "fencing/drivers/pacemaker.h"
#include "fencing/pacemaker_watch.h"

namespace {

using namespace mold;

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

int watch(runtime::EventLoop& loop, const std::string& program) {
  fencing::PacemakerWatchSettings settings;
  settings.program = program;
  fencing::PacemakerWatch watch(loop, settings);
  runtime::Timer look(loop);
  bool told = false;
  watch.start([](const std::string& node, const std::string& text) {
    say("fenced " + node + ": " + text);
  });
  look.start_periodic(50ms, [&] {
    if (watch.watching() != told) say((told = !told) ? "watching" : "not watching");
  });
  return loop.run();
}

int off(runtime::EventLoop& loop, const std::string& node) {
  const auto driver = fencing::make_pacemaker_driver(loop);
  port::PowerTarget target;
  target.driver = "pacemaker";
  target.address = node;
  driver->request(target, core::PowerVerb::kOff, 30s, [&](const port::PowerResult& result) {
    say(std::string(core::to_string(result.outcome)) + " " +
        std::string(core::to_string(result.state)) + ": " + result.text);
    const bool proven =
        result.outcome == core::Outcome::kConfirmed && result.state == core::PowerState::kOff;
    loop.stop(proven ? 0 : 1);
  });
  return loop.run();
}

}  // namespace

int main(int argc, char** argv) {
  const auto loop = runtime::EventLoop::create();
  const std::string verb = argc == 3 ? argv[1] : "";
  if (!loop || (verb != "watch" && verb != "off")) return 2;
  return verb == "watch" ? watch(**loop, argv[2]) : off(**loop, argv[2]);
}
