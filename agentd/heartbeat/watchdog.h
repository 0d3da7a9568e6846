#pragma once
// The machine's last resort: a device that resets the host unless it is fed. Owned by the
// supervisor and by nobody else; never handed to a child. Calls do not wait.
//
// Contract of every Watchdog (tests run it against the double and, in the lab, against the device)
// - after open() succeeded the host is reset timeout_ms() after the last feed(), whatever becomes
// of
//   this process, until disarm();
// - timeout_ms() is what the device says, not what was asked for;
// - let_go() leaves it running: the host is reset unless somebody opens it in time.
#include <cstdint>
#include <string>

#include "lib/base/unique_fd.h"

namespace mold::heartbeat {

class Watchdog {
 public:
  Watchdog() = default;
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  virtual ~Watchdog() = default;

  // True when armed; otherwise note() says why not. May be tried again.
  virtual bool open() = 0;
  virtual bool feed() = 0;
  virtual void disarm() = 0;  // orderly: magic close
  virtual void let_go() = 0;  // close without the magic

  [[nodiscard]] virtual bool armed() const = 0;
  [[nodiscard]] virtual std::uint32_t timeout_ms() const = 0;
  [[nodiscard]] virtual const char* note() const = 0;
};

// The kernel's watchdog API (Documentation/watchdog/watchdog-api.rst) on a device path.
class KernelWatchdog final : public Watchdog {
 public:
  // An empty path: there is no watchdog on purpose.
  KernelWatchdog(std::string device, unsigned timeout_s);

  bool open() override;
  bool feed() override;
  void disarm() override;
  void let_go() override;
  [[nodiscard]] bool armed() const override { return armed_; }
  [[nodiscard]] std::uint32_t timeout_ms() const override { return timeout_s_ * 1000; }
  [[nodiscard]] const char* note() const override { return note_; }

 private:
  bool refuse(const char* what, int error);
  bool set_up();
  void log_identity();
  bool runs();

  std::string device_;
  unsigned wanted_s_;
  std::uint32_t timeout_s_;
  UniqueFd fd_;
  bool armed_ = false;
  char note_[128] = {};
};

}  // namespace mold::heartbeat
