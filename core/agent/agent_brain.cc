#include "core/agent/agent_brain.h"

#include <algorithm>
#include <utility>

namespace mold::core {
namespace {

constexpr Duration kKillRetry = 2'000ms;
constexpr Duration kAskAgain = 2'000ms;
// Ended domains stay in reports this long; any hello in between tells the same by absence.
constexpr Duration kRememberGone = 600'000ms;

bool is_forced_stop(const Order& order) {
  return order.kind == OrderKind::kKillVm ||
         (order.kind == OrderKind::kStopVm && order.grace <= 0ms);
}

bool restarts(HypervisorVerb verb) {
  return verb == HypervisorVerb::kReboot || verb == HypervisorVerb::kReset;
}

}  // namespace

AgentBrain::AgentBrain(AgentMutation mutation) : mutation_(mutation) {}

std::vector<AgentAction> AgentBrain::step(const AgentEvent& event, const LeaseView& lease,
                                          Instant now) {
  Turn turn{lease, now, {}};
  if (epoch_ && lease.valid && lease.incarnation != session_incarnation_) void_session(turn);
  std::visit([this, &turn](const auto& e) { on(e, turn); }, event);
  look_at_seen(turn);
  return std::move(turn.out);
}

void AgentBrain::look_at_seen(Turn& turn) {
  for (auto it = seen_meanwhile_.begin(); it != seen_meanwhile_.end();) {
    if (in_task(it->first)) {
      ++it;
      continue;
    }
    const VmReport report = it->second;
    it = seen_meanwhile_.erase(it);
    on(DomainObserved{report}, turn);
  }
}

std::optional<Instant> AgentBrain::deadline() const {
  std::optional<Instant> earliest;
  const auto keep = [&earliest](const std::optional<Instant>& at) {
    if (at && (!earliest || *at < *earliest)) earliest = at;
  };
  for (const Task& task : tasks_) {
    if (task.call != 0) continue;
    keep(task.force_at);
    keep(task.ask_at);
  }
  return earliest;
}

std::vector<VmReport> AgentBrain::vms() const {
  std::vector<VmReport> reports;
  reports.reserve(domains_.size());
  for (const auto& [vm, domain] : domains_) {
    reports.push_back(VmReport{vm, domain.uuid, domain.generation, domain.power, domain.gone_reason,
                               domain.power == DomainPower::kPaused && domain.io_error});
  }
  return reports;
}

// ---- session ------------------------------------------------------------------------------------

void AgentBrain::on(const SessionAccepted& e, Turn& turn) {
  epoch_ = e.epoch;
  start_guard_ = e.start_guard;
  session_incarnation_ = e.incarnation;
  // A lease lost between the hello and its answer voids the session at once.
  if (turn.lease.valid && turn.lease.incarnation != e.incarnation) {
    void_session(turn);
    return;
  }
  turn.out.emplace_back(SendReport{});
}

void AgentBrain::on(const SessionRefused&, Turn& turn) {
  void_session(turn);
}

void AgentBrain::void_session(Turn& turn) {
  epoch_.reset();
  turn.out.emplace_back(SayHello{});
}

// ---- orders -------------------------------------------------------------------------------------

void AgentBrain::on(const OrderArrived& e, Turn& turn) {
  const bool current = epoch_ && e.order.epoch == *epoch_;
  if (!current && mutation_ != AgentMutation::kIgnoreOrderEpoch) return;  // sent again when valid
  if (in_task(e.order.vm)) {
    hasten(e.order, turn);  // else it is being worked on; the manager asks again if it must
    return;
  }
  switch (e.order.kind) {
    case OrderKind::kStartVm:
      take_start(e.order, turn);
      return;
    case OrderKind::kStopVm:
    case OrderKind::kKillVm:
      take_stop(e.order, turn);
      return;
    case OrderKind::kRebootVm:
      take_other(e.order, e.order.forced ? HypervisorVerb::kReset : HypervisorVerb::kReboot, turn);
      return;
    case OrderKind::kCreateDisk:
      take_other(e.order, HypervisorVerb::kCreateDisk, turn);
      return;
    case OrderKind::kDeleteDisk:
      take_other(e.order, HypervisorVerb::kDeleteDisk, turn);
      return;
  }
}

// Patience ended: a graceful stop of this generation goes on by force, and answers the new order. A
// call that is under way is waited for: a shutdown that comes late must not hit the next
// generation.
void AgentBrain::hasten(const Order& order, Turn& turn) {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(),
                                  [&order](const Task& t) { return t.order.vm == order.vm; });
  const bool stops = found->order.kind == OrderKind::kStopVm || is_forced_stop(found->order);
  if (!stops || !is_forced_stop(order) || found->order.generation != order.generation) return;
  const bool waits = found->call == 0 && !is_forced_stop(found->order);
  const OpId awaited = order.op ? order.op : found->order.op;
  found->order = order;
  found->order.op = awaited;
  if (!waits) return;
  Task task = std::move(*found);
  tasks_.erase(found);
  task.force_at.reset();
  task.ask_at.reset();
  call(std::move(task), HypervisorVerb::kDestroy, turn);
}

