#pragma once
// A BMC for tests: ipmi_sim, an IPMI 2.0 BMC in software, on a loopback port of its own. The
// machine behind it is a folder; the chassis script in it is the power button, and files in it make
// the machine late, lying, slow or stuck. One process per BMC; dies with its owner, also when that
// crashes. Use on one thread.
#include <sys/types.h>

#include <filesystem>
#include <string>

#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::contract {

class IpmiBmc {
 public:
  struct Options {
    std::string user = "ADMIN";
    std::string password = "contract-secret";
    bool with_fru = true;  // serial SER-42 of an "Acme Box9000"
  };
  // GUID as it is on the wire, and as dmidecode on the machine would show it.
  static constexpr const char* kUuid = "674523a1-ab89-efcd-a123-456789abcdef";

  explicit IpmiBmc(runtime::EventLoop& loop);
  IpmiBmc(runtime::EventLoop& loop, Options options);
  ~IpmiBmc();
  IpmiBmc(const IpmiBmc&) = delete;
  IpmiBmc& operator=(const IpmiBmc&) = delete;

  [[nodiscard]] port::PowerTarget target() const;
  [[nodiscard]] int port() const { return port_; }

  void set_power(bool on);
  [[nodiscard]] bool power() const;
  [[nodiscard]] int commands() const;  // power commands that reached the machine

  void accept_but_ignore(bool on);  // says yes, does nothing
  void act_late(Duration delay);    // power changes that long after the answer
  void be_slow(Duration delay);     // every answer about power takes that long
  void hang(bool on);               // a power command is taken and never answered
  void refuse(bool on);             // a power command is answered with an error

  void kill_now();  // and all that it started
  void start();     // with the same state; returns when it serves

 private:
  void flag(const std::string& name, bool on);
  void write(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::string read(const std::string& name) const;
  [[nodiscard]] std::string lan_conf() const;
  [[nodiscard]] bool is_bound() const;

  runtime::EventLoop& loop_;
  Options options_;
  std::filesystem::path dir_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace mold::contract
