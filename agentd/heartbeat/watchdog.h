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

#include "lib/base/time.h"
#include "lib/base/unique_fd.h"

namespace mold::heartbeat {

class Watchdog {
 public:
  Watchdog() = default;
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  virtual ~Watchdog() = default;

  // True when armed; otherwise note() says why not. May be tried again, and has to be while
  // proving(): the device is open and running, and not yet seen to count down.
  virtual bool open() = 0;
  [[nodiscard]] virtual bool proving() const { return false; }
  virtual bool feed() = 0;
  // While armed: this timeout from now on, and fed. The device may refuse, see timeout_ms().
  virtual void set_timeout(unsigned timeout_s) = 0;
  // Before the first open(): begin with it, where it is shorter than what was asked for.
  virtual void begin_with(unsigned timeout_s) = 0;
  virtual void disarm() = 0;  // orderly: magic close
  virtual void let_go() = 0;  // close without the magic

  [[nodiscard]] virtual bool armed() const = 0;
  [[nodiscard]] virtual std::uint32_t timeout_ms() const = 0;
  [[nodiscard]] virtual const char* note() const = 0;
};

// The kernel's watchdog API (Documentation/watchdog/watchdog-api.rst) on a device path. Not taken
// for one that resets the host: a device whose timeout cannot be read back, one that says how much
// time is left and is not seen to count down before its first feeding (a driver that answers and
// does nothing), and the kernel's own software watchdog, which hangs with the kernel, unless that
// is allowed.
class KernelWatchdog : public Watchdog {
 public:
  // An empty path: there is no watchdog on purpose.
  KernelWatchdog(std::string device, unsigned timeout_s, bool accept_software = false);

  bool open() override;
  bool feed() override;
  void set_timeout(unsigned timeout_s) override;
  void begin_with(unsigned timeout_s) override;
  void disarm() override;
  void let_go() override;
  [[nodiscard]] bool armed() const override { return armed_; }
  [[nodiscard]] bool proving() const override { return proving_; }
  [[nodiscard]] std::uint32_t timeout_ms() const override { return timeout_s_ * 1000; }
  [[nodiscard]] const char* note() const override { return note_; }

 protected:
  // ioctl(2); tests answer in the kernel's place.
  virtual int control(int fd, unsigned long request, void* argument);
  [[nodiscard]] virtual Instant now() const;

 private:
  bool refuse(const char* what, int error);
  bool give_back();
  bool set_up();
  bool identify();
  bool begin_proof();
  bool go_on_with_proof();
  bool arm();

  std::string device_;
  unsigned wanted_s_;
  bool accept_software_;
  std::uint32_t timeout_s_;
  UniqueFd fd_;
  bool armed_ = false;
  bool proving_ = false;
  bool identified_ = false;
  int first_left_ = 0;
  Instant proof_began_{};
  char note_[128] = {};
};

}  // namespace mold::heartbeat