std::optional<std::string> AgentBrain::refusal(const Order& order, const Turn& turn) const {
  const bool current = epoch_ && order.epoch == *epoch_;
  if (!current && mutation_ != AgentMutation::kIgnoreOrderEpoch)
    return "the epoch is not current any more";
  if (closed(order.vm, order.generation) && mutation_ != AgentMutation::kIgnoreClosedGeneration)
    return "this generation was closed";
  if (mutation_ == AgentMutation::kStartWithoutLease) return std::nullopt;
  if (!turn.lease.valid) return "mold-heartbeat does not run";
  for (const Disk& disk : order.spec.disks) {
    const auto lease = std::find_if(turn.lease.pools.begin(), turn.lease.pools.end(),
                                    [&disk](const auto& l) { return l.pool == disk.pool; });
    if (lease == turn.lease.pools.end()) return "a pool of the VM is not known here";
    if (!lease->held || lease->valid_until < turn.now + start_guard_)
      return "the host's own lease on a pool of the VM is not fresh";
  }
  return std::nullopt;
}

void AgentBrain::refuse_start(const Order& order, ErrorKind kind, const std::string& why,
                              Turn& turn) {
  close_generation(order.vm, order.generation);
  turn.out.emplace_back(SendResult{
      OrderResult{order.op, order.vm, order.generation, Outcome::kFailed, true, kind, why}});
}

void AgentBrain::take_start(const Order& order, Turn& turn) {
  const auto found = domains_.find(order.vm);
  const bool exists = found != domains_.end() && found->second.power != DomainPower::kGone;
  if (exists && found->second.generation != order.generation) {
    refuse_start(order, ErrorKind::kConflict, "another generation of this VM is here", turn);
    return;
  }
  if (exists && found->second.power == DomainPower::kRunning) {
    turn.out.emplace_back(
        SendResult{OrderResult{order.op, order.vm, order.generation, Outcome::kConfirmed, false,
                               ErrorKind::kInternal, "runs already"}});
    return;
  }
  if (!exists && !order.op) return;  // was to resume what is not here any more
  Task task;
  task.order = order;
  task.ran = exists && found->second.io_error;
  if (const auto why = refusal(order, turn)) {
    if (task.ran) {
      leave_paused(task, *why, turn);
    } else if (exists) {
      undo_start(std::move(task), *why, turn);
    } else {
      refuse_start(order, ErrorKind::kConflict, *why, turn);
    }
    return;
  }
  domains_[order.vm] = AgentDomain{order.spec.uuid,      order.generation, DomainPower::kPaused,
                                   GoneReason::kUnknown, Instant{},        task.ran};
  go_on(std::move(task), exists ? StartStep::kBeforeResume : StartStep::kBeforeCreate, turn);
}

