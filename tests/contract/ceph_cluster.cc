#include "tests/contract/ceph_cluster.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <utility>

#include "fencing/ceph/client_name.h"
#include "lib/base/check.h"
#include "lib/base/text.h"
#include "tests/fakes/stand_still.h"

namespace mold::contract {
namespace {

namespace fs = std::filesystem;

struct Ran {
  int code = -1;
  std::string out;
};

// For tests only: a shell, and no deadline but its own `timeout`.
Ran run_bash(const std::string& line) {
  Ran ran;
  std::FILE* const pipe = ::popen(("exec timeout 120 bash -c '" + line + "'").c_str(), "r");
  MOLD_CHECK(pipe != nullptr, "a shell");
  std::array<char, 4096> part{};
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe))
    ran.out.append(part.data(), size);
  const int status = ::pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

// A client in a process of its own (ceph_victim.cc).
class VictimHandle final : public CephHandle {
 public:
  VictimHandle(const std::string& mons, const std::string& user, const Secret& key) {
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    MOLD_CHECK(::pipe2(to.data(), O_CLOEXEC) == 0 && ::pipe2(from.data(), O_CLOEXEC) == 0, "pipes");
    pid_ = ::fork();
    MOLD_CHECK(pid_ >= 0, "fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(to[0], 0);
      ::dup2(from[1], 1);
      ::execl(MOLD_CEPH_VICTIM, MOLD_CEPH_VICTIM, mons.c_str(), "vms", user.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    to_ = to[1];
    from_ = ::fdopen(from[0], "r");
    connected_ = number(key.reveal()) == 0;
  }
  ~VictimHandle() override {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(to_);
    std::fclose(from_);
  }
  VictimHandle(const VictimHandle&) = delete;
  VictimHandle& operator=(const VictimHandle&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  std::string address() override { return ceph::client_name(ask("address")).value_or("none"); }
  int open(const std::string& image) override { return number("open " + image); }
  int write(const std::string& image) override { return number("write " + image); }
  int watch_beat(const std::string& object) override { return number("beat " + object); }

 private:
  std::string ask(const std::string& wish) {
    const std::string line = wish + "\n";
    MOLD_CHECK(::write(to_, line.data(), line.size()) == static_cast<ssize_t>(line.size()), "told");
    std::array<char, 512> answer{};
    MOLD_CHECK(std::fgets(answer.data(), answer.size(), from_) != nullptr, "the victim answers");
    return std::string(trim(answer.data()));
  }
  int number(const std::string& wish) { return parse_number<int>(ask(wish)).value_or(-9999); }

  pid_t pid_ = -1;
  int to_ = -1;
  std::FILE* from_ = nullptr;
  bool connected_ = false;
};

ceph::CephToolSettings settings() {
  ceph::CephToolSettings own;
  own.program = MOLD_CEPH_PROGRAM;
  return own;
}

}  // namespace

CephCluster& CephCluster::get() {
  static CephCluster cluster;
  return cluster;
}

CephCluster::CephCluster() {
  std::string pattern = fs::temp_directory_path() / "mold-ceph-XXXXXX";
  MOLD_CHECK(::mkdtemp(pattern.data()) != nullptr, "a temporary folder");
  dir_ = pattern;
  const Ran ran = run_bash(std::string(MOLD_CEPH_ONE) + " start " + dir_ + "/c --owner " +
                           std::to_string(::getpid()));
  MOLD_CHECK(ran.code == 0, "a Ceph cluster");
  std::ifstream file{std::string(trim(ran.out))};
  for (std::string line; std::getline(file, line);) {
    const auto equals = line.find('=');
    if (equals != std::string::npos) env_[line.substr(0, equals)] = line.substr(equals + 1);
  }
}

CephCluster::~CephCluster() {
  run_bash(std::string(MOLD_CEPH_ONE) + " stop " + dir_ + "/c");
  std::error_code ignored;
  fs::remove_all(dir_, ignored);
}

const std::string& CephCluster::env(const std::string& name) const {
  const auto found = env_.find(name);
  MOLD_CHECK(found != env_.end(), "the cluster's env file has it");
  return found->second;
}

std::string CephCluster::admin(const std::string& line) const {
  const std::string script = dir_ + "/line";
  std::ofstream(script) << "export CEPH_CONF=" << env("CONF") << "\n" << line << "\n";
  const Ran ran = run_bash("bash " + script + " 2>" + dir_ + "/errors");
  MOLD_CHECK(ran.code == 0, line);
  return ran.out;
}

void CephCluster::stock_pace() const {
  admin("ceph tell mon.a injectargs --paxos_propose_interval=1 --paxos_min_wait=0.05");
}

RealCephRig::RealCephRig()
    : loop_(std::move(*runtime::EventLoop::create())), tool_(*loop_, settings()) {
  static bool prepared = false;
  if (std::exchange(prepared, true)) return;
  // What the probe says is to be run makes a fencer of any user: that is part of the contract.
  std::string line;
  tool_.probe(fencer(), Duration{30'000},
              [&](const port::CephPoolFacts& facts) { line = facts.missing + " "; });
  MOLD_CHECK(loop_->run_until([&] { return !line.empty(); }, Duration{60'000}), "an answer");
  CephCluster::get().admin(line);
}

port::CephAccess RealCephRig::fencer() {
  const CephCluster& cluster = CephCluster::get();
  return {cluster.env("MON_HOST"), "vms", cluster.env("MANAGER_USER"),
          Secret(cluster.env("MANAGER_KEY"))};
}

port::CephAccess RealCephRig::without_blocklist() {
  CephCluster& cluster = CephCluster::get();
  port::CephAccess access = fencer();
  access.user = "half";
  cluster.admin(
      "ceph auth get-or-create client.half mon 'profile rbd, allow command \"auth get\", allow "
      "command \"auth caps\", allow command \"auth get-or-create\"' osd 'profile rbd pool=vms'");
  access.key = Secret(std::string(trim(cluster.admin("ceph auth get-key client.half"))));
  return access;
}

std::string RealCephRig::fresh(const std::string& begin) {
  static int next = 1;
  return begin + "t" + std::to_string(next++);
}

std::string RealCephRig::make_image() {
  std::string name = fresh("image-");
  CephCluster::get().admin("rbd create vms/" + name + " --size 8M");
  return name;
}

std::string RealCephRig::make_template() {
  const std::string name = make_image() + "@base";
  CephCluster::get().admin("rbd snap create vms/" + name + " && rbd snap protect vms/" + name);
  return name;
}

std::uint64_t RealCephRig::size_of(const std::string& image) {
  const auto info = nlohmann::json::parse(
      CephCluster::get().admin("rbd info --format json vms/" + image + " || echo {}"));
  return info.value("size", std::uint64_t{0});
}

std::unique_ptr<CephHandle> RealCephRig::connect(const std::string& user, const Secret& key) {
  auto handle = std::make_unique<VictimHandle>(CephCluster::get().env("MON_HOST"), user, key);
  if (!handle->connected()) return nullptr;
  return handle;
}

std::map<std::string, Duration> RealCephRig::blocklist() {
  // "127.0.0.1:0/1234 2026-11-21T20:05:17.294449+0000"
  std::istringstream lines(CephCluster::get().admin("ceph osd blocklist ls"));
  std::map<std::string, Duration> list;
  for (std::string client, until; lines >> client >> until;) {
    std::tm parts{};
    ::strptime(until.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    list[client] = Duration{(::timegm(&parts) - std::time(nullptr)) * 1'000};
  }
  return list;
}

void RealCephRig::list_by_hand(const std::string& client, Duration expiry) {
  CephCluster::get().admin("ceph osd blocklist add " + client + " " +
                           std::to_string(expiry.count() / 1'000));
}

void RealCephRig::pass(Duration time) {
  std::this_thread::sleep_for(time);
}

void RealCephRig::freeze_osds(bool on) {
  const CephCluster& cluster = CephCluster::get();
  const std::string dir = fs::path(cluster.env("CONF")).parent_path();
  const Ran ran = run_bash(std::string(MOLD_CEPH_ONE) + (on ? " freeze " : " thaw ") + dir);
  MOLD_CHECK(ran.code == 0, "freezing and thawing");
}

void RealCephRig::freeze_mons(bool on) {
  const auto pid = parse_number<int>(CephCluster::get().env("MON_PID"));
  MOLD_CHECK(pid && (on ? fakes::stand_still(*pid) : ::kill(*pid, SIGCONT) == 0), "the monitor");
}

std::unique_ptr<CephRig> make_real_ceph_rig() {
  return std::make_unique<RealCephRig>();
}

}  // namespace mold::contract
