#pragma once
// What the power contract works with: a driver, a target, and a hand on the machine behind it.
#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::contract {

class PowerRig {
 public:
  virtual ~PowerRig() = default;
  virtual runtime::EventLoop& loop() = 0;
  virtual port::PowerControl& driver() = 0;
  virtual port::PowerTarget target() = 0;
  // ---- the machine behind it ----
  virtual void set_power(bool on) = 0;
  [[nodiscard]] virtual bool power() = 0;
  [[nodiscard]] virtual int commands() = 0;     // power commands that reached the machine
  virtual void accept_but_ignore(bool on) = 0;  // says yes, does nothing
  virtual void act_late(Duration delay) = 0;    // power changes that long after the answer
  virtual void go_away() = 0;                   // no answer any more
  // ---- what a driver cannot have, for what it talks to has it not ----
  virtual bool reads_state() { return true; }  // else it confirms only what it did itself
  virtual bool logs_in() { return true; }      // with the target's user and password
};

}  // namespace mold::contract