void AgentBrain::take_stop(const Order& order, Turn& turn) {
  const auto found = domains_.find(order.vm);
  const bool exists = found != domains_.end() && found->second.power != DomainPower::kGone &&
                      found->second.generation == order.generation;
  Task task;
  task.order = order;
  if (!exists) {
    answer_gone(task, turn);
    return;
  }
  const bool gently = !is_forced_stop(order);
  if (gently) task.force_at = turn.now + order.grace;
  call(std::move(task), gently ? HypervisorVerb::kShutdown : HypervisorVerb::kDestroy, turn);
}

void AgentBrain::take_other(const Order& order, HypervisorVerb verb, Turn& turn) {
  const auto before = reboots_.find(order.vm);
  if (restarts(verb) && before != reboots_.end() && before->second.op == order.op) {
    turn.out.emplace_back(SendResult{before->second});  // its answer was lost, not its effect
    return;
  }
  const auto found = domains_.find(order.vm);
  const bool runs = found != domains_.end() && found->second.power == DomainPower::kRunning &&
                    found->second.generation == order.generation;
  if (restarts(verb) && !runs) {
    turn.out.emplace_back(
        SendResult{OrderResult{order.op, order.vm, order.generation, Outcome::kFailed, false,
                               ErrorKind::kConflict, "the VM does not run here"}});
    return;
  }
  const bool here = found != domains_.end() && found->second.power != DomainPower::kGone;
  if (verb == HypervisorVerb::kDeleteDisk && here) {
    turn.out.emplace_back(
        SendResult{OrderResult{order.op, order.vm, order.generation, Outcome::kFailed, false,
                               ErrorKind::kConflict, "the VM still exists here"}});
    return;
  }
  Task task;
  task.order = order;
  call(std::move(task), verb, turn);
}

// ---- hypervisor answers -------------------------------------------------------------------------

void AgentBrain::call(Task task, HypervisorVerb verb, Turn& turn) {
  task.call = next_call_++;
  task.verb = verb;
  turn.out.emplace_back(
      Hypervise{task.call, verb, task.order.vm, task.order.generation, task.order.spec});
  tasks_.push_back(std::move(task));
}

void AgentBrain::go_on(Task task, StartStep step, Turn& turn) {
  if (!needs_reading(task.order.spec)) {
    const bool create = step == StartStep::kBeforeCreate;
    call(std::move(task), create ? HypervisorVerb::kCreatePaused : HypervisorVerb::kResume, turn);
    return;
  }
  task.call = next_call_++;
  task.asking = step;
  turn.out.emplace_back(
      ReadDisks{task.call, task.order.vm, task.order.generation, task.order.spec});
  tasks_.push_back(std::move(task));
}

void AgentBrain::on(const DisksRead& e, Turn& turn) {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(), [&e](const Task& task) {
    return task.asking && task.call == e.call;
  });
  if (found == tasks_.end()) return;
  Task task = std::move(*found);
  tasks_.erase(found);
  const VmId vm = task.order.vm;
  const StartStep step = *std::exchange(task.asking, std::nullopt);
  auto why = judge_clients(step, task.order.spec, e.reading, clients_[vm]);
  if (!why) {
    if (auto lease = refusal(task.order, turn)) {
      why = StartRefusal{ErrorKind::kConflict, std::move(*lease)};
    }
  }
  if (step == StartStep::kBeforeCreate) {
    if (!why) return call(std::move(task), HypervisorVerb::kCreatePaused, turn);
    domain_gone(vm, GoneReason::kUnknown, turn);
    return refuse_start(task.order, why->kind, why->text, turn);
  }
  if (why && task.ran) return leave_paused(task, why->text, turn);
  if (why) return undo_start(std::move(task), why->text, turn);
  // All of them are ours. Those of a QEMU that will be killed are listed for a while longer.
  std::vector<std::string>& ours = clients_[vm];
  ours.clear();
  for (const DiskClients& disk : e.reading.disks) {
    ours.insert(ours.end(), disk.clients.begin(), disk.clients.end());
  }
  call(std::move(task), HypervisorVerb::kResume, turn);
}

