#include "tests/contract/ipmi_bmc.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "fencing/drivers/ipmi.h"
#include "lib/base/check.h"
#include "tests/fakes/loopback.h"

namespace mold::contract {
namespace {

namespace fs = std::filesystem;

// The simulator runs it for each question about power, and waits for it: sleeping here is a slow
// BMC. What goes on in the background must have let go of its input and output.
constexpr const char* kChassis = R"sh(#!/bin/sh
d=$1; verb=$2; shift 2
[ -e "$d/slow" ] && sleep "$(cat "$d/slow")"
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
[ -e "$d/refuse" ] && exit 1
[ -e "$d/ignore" ] && exit 0
while [ -e "$d/hang" ]; do sleep 0.05; done
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

constexpr const char* kEmulator =
    "mc_setbmc 0x20\n"
    "mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\n"
    "sel_enable 0x20 1000 0x0a\n";

// A FRU store of 128 bytes with a product area (IPMI FRU specification 1.0, section 12).
std::string fru_bytes() {
  const auto field = [](const std::string& text) {
    return std::string(1, static_cast<char>(0xC0U | text.size())) + text;
  };
  std::string product = std::string("\x01\x05", 2) + std::string(1, '\0') + field("Acme") +
                        field("Box9000") + field("PN1") + field("v1") + field("SER-42") +
                        "\xC0\xC0\xC1";
  product.resize(39, '\0');
  const auto with_checksum = [](std::string area) {
    unsigned sum = 0;
    for (const char c : area) sum += static_cast<unsigned char>(c);
    return area + static_cast<char>((256U - sum % 256U) % 256U);
  };
  std::string store = with_checksum(std::string("\x01\0\0\0\x01\0\0", 7)) + with_checksum(product);
  store.resize(128, '\0');
  return store;
}

std::string seconds(Duration delay) {
  return std::to_string(static_cast<double>(delay.count()) / 1000.0);
}

}  // namespace

IpmiBmc::IpmiBmc(runtime::EventLoop& loop) : IpmiBmc(loop, Options{}) {}

IpmiBmc::IpmiBmc(runtime::EventLoop& loop, Options options)
    : loop_(loop), options_(std::move(options)) {
  std::string pattern = fs::temp_directory_path() / "mold-ipmi-XXXXXX";
  MOLD_CHECK(mkdtemp(pattern.data()) != nullptr, "a temporary folder");
  dir_ = pattern;
  write("power", "1");
  write("commands", "");
  write("chassis.sh", kChassis);
  fs::permissions(dir_ / "chassis.sh", fs::perms::owner_all);
  fs::create_directory(dir_ / "state");
  std::string emulator = kEmulator;
  if (options_.with_fru) {
    write("fru.bin", fru_bytes());
    emulator += "mc_add_fru_data 0x20 0 128 file 0 \"" + (dir_ / "fru.bin").string() + "\"\n";
  }
  write("cmds.emu", emulator + "mc_enable 0x20\n");
  port_ = fakes::free_port(SOCK_DGRAM);
  write("lan.conf", lan_conf());
  start();
}

IpmiBmc::~IpmiBmc() {
  kill_now();
  std::error_code ignored;
  fs::remove_all(dir_, ignored);
}

port::PowerTarget IpmiBmc::target() const {
  port::PowerTarget target;
  target.address = "127.0.0.1";
  target.port = std::to_string(port_);
  target.username = options_.user;
  target.password = Secret(options_.password);
  return target;
}

void IpmiBmc::set_power(bool on) {
  write("power", on ? "1" : "0");
}
bool IpmiBmc::power() const {
  return read("power").starts_with("1");
}
int IpmiBmc::commands() const {
  int lines = 0;
  for (const char c : read("commands")) lines += c == '\n' ? 1 : 0;
  return lines;
}

void IpmiBmc::accept_but_ignore(bool on) {
  flag("ignore", on);
}
void IpmiBmc::act_late(Duration delay) {
  write("late", seconds(delay));
}
void IpmiBmc::be_slow(Duration delay) {
  write("slow", seconds(delay));
}
void IpmiBmc::hang(bool on) {
  flag("hang", on);
}
void IpmiBmc::refuse(bool on) {
  flag("refuse", on);
}

void IpmiBmc::kill_now() {
  if (pid_ <= 0) return;
  kill(-pid_, SIGKILL);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void IpmiBmc::start() {
  pid_ = fork();
  MOLD_CHECK(pid_ >= 0, "fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    const int null = open("/dev/null", O_RDWR);
    for (const int fd : {0, 1, 2}) dup2(null, fd);
    const std::string lan = dir_ / "lan.conf";
    const std::string emu = dir_ / "cmds.emu";
    const std::string state = dir_ / "state";
    execlp("ipmi_sim", "ipmi_sim", "-c", lan.c_str(), "-f", emu.c_str(), "-s", state.c_str(), "-n",
           nullptr);
    _exit(127);
  }
  setpgid(pid_, pid_);
  MOLD_CHECK(loop_.run_until([this] { return is_bound(); }, 30'000ms), "ipmi_sim serves");
}

// Its socket is there; what comes before it reads from it waits in the socket.
bool IpmiBmc::is_bound() const {
  std::ifstream table("/proc/net/udp");
  char local[32];
  std::snprintf(local, sizeof(local), " 0100007F:%04X ", static_cast<unsigned>(port_));
  for (std::string line; std::getline(table, line);)
    if (line.find(local) != std::string::npos) return true;
  return false;
}

void IpmiBmc::flag(const std::string& name, bool on) {
  if (on) {
    write(name, "");
  } else {
    fs::remove(dir_ / name);
  }
}

void IpmiBmc::write(const std::string& name, const std::string& text) const {
  const fs::path temporary = dir_ / (name + ".new");
  std::ofstream(temporary, std::ios::binary) << text;
  fs::rename(temporary, dir_ / name);
}

std::string IpmiBmc::read(const std::string& name) const {
  std::ifstream file(dir_ / name);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string IpmiBmc::lan_conf() const {
  std::string auths;
  for (const char* level : {"callback", "user", "operator", "admin"})
    auths += std::string("  allowed_auths_") + level + " none md2 md5 straight\n";
  return "name \"contract\"\nset_working_mc 0x20\nstartlan 1\n  addr 127.0.0.1 " +
         std::to_string(port_) + "\n  priv_limit admin\n" + auths +
         "  guid a123456789abcdefa123456789abcdef\nendlan\nchassis_control \"" +
         (dir_ / "chassis.sh").string() + " " + dir_.string() + "\"\nstartnow false\n" +
         "user 2 true \"" + options_.user + "\" \"" + options_.password +
         "\" admin 10 none md2 md5 straight\n" +
         "user 3 true \"reader\" \"reader-secret\" user 10 none md2 md5 straight\n";
}

}  // namespace mold::contract
