// The power contract on the real thing: ipmitool against ipmi_sim, an IPMI 2.0 BMC in software, on
// loopback. The machine behind the BMC is a folder; its chassis script is the power button.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fencing/drivers/ipmi.h"
#include "lib/base/check.h"
#include "tests/contract/power_control_contract.h"

namespace mold::contract {
namespace {

namespace fs = std::filesystem;

constexpr const char* kChassis = R"sh(#!/bin/sh
d=$1; verb=$2; shift 2
if [ "$verb" = get ]; then
  for what in "$@"; do
    case $what in
      power) echo "power:$(cat "$d/power")" ;;
      *) echo "$what:default" ;;
    esac
  done
  exit 0
fi
echo "$*" >> "$d/commands"
[ -e "$d/ignore" ] && exit 0
case $1 in
  power) new=$2 ;;
  reset) new=1 ;;
  shutdown) new=0 ;;
  *) exit 0 ;;
esac
if [ -e "$d/late" ]; then
  (sleep "$(cat "$d/late")"; echo "$new" > "$d/power") </dev/null >/dev/null 2>&1 &
else
  echo "$new" > "$d/power"
fi
exit 0
)sh";

class IpmiRig final : public PowerRig {
 public:
  IpmiRig() {
    auto made = runtime::EventLoop::create();
    MOLD_CHECK(made.has_value(), "an event loop");
    loop_ = std::move(*made);
    driver_ = fencing::make_ipmi_driver(*loop_);
    std::string pattern = fs::temp_directory_path() / "mold-ipmi-XXXXXX";
    MOLD_CHECK(mkdtemp(pattern.data()) != nullptr, "a temporary folder");
    dir_ = pattern;
    port_ = 20'000 + static_cast<int>(getpid() % 20'000);
    write("power", "1");
    write("chassis.sh", kChassis);
    fs::permissions(dir_ / "chassis.sh", fs::perms::owner_all);
    fs::create_directory(dir_ / "state");
    write("lan.conf", lan_conf());
    write("cmds.emu",
          "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 "
          "persist_sdr\nsel_enable 0x20 1000 0x0a\nmc_enable 0x20\n");
    start();
  }
  ~IpmiRig() override {
    go_away();
    fs::remove_all(dir_);
  }
  IpmiRig(const IpmiRig&) = delete;
  IpmiRig& operator=(const IpmiRig&) = delete;

  runtime::EventLoop& loop() override { return *loop_; }
  port::PowerControl& driver() override { return *driver_; }
  port::PowerTarget target() override {
    port::PowerTarget target;
    target.address = "127.0.0.1";
    target.port = std::to_string(port_);
    target.username = "ADMIN";
    target.password = Secret("contract-secret");
    return target;
  }
  void set_power(bool on) override { write("power", on ? "1" : "0"); }
  bool power() override { return read("power")[0] == '1'; }
  int commands() override {
    int lines = 0;
    for (const char c : read("commands")) lines += c == '\n' ? 1 : 0;
    return lines;
  }
  void accept_but_ignore(bool) override { write("ignore", ""); }
  void act_late(Duration delay) override {
    write("late", std::to_string(static_cast<double>(delay.count()) / 1000.0));
  }
  void go_away() override {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  void write(const std::string& name, const std::string& text) {
    const fs::path temporary = dir_ / (name + ".new");
    std::ofstream(temporary) << text;
    fs::rename(temporary, dir_ / name);
  }
  std::string read(const std::string& name) {
    std::ifstream file(dir_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string lan_conf() const {
    return "name \"contract\"\nset_working_mc 0x20\nstartlan 1\n  addr 127.0.0.1 " +
           std::to_string(port_) +
           "\n  priv_limit admin\n  allowed_auths_callback none md2 md5 straight\n"
           "  allowed_auths_user none md2 md5 straight\n"
           "  allowed_auths_operator none md2 md5 straight\n"
           "  allowed_auths_admin none md2 md5 straight\n"
           "  guid a123456789abcdefa123456789abcdef\nendlan\n"
           "chassis_control \"" +
           (dir_ / "chassis.sh").string() + " " + dir_.string() +
           "\"\n"
           "startnow false\nuser 2 true \"ADMIN\" \"contract-secret\" admin 10 none md2 md5 "
           "straight\n";
  }
  void start() {
    pid_ = fork();
    MOLD_CHECK(pid_ >= 0, "fork");
    if (pid_ == 0) {
      const int null = open("/dev/null", O_RDWR);
      dup2(null, 0);
      dup2(null, 1);
      dup2(null, 2);
      const std::string lan = dir_ / "lan.conf";
      const std::string emu = dir_ / "cmds.emu";
      const std::string state = dir_ / "state";
      execlp("ipmi_sim", "ipmi_sim", "-c", lan.c_str(), "-f", emu.c_str(), "-s", state.c_str(),
             "-n", nullptr);
      _exit(127);
    }
    // Ready when it answers: no sleeping and hoping.
    bool up = false;
    for (int tries = 0; tries < 50 && !up; ++tries) {
      bool answered = false;
      driver_->request(target(), core::PowerVerb::kStatus, 5'000ms, [&](port::PowerResult r) {
        answered = true;
        up = r.outcome == core::Outcome::kConfirmed;
      });
      loop_->run_until([&] { return answered; }, 30'000ms);
    }
    MOLD_CHECK(up, "ipmi_sim answers");
  }

  std::unique_ptr<runtime::EventLoop> loop_;
  std::unique_ptr<port::PowerControl> driver_;
  fs::path dir_;
  int port_ = 0;
  pid_t pid_ = -1;
};

std::unique_ptr<PowerRig> make_ipmi_rig() {
  return std::make_unique<IpmiRig>();
}

INSTANTIATE_TEST_SUITE_P(Ipmitool, PowerControlContract, ::testing::Values(&make_ipmi_rig));

}  // namespace
}  // namespace mold::contract
