// mold-pacemaker-watch: tells on standard output what Pacemaker's fencer on this machine fences, as
// it happens; PacemakerWatch (pacemaker_watch.h) starts it and reads it. A process of its own,
// because the fencer's client library can hang for ever when the fencer dies.
//
// Lines: "ready", "alive", "fenced MS NODE ACTION EXECUTIONER CLIENT" (tabs between; MS is the
// boot-time clock when it arrived). Ends: 3 no cluster here, 4 it went away, 5 this process stood
// still for so long that what waits in the connection may be old news.
#include <poll.h>

#include <cstdio>
#include <string>

#include "fencing/drivers/stonith_api.h"
#include "lib/runtime/event_loop.h"

namespace {

using namespace mold;

constexpr int kTurnMs = 1'000;
constexpr Duration kStoodStill = 3s;

bool say(const std::string& line) {
  return std::fputs((line + "\n").c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

std::string field(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  }
  return "\t" + (text.empty() ? std::string("-") : text);
}

void on_event(const fencing::FencingEvent& event) {
  if (!event.success) return;
  say("fenced\t" + std::to_string(runtime::boot_time_now().ms) + field(event.node) +
      field(event.action) + field(event.executioner) + field(event.client));
}

}  // namespace

int main() {
  auto connection = fencing::StonithConnection::open("mold-watch", on_event);
  if (!connection) {
    std::fprintf(stderr, "%s\n", connection.error().what.c_str());
    return 3;
  }
  if (!say("ready")) return 1;
  Instant turned = runtime::boot_time_now();
  while (true) {
    pollfd waiting{(*connection)->fd(), POLLIN | POLLRDHUP, 0};
    const int ready = ::poll(&waiting, 1, kTurnMs);
    if (runtime::boot_time_now() - turned > kStoodStill) return 5;
    if (ready > 0) {
      if ((waiting.revents & ~POLLIN) != 0 || !(*connection)->dispatch()) return 4;
    }
    if (!say("alive")) return 1;
    turned = runtime::boot_time_now();
  }
}
