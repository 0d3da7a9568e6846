#include "tests/golden/brain/world.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "lib/base/text.h"

namespace mold::golden {
namespace {

using namespace core;

constexpr PoolId kPool{1};
constexpr ClusterId kCluster{1};

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream in(line);
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

Duration seconds_of(const std::string& text) {
  return Duration{static_cast<std::int64_t>(std::stod(text) * 1000.0 + 0.5)};
}

std::string client_of(VmId vm, Generation generation) {
  return "10.0.0.9:0/" + std::to_string(100 * vm.value + generation.value);
}

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace

void World::give(const std::string& line) {
  const auto words = words_of(line);
  if (words.empty()) return;
  if (words[0] == "hosts") {
    for (std::size_t i = 1; i < words.size(); ++i) {
      Machine m;
      m.id = HostId{i};
      m.name = words[i];
      machines_.push_back(m);
    }
  } else if (words[0] == "no-power") {
    machine(words[1]).power_control = false;
  } else if (words[0] == "unarmed") {
    machine(words[1]).armed = false;
  } else if (words[0] == "vm") {
    given_vms_.push_back({words[1], words[3], words.size() > 4 && words[4] == "ha"});
  } else if (words[0] == "rbd") {
    rbd_ = true;
  } else if (words[0] == "recover") {
    policy_.recover_attempts = 1;
  } else if (words[0] == "end") {
    end_ = Instant{} + seconds_of(words[1]);
  } else {
    throw std::runtime_error("given: what is '" + line + "'?");
  }
}

void World::script(const std::string& line) {
  auto words = words_of(line);
  if (words.empty() || words[0][0] == '#') return;
  const Instant at = Instant{} + seconds_of(words[0]);
  words.erase(words.begin());
  script_.push_back({at, words});
}

void World::begin() {
  brain_ = std::make_unique<Brain>(policy_, State{});
  Pool pool;
  pool.id = kPool;
  pool.cluster = kCluster;
  pool.name = "nas";
  pool.path = "/srv/pool";
  if (rbd_) pool.kind = PoolKind::kRbd;
  feed(PoolAdded{pool});
  for (Machine& m : machines_) {
    Host host;
    host.id = m.id;
    host.cluster = kCluster;
    host.name = m.name;
    host.has_power_control = m.power_control;
    feed(HostAdded{host});
    hello(m);
    feed(HaSet{m.id, true});
  }
  for (int beats = 0; beats < 3; ++beats) {
    for (Machine& m : machines_) beat(m);
  }
  std::uint64_t next_vm = 1;
  for (const GivenVm& given : given_vms_) {
    Vm vm;
    vm.id = VmId{next_vm++};
    vm.cluster = kCluster;
    vm.ha = given.ha;
    vm.pinned_host = machine(given.host).id;
    vm.spec.name = given.name;
    vm.spec.memory_bytes = 1U << 20U;
    Disk disk;
    disk.pool = kPool;
    disk.path = "/srv/pool/" + given.name;
    vm.spec.disks.push_back(disk);
    feed(VmDeployed{vm, JobId{vm.id.value}, true});
    while (!pending_.empty()) {
      const auto answers = std::exchange(pending_, {});
      for (const auto& [at, event] : answers) feed(event);
    }
  }
  see_clients();
  story_.str("");
}

// What the manager reads of the images: one client for each VM that runs.
void World::see_clients() {
  if (!rbd_) return;
  const auto vms = brain_->state().vms;
  for (const auto& [id, vm] : vms) {
    if (vm.state != VmState::kRunning || !vm.clients.empty() || !machine(vm.host).network) continue;
    feed(ClientsSeen{id, vm.generation, {client_of(id, vm.generation)}});
  }
}

std::string World::play() {
  begin();
  while (now_ < end_) {
    now_ = now_ + 100ms;
    tick();
  }
  for (const auto& [id, vm] : brain_->state().vms) {
    const auto host = brain_->state().hosts.find(vm.host);
    tell("end: vm " + vm.spec.name + " " + std::string(to_string(vm.state)) +
         (host == brain_->state().hosts.end() ? "" : " on " + host->second.name) + " generation " +
         std::to_string(vm.generation.value));
  }
  return story_.str();
}

void World::tick() {
  for (const Line& line : script_) {
    if (line.at == now_) do_line(line);
  }
  auto due = std::stable_partition(pending_.begin(), pending_.end(),
                                   [this](const auto& entry) { return entry.first > now_; });
  std::vector<std::pair<Instant, Event>> answers(due, pending_.end());
  pending_.erase(due, pending_.end());
  for (const auto& [at, event] : answers) feed(event);
  for (Machine& m : machines_) {
    if (m.storage && now_.ms % 1000 == 0) {
      ++m.counter;
      m.changed = now_;
    }
    if (m.network && now_.ms % 500 == 0) beat(m);
  }
  if (now_.ms % 1000 == 0) see_clients();
  feed(TimePassed{});
}

void World::do_line(const Line& line) {
  const auto& w = line.words;
  std::string text = "script:";
  for (const auto& word : w) text += " " + word;
  tell(text);
  if (w[0] == "ceph") {
    ceph_ = w.at(1);
    return;
  }
  if (w[0] == "backup") {
    backup_ = brain_->state();
    return;
  }
  if (w[0] == "restore") return restore_backup();
  Machine& m = machine(w.at(1));
  if (w[0] == "cut-power") {  // machine dead, BMC lives on standby
    m.network = m.storage = m.reads = false;
    m.running.clear();
  } else if (w[0] == "cut-network") {
    m.network = false;
  } else if (w[0] == "heal-network") {
    m.network = true;
  } else if (w[0] == "cut-storage") {
    m.storage = m.reads = false;
  } else if (w[0] == "bmc") {
    m.bmc = w.at(2);
  } else if (w[0] == "boot") {
    m.network = m.storage = m.reads = true;
    m.boot += "+";
    m.session = false;
    m.running.clear();
    hello(m);
  } else if (w[0] == "hello") {  // the agent alone was restarted
    hello(m);
  } else if (w[0] == "confirm-dead") {
    feed(DeathConfirmed{m.id, "admin", "seen on site"});
  } else if (w[0] == "crash-vm") {
    const VmId vm{*parse_number<std::uint64_t>(w.at(2))};
    const Generation generation = m.running[vm];
    m.running.erase(vm);
    feed(ReportReceived{m.id,
                        brain_->state().hosts.at(m.id).epoch,
                        {VmReport{vm, "", generation, DomainPower::kGone, GoneReason::kCrashed}}});
  } else {
    throw std::runtime_error("script: what is '" + text + "'?");
  }
}

// The manager died with its store, and starts anew from the backup. Its agents find it one by one:
// hellos are for the script to say.
void World::restore_backup() {
  for (Machine& m : machines_) m.session = false;
  pending_.clear();
  State state = backup_;
  state.older_because = "it knows less than its mark";
  brain_ = std::make_unique<Brain>(policy_, std::move(state));
  const Turn turn = brain_->resume(Now{now_, WallTime{now_.ms}});
  for (const Action& action : turn.actions) carry_out(action);
}

void World::hello(Machine& m) {
  feed(hello_of(m));
}

HelloReceived World::hello_of(Machine& m) {
  HelloReceived hello;
  hello.host = m.id;
  hello.boot_id = m.boot;
  hello.incarnation = m.incarnation;
  // Its agent was told the epoch when it asked; that exchange is no part of these stories.
  hello.epoch = brain_->state().hosts.at(m.id).epoch;
  hello.capacity = Capacity{8, 3000, 8ULL << 30U};
  for (const auto& [vm, generation] : m.running)
    hello.vms.push_back(VmReport{vm, "", generation, DomainPower::kRunning, GoneReason::kUnknown});
  return hello;
}

void World::beat(Machine& m) {
  if (!m.session) return;
  BeatReceived beat;
  beat.host = m.id;
  beat.epoch = m.epoch;
  beat.incarnation = m.incarnation;
  beat.sequence = ++m.said;
  for (const Machine& other : machines_) {
    if (other.id == m.id || !m.reads) continue;
    LeaseReading reading;
    reading.pool = kPool;
    reading.subject = other.id;
    reading.readable = true;
    reading.counter = other.counter;
    reading.armed = other.armed;
    reading.deadline = 10'000ms;
    reading.unchanged = now_ - other.changed;
    beat.readings.push_back(reading);
  }
  feed(beat);
}

void World::feed(const Event& event) {
  const Turn turn = brain_->step(event, Now{now_, WallTime{now_.ms}});
  for (const Action& action : turn.actions) carry_out(action);
}

void World::carry_out(const Action& action) {
  std::visit(
      Overloaded{
          [this](const OpenSession& a) {
            machine(a.host).session = true;
            machine(a.host).epoch = a.epoch;
            tell("session " + machine(a.host).name + " epoch " + std::to_string(a.epoch.value));
          },
          [this](const RefuseSession& a) {
            tell("refuse " + machine(a.host).name + ": " + a.why);
            Machine& m = machine(a.host);
            m.session = false;
            if (m.network) pending_.emplace_back(now_ + 200ms, hello_of(m));
          },
          [this](const SendOrder& a) { on_order(a.order); },
          [this](const RequestPower& a) { on_power(a); },
          [this](const RequestIsolation& a) { on_isolation(a); },
          [this](const FinishJob& a) {
            tell("job " + std::to_string(a.job.id.value) +
                 (a.job.status == JobStatus::kSucceeded ? " succeeded"
                                                        : " failed: " + a.job.error_text));
          },
          [this](const NoteTransition& a) {
            tell(a.entity + " " + a.name + ": " + a.from + " -> " + a.to + " (" + a.reason + ")");
          },
          [this](const NoteEvidence& a) {
            tell("  ledger " + machine(a.host).name + " " + std::string(to_string(a.kind)) + ": " +
                 a.text);
          },
      },
      action);
}

void World::on_order(const Order& order) {
  Machine& m = machine(order.host);
  tell("order " + std::string(to_string(order.kind)) + " vm " + std::to_string(order.vm.value) +
       " generation " + std::to_string(order.generation.value) + " to " + m.name + " epoch " +
       std::to_string(order.epoch.value));
  if (!m.network) return;
  OrderResult result;
  result.op = order.op;
  result.vm = order.vm;
  result.generation = order.generation;
  result.outcome = Outcome::kConfirmed;
  switch (order.kind) {
    case OrderKind::kStartVm:
      m.running[order.vm] = order.generation;
      break;
    case OrderKind::kStopVm:
    case OrderKind::kKillVm:
      m.running.erase(order.vm);
      result.gone = true;
      break;
    case OrderKind::kRebootVm:
    case OrderKind::kCreateDisk:
    case OrderKind::kDeleteDisk:
      break;
  }
  pending_.emplace_back(now_ + 300ms, OrderAnswered{order.host, result});
}

void World::on_isolation(const RequestIsolation& request) {
  IsolationAnswered answer;
  answer.op = request.op;
  answer.host = request.host;
  answer.pool = request.pool;
  Duration took = 500ms;
  if (ceph_ == "hung") {
    answer.text = "no answer in time";
    took = request.deadline;
  } else {
    answer.outcome = Outcome::kConfirmed;
    answer.listed = request.clients;
    answer.text = "read back";
  }
  pending_.emplace_back(now_ + took, answer);
}

void World::on_power(const RequestPower& request) {
  Machine& m = machine(request.host);
  PowerAnswered answer;
  answer.op = request.op;
  answer.host = request.host;
  answer.verb = request.verb;
  answer.device = request.device;
  Duration took = 200ms;
  if (m.bmc == "dead") {
    answer.outcome = request.verb == PowerVerb::kStatus ? Outcome::kUnknown : Outcome::kFailed;
    answer.text = "no answer";
    took = 2'000ms;
  } else if (m.bmc == "lying" && request.verb != PowerVerb::kStatus) {
    answer.outcome = Outcome::kUnknown;
    answer.state = PowerState::kOn;
    answer.text = "accepted, still on";
    took = request.deadline;
  } else {
    answer.outcome = Outcome::kConfirmed;
    answer.text = "done";
    if (request.verb == PowerVerb::kOff) m.bmc = "off";
    answer.state = m.bmc == "off" ? PowerState::kOff : PowerState::kOn;
    if (request.verb == PowerVerb::kReset) answer.state = PowerState::kOn;
    if (m.bmc == "off") m.network = m.storage = m.reads = false;
  }
  pending_.emplace_back(now_ + took, answer);
}

void World::tell(const std::string& text) {
  story_ << now_.ms / 1000 << "." << now_.ms % 1000 / 100 << " " << text << "\n";
}

World::Machine& World::machine(const std::string& name) {
  for (Machine& m : machines_) {
    if (m.name == name) return m;
  }
  throw std::runtime_error("no host " + name);
}

World::Machine& World::machine(HostId id) {
  return machines_.at(id.value - 1);
}

}  // namespace mold::golden