void AgentBrain::on(const HypervisorAnswered& e, Turn& turn) {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(), [&e](const Task& task) {
    return !task.asking && task.call == e.call;
  });
  if (found == tasks_.end()) return;
  Task task = std::move(*found);
  tasks_.erase(found);
  switch (task.verb) {
    case HypervisorVerb::kCreatePaused:
      after_create(std::move(task), e, turn);
      return;
    case HypervisorVerb::kResume:
      after_resume(std::move(task), e, turn);
      return;
    case HypervisorVerb::kShutdown:
      after_shutdown(std::move(task), e, turn);
      return;
    case HypervisorVerb::kDestroy:
      after_destroy(std::move(task), e, turn);
      return;
    case HypervisorVerb::kReboot:
    case HypervisorVerb::kReset:
    case HypervisorVerb::kCreateDisk:
    case HypervisorVerb::kDeleteDisk:
      after_other(task, e, turn);
      return;
  }
}

void AgentBrain::after_create(Task task, const HypervisorAnswered& a, Turn& turn) {
  if (a.outcome == Outcome::kFailed && !a.exists) {
    domain_gone(task.order.vm, GoneReason::kUnknown, turn);
    refuse_start(task.order, a.error, a.text, turn);
    return;
  }
  if (a.outcome != Outcome::kConfirmed) {
    undo_start(std::move(task), "could not be created: " + a.text, turn);
    return;
  }
  const auto why =
      mutation_ == AgentMutation::kResumeWithoutRecheck ? std::nullopt : refusal(task.order, turn);
  if (why) {
    undo_start(std::move(task), *why, turn);
    return;
  }
  go_on(std::move(task), StartStep::kBeforeResume, turn);
}

// The generation is closed first: should the domain come up after all, it is killed on sight.
void AgentBrain::undo_start(Task task, const std::string& why, Turn& turn) {
  close_generation(task.order.vm, task.order.generation);
  task.why = why;
  call(std::move(task), HypervisorVerb::kDestroy, turn);
}

void AgentBrain::leave_paused(const Task& task, const std::string& why, Turn& turn) {
  turn.out.emplace_back(
      SendResult{OrderResult{task.order.op, task.order.vm, task.order.generation, Outcome::kFailed,
                             false, ErrorKind::kConflict, "stays paused: " + why}});
}

void AgentBrain::after_resume(Task task, const HypervisorAnswered& a, Turn& turn) {
  if (a.outcome != Outcome::kConfirmed && task.ran &&
      domains_[task.order.vm].power != DomainPower::kGone) {
    leave_paused(task, a.text, turn);
    return;
  }
  if (a.outcome != Outcome::kConfirmed) {
    undo_start(std::move(task), "could not be resumed: " + a.text, turn);
    return;
  }
  AgentDomain& domain = domains_[task.order.vm];
  if (domain.power == DomainPower::kGone) {  // it ended before its own start was answered
    refuse_start(task.order, ErrorKind::kConflict, "ended right after its start", turn);
    return;
  }
  domain.power = DomainPower::kRunning;
  domain.io_error = false;
  if (task.ran) turn.out.emplace_back(SendReport{});
  turn.out.emplace_back(
      SendResult{OrderResult{task.order.op, task.order.vm, task.order.generation,
                             Outcome::kConfirmed, false, ErrorKind::kInternal, "started"}});
}

