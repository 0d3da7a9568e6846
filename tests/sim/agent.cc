#include "tests/sim/agent.h"

#include <algorithm>

#include "lib/base/check.h"
#include "tests/sim/story_text.h"
#include "tests/sim/world.h"

namespace mold::sim {
namespace {

constexpr Ms kRetry = 2'000;
constexpr Ms kRelist = 30'000;
constexpr Ms kReportEvery = 4'000;  // unasked; in peace it says nothing new
constexpr std::size_t kMaxUnacknowledged = 256;

}  // namespace

void Agent::begin(World& world, std::size_t host) {
  world_ = &world;
  host_ = host;
  up_ = false;
  run_ = 0;
  brain_.reset();
  session_ = 0;
  next_tag_ = 1;
}

void Agent::start() {
  ++run_;
  up_ = true;
  brain_.emplace(world_->options().agent_mutation);
  awaiting_ = retry_set_ = relist_set_ = false;
  beats_ = 0;
  told_ = Epoch{};
  report_tag_ = 0;
  results_.clear();
  starts_.clear();
  timer_at_ = 0;
  world_->queue.push(world_->now + world_->draw(20, 400, Draw::kStart, host_, run_),
                     Ev::kAgentListed, host_, run_);
  world_->queue.push(world_->now + world_->plan().policy.beat_interval.count(), Ev::kAgentBeat,
                     host_, run_);
}

void Agent::crash() {
  up_ = false;
  ++run_;
  brain_.reset();
}

std::optional<Epoch> Agent::epoch() const {
  return brain_ ? brain_->epoch() : std::nullopt;
}

bool Agent::settled() const {
  return up_ && epoch().has_value() && !awaiting_ && report_tag_ == 0 && results_.empty();
}

void Agent::libvirt_listed() {
  relist_set_ = false;
  core::DomainsListed listed;
  for (const Qemu& q : world_->disks.qemus) {
    if (q.host != host_ || q.state == QemuState::kDead) continue;
    listed.domains.push_back(world_->report_of(q));
  }
  step(listed);
  if (!knows_all(listed)) want_relist();
  if (brain_->ready() && !epoch() && !awaiting_) say_hello();
}

// agentd lists its domains every 30 s for ever. Here only while a list may tell something new:
// after each event, and as long as the brain knows less than the list says.
void Agent::want_relist() {
  if (relist_set_) return;
  relist_set_ = true;
  world_->queue.push(world_->now + kRelist, Ev::kAgentListed, host_, run_);
}

bool Agent::knows_all(const core::DomainsListed& listed) const {
  const std::vector<core::VmReport> known = brain_->vms();
  return std::all_of(listed.domains.begin(), listed.domains.end(), [&](const core::VmReport& d) {
    return std::any_of(known.begin(), known.end(), [&](const core::VmReport& k) {
      return k.vm == d.vm && k.generation == d.generation && k.power == d.power;
    });
  });
}

void Agent::beat(Ms planned) {
  // The loop comes round at every beat anyway: a lost lease is noticed here.
  step(core::AgentTimePassed{});
  const Ms interval = world_->plan().policy.beat_interval.count();
  const Ms late = world_->now - planned;
  world_->queue.push(world_->now + interval - late % interval, Ev::kAgentBeat, host_, run_);
  if (!epoch()) return;
  const std::uint32_t slot = world_->net.up_slot(host_);
  core::Event& event = world_->net.up(slot).event;
  if (!std::holds_alternative<core::BeatReceived>(event)) event = core::BeatReceived{};
  auto& beat = std::get<core::BeatReceived>(event);
  beat.host = HostId{host_ + 1};
  beat.epoch = *epoch();
  beat.incarnation = world_->hosts[host_].heartbeat.incarnation();
  beat.self_stall = Duration{late};
  beat.sequence = ++beats_;
  world_->hosts[host_].heartbeat.readings(beat.readings);
  world_->net.up(slot).epoch = beat.epoch;
  world_->net.up(slot).routine = true;
  world_->net.send_up(slot);
  if (planned / interval % (kReportEvery / interval) == 0) send_routine_report();
}

void Agent::timer() {
  timer_at_ = 0;
  step(core::AgentTimePassed{});
}

void Agent::step(const core::AgentEvent& event) {
  world_->hosts[host_].heartbeat.lease_view(view_);
  const std::vector<core::AgentAction> actions =
      brain_->step(event, view_, world_->hosts[host_].local());
  for (const core::AgentAction& action : actions) {
    if (world_->story.listens()) world_->tell_host(host_, describe(action));
    if (const auto* call = std::get_if<core::Hypervise>(&action)) {
      world_->hypervisor.call(host_, run_, *call);
    } else if (std::holds_alternative<core::ReadDisks>(action)) {
      MOLD_CHECK(false, "the simulated pools are directories: none knows its clients");
    } else if (const auto* result = std::get_if<core::SendResult>(&action)) {
      this->result(result->result);
    } else if (std::holds_alternative<core::SendReport>(action)) {
      report_tag_ = next_tag_++;
      send_report();
    } else {
      say_hello();
    }
  }
  set_timer();
}

void Agent::result(const core::OrderResult& result) {
  if (results_.size() >= kMaxUnacknowledged) results_.erase(results_.begin());
  results_.push_back({next_tag_++, result});
  send_result(results_.back());
}

void Agent::set_timer() {
  const std::optional<Instant> due = brain_->deadline();
  if (!due) return;
  const Ms wait = std::max<Ms>(1, (*due - world_->hosts[host_].local()).count());
  const Ms at = world_->active() + wait;
  if (timer_at_ != 0 && timer_at_ <= at) return;
  timer_at_ = at;
  world_->queue.push(world_->now + wait, Ev::kAgentTimer, host_, run_);
}

void Agent::want_retry() {
  if (retry_set_) return;
  retry_set_ = true;
  world_->queue.push(world_->now + kRetry, Ev::kAgentRetry, host_, run_);
}

void Agent::retry() {
  retry_set_ = false;
  if (!epoch()) {
    if (brain_->ready()) say_hello();
    return;
  }
  if (report_tag_ != 0) send_report();
  for (const Unacknowledged& item : results_) send_result(item);
}

void Agent::say_hello() {
  if (!brain_->ready()) return;
  ++session_;
  awaiting_ = true;
  report_tag_ = 0;  // the hello has it all
  hello_incarnation_ = world_->hosts[host_].heartbeat.incarnation();
  const std::uint32_t slot = world_->net.up_slot(host_);
  core::HelloReceived hello;
  hello.host = HostId{host_ + 1};
  hello.boot_id = world_->hosts[host_].boot_id();
  hello.incarnation = hello_incarnation_;
  hello.capacity = world_->capacity();
  hello.vms = brain_->vms();
  hello.session = session_;
  hello.epoch = told_;
  world_->net.up(slot).event = std::move(hello);
  world_->net.send_up(slot);
  want_retry();
}

void Agent::send_report() {
  if (!epoch()) {
    report_tag_ = 0;
    return;
  }
  const std::uint32_t slot = world_->net.up_slot(host_);
  world_->net.up(slot).event = core::ReportReceived{HostId{host_ + 1}, *epoch(), brain_->vms()};
  world_->net.up(slot).tag = report_tag_;
  world_->net.up(slot).epoch = *epoch();
  world_->net.send_up(slot);
  want_retry();
}

// Again and again, so that nothing stays unsaid for long.
void Agent::send_routine_report() {
  if (report_tag_ != 0 || !epoch()) return;
  const std::uint32_t slot = world_->net.up_slot(host_);
  world_->net.up(slot).event = core::ReportReceived{HostId{host_ + 1}, *epoch(), brain_->vms()};
  world_->net.up(slot).epoch = *epoch();
  world_->net.up(slot).routine = true;
  world_->net.send_up(slot);
}

void Agent::send_result(const Unacknowledged& item) {
  const std::uint32_t slot = world_->net.up_slot(host_);
  world_->net.up(slot).event = core::OrderAnswered{HostId{host_ + 1}, item.result};
  world_->net.up(slot).tag = item.tag;
  world_->net.up(slot).epoch = epoch().value_or(Epoch{});
  world_->net.send_up(slot);
  want_retry();
}

void Agent::acknowledged(std::uint64_t tag) {
  if (tag == report_tag_) report_tag_ = 0;
  std::erase_if(results_, [&](const Unacknowledged& item) { return item.tag == tag; });
}

void Agent::session_opened(std::uint64_t session, Epoch epoch) {
  if (!awaiting_ || session != session_) return;  // an answer to a hello that was given up
  awaiting_ = false;
  told_ = epoch;
  step(core::SessionAccepted{epoch, hello_incarnation_, world_->plan().policy.start_guard});
}

// The answer to one request: it ends the session that the request was made in, no other. To a hello
// it tells the epoch that has to be named.
void Agent::session_refused(std::uint64_t session, Epoch of) {
  if (session != 0) {
    if (!awaiting_ || session != session_ || !of || of == told_) return;
    told_ = of;
    say_hello();
    return;
  }
  if (epoch() && *epoch() == of) step(core::SessionRefused{});
}

void Agent::order(const core::Order& order) {
  if (order.kind == core::OrderKind::kStartVm) {
    core::OrderResult unclear;
    unclear.op = order.op;
    unclear.vm = order.vm;
    unclear.generation = order.generation;
    unclear.text = "libvirt did not say";
    starts_[order.vm] = unclear;
  }
  step(core::OrderArrived{order});
}

void Agent::domain_event(const core::VmReport& report) {
  if (brain_->ready()) step(core::DomainObserved{report});
  want_relist();
}

// An order may be answered "unknown, not gone" before its end is known: the contract allows it, and
// the manager must make nothing of it.
void Agent::call_answered(const core::HypervisorAnswered& answer, VmId vm) {
  const auto start = starts_.find(vm);
  if (answer.outcome == core::Outcome::kUnknown && start != starts_.end() && epoch()) {
    result(start->second);
  }
  step(answer);
}

}  // namespace mold::sim
