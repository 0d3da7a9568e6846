#pragma once
// How a power request goes, whatever carries it out: read the state, act, and read until the wished
// state is read back or the time is over. Nothing but a reading confirms; a command that was
// accepted, refused or lost only says how to go on. A driver gives a PowerDevice (how to read, how
// to act, for one request) and gets the three-valued answer with its story. Loop thread only.
#include <functional>
#include <memory>
#include <string>

#include "fencing/drivers/under_way.h"
#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

// The steps of one task for an admin: "read on (+52 ms); off accepted (+101 ms)".
class Story {
 public:
  explicit Story(runtime::EventLoop& loop) : loop_(loop), started_(loop.now()) {}
  void tell(const std::string& step);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  runtime::EventLoop& loop_;
  Instant started_;
  std::string text_;
};

struct PowerReading {
  core::PowerState state = core::PowerState::kUnknown;
  ErrorKind error = ErrorKind::kUnknown;  // when unknown
  std::string advice;                     // when unknown: what it means and what to look at
};

enum class Sent : std::uint8_t {
  kAccepted,  // the device said yes
  kRefused,   // the device said no
  kMaybe,     // sent, or cut off while it was being sent: it may have been carried out
  kNot,       // certainly not sent
};

struct PowerActed {
  Sent sent = Sent::kMaybe;
  ErrorKind error = ErrorKind::kUnknown;
  std::string advice;
};

// One device for one request. Calls come one after the other; each answers once, on the loop, not
// inside the call, and keeps to `left` (a little over: the time to kill a child).
class PowerDevice {
 public:
  virtual ~PowerDevice() = default;
  virtual void read(Duration left, std::function<void(PowerReading)> done) = 0;
  virtual void act(core::PowerVerb verb, Duration left, std::function<void(PowerActed)> done) = 0;
};

struct PowerWish {
  std::string name;  // opens the story: "ipmi 10.0.0.1:623"
  core::PowerVerb verb = core::PowerVerb::kStatus;
  Duration deadline{0};
  Duration poll{100};  // between read-backs
};

// Carries the wish out and tells `done` once; the request is kept in `under_way` meanwhile.
void run_power_request(runtime::EventLoop& loop, UnderWay& under_way,
                       std::unique_ptr<PowerDevice> device, PowerWish wish,
                       port::PowerControl::Done done);

}  // namespace mold::fencing