void AgentBrain::after_shutdown(Task task, const HypervisorAnswered& a, Turn& turn) {
  if (domains_[task.order.vm].power == DomainPower::kGone) {
    answer_gone(task, turn);
    return;
  }
  // A hypervisor that cannot be reached just now is no reason to take the guest's grace away.
  const bool undelivered = a.outcome == Outcome::kUnknown || a.error == ErrorKind::kUnavailable ||
                           a.error == ErrorKind::kTimeout || a.error == ErrorKind::kBusy;
  if (is_forced_stop(task.order)) {  // patience ended meanwhile
    task.force_at.reset();
    call(std::move(task), HypervisorVerb::kDestroy, turn);
    return;
  }
  if (a.outcome != Outcome::kConfirmed && !undelivered) {
    call(std::move(task), HypervisorVerb::kDestroy, turn);
    return;
  }
  if (a.outcome != Outcome::kConfirmed) task.ask_at = turn.now + kAskAgain;
  task.call = 0;  // waits for the guest, or for the end of its grace
  tasks_.push_back(std::move(task));
}

void AgentBrain::after_destroy(Task task, const HypervisorAnswered& a, Turn& turn) {
  const bool gone =
      (a.outcome == Outcome::kConfirmed && !a.exists) || mutation_ == AgentMutation::kKillIsGone;
  if (!gone) {  // sent is not gone: a QEMU on hung storage dies when the storage lets it
    task.call = 0;
    task.force_at = turn.now + kKillRetry;
    tasks_.push_back(std::move(task));
    return;
  }
  domain_gone(task.order.vm, GoneReason::kKilled, turn);
  if (task.order.kind == OrderKind::kStartVm) {
    refuse_start(task.order, ErrorKind::kConflict, task.why, turn);
  } else {
    answer_gone(task, turn);
  }
}

void AgentBrain::after_other(const Task& task, const HypervisorAnswered& a, Turn& turn) {
  OrderResult result{task.order.op, task.order.vm, task.order.generation, a.outcome, false,
                     a.error,       a.text};
  if (restarts(task.verb)) reboots_[task.order.vm] = result;
  turn.out.emplace_back(SendResult{std::move(result)});
}

void AgentBrain::answer_gone(const Task& task, Turn& turn) {
  close_generation(task.order.vm, task.order.generation);
  if (!task.order.op) {  // nobody waits for the kill of a stray or stale copy
    turn.out.emplace_back(SendReport{});
    return;
  }
  turn.out.emplace_back(
      SendResult{OrderResult{task.order.op, task.order.vm, task.order.generation,
                             Outcome::kConfirmed, true, ErrorKind::kInternal, "gone"}});
}

// ---- what libvirt shows -------------------------------------------------------------------------

void AgentBrain::on(const DomainObserved& e, Turn& turn) {
  const VmReport& r = e.report;
  const auto known = domains_.find(r.vm);
  const auto task = std::find_if(tasks_.begin(), tasks_.end(),
                                 [&r](const Task& t) { return t.order.vm == r.vm; });
  if (r.power == DomainPower::kGone) {
    if (known == domains_.end() || known->second.generation != r.generation) return;
    if (task != tasks_.end()) {
      if (task->call != 0) {  // its answer is on the way and goes on from here
        domain_gone(r.vm, r.gone_reason, turn);
        return;
      }
      const Task waiting = std::move(*task);
      tasks_.erase(task);
      domain_gone(r.vm, GoneReason::kShutdown, turn);
      if (waiting.order.kind == OrderKind::kStartVm) {
        refuse_start(waiting.order, ErrorKind::kConflict, waiting.why, turn);
      } else {
        answer_gone(waiting, turn);
      }
      return;
    }
    if (known->second.power == DomainPower::kGone) return;
    domain_gone(r.vm, r.gone_reason, turn);
    close_generation(r.vm, r.generation);
    turn.out.emplace_back(SendReport{});
    return;
  }
  if (task != tasks_.end()) {
    // Another generation shows up while we work on this VM: looked at when that work is done.
    if (task->order.generation != r.generation) seen_meanwhile_[r.vm] = r;
    return;
  }
  if (closed(r.vm, r.generation)) {  // came up late, after it was given up: it must not run
    Task stray;
    stray.order.kind = OrderKind::kKillVm;
    stray.order.vm = r.vm;
    stray.order.generation = r.generation;
    stray.order.spec.uuid = r.uuid;
    domains_[r.vm] = AgentDomain{r.uuid, r.generation, r.power, GoneReason::kUnknown, Instant{}};
    call(std::move(stray), HypervisorVerb::kDestroy, turn);
    return;
  }
  // A domain that we did not expect: an earlier life of this agent asked for it, and libvirt took
  // its time. The manager knows whether it may be here. One that was paused waits for it, too.
  const bool unexpected = known == domains_.end() || known->second.power == DomainPower::kGone ||
                          known->second.generation != r.generation ||
                          known->second.io_error != r.io_error;
  domains_[r.vm] =
      AgentDomain{r.uuid, r.generation, r.power, GoneReason::kUnknown, Instant{}, r.io_error};
  if (unexpected && epoch_) turn.out.emplace_back(SendReport{});
}

void AgentBrain::on(const DomainsListed& e, Turn& turn) {
  const bool first = !listed_;
  listed_ = true;
  std::vector<VmId> missing;
  for (const auto& [vm, domain] : domains_) {
    if (domain.power == DomainPower::kGone || in_task(vm)) continue;
    const VmId wanted = vm;
    if (std::none_of(e.domains.begin(), e.domains.end(),
                     [wanted](const VmReport& r) { return r.vm == wanted; }))
      missing.push_back(vm);
  }
  for (const VmId vm : missing) {
    VmReport gone;
    gone.vm = vm;
    gone.generation = domains_[vm].generation;
    gone.power = DomainPower::kGone;
    on(DomainObserved{gone}, turn);
  }
  for (const VmReport& report : e.domains) on(DomainObserved{report}, turn);
  if (first && !epoch_) turn.out.emplace_back(SayHello{});
}

void AgentBrain::domain_gone(VmId vm, GoneReason reason, Turn& turn) {
  const auto found = domains_.find(vm);
  if (found == domains_.end()) return;
  found->second.power = DomainPower::kGone;
  found->second.gone_reason = reason;
  found->second.gone_at = turn.now;
}

// ---- time ---------------------------------------------------------------------------------------

void AgentBrain::on(const AgentTimePassed&, Turn& turn) {
  std::vector<Task> due;
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    const bool force = it->call == 0 && it->force_at && *it->force_at <= turn.now;
    const bool ask = it->call == 0 && it->ask_at && *it->ask_at <= turn.now;
    if (force || ask) {
      due.push_back(std::move(*it));
      it = tasks_.erase(it);
    } else {
      ++it;
    }
  }
  for (Task& task : due) {
    const bool force = task.force_at && *task.force_at <= turn.now;
    task.ask_at.reset();
    if (force) task.force_at.reset();
    call(std::move(task), force ? HypervisorVerb::kDestroy : HypervisorVerb::kShutdown, turn);
  }
  std::erase_if(domains_, [&turn](const auto& entry) {
    return entry.second.power == DomainPower::kGone &&
           turn.now - entry.second.gone_at > kRememberGone;
  });
  std::erase_if(clients_, [this](const auto& entry) {
    return domains_.count(entry.first) == 0 && !in_task(entry.first);
  });
}

// ---- small things -------------------------------------------------------------------------------

void AgentBrain::close_generation(VmId vm, Generation generation) {
  Generation& highest = closed_[vm];
  highest = std::max(highest, generation);
}

bool AgentBrain::closed(VmId vm, Generation generation) const {
  const auto found = closed_.find(vm);
  return found != closed_.end() && generation <= found->second;
}

bool AgentBrain::in_task(VmId vm) const {
  return std::any_of(tasks_.begin(), tasks_.end(),
                     [vm](const Task& task) { return task.order.vm == vm; });
}

}  // namespace mold::core
