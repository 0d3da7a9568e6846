#pragma once
// One turn of the brain: the working context that its parts (hosts.cc, vms.cc, people.cc) share.
// Lives for one call of Brain::step on the brain's thread. Private to core/engine.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/brain.h"
#include "core/host_ha/host_ha.h"
#include "core/vm_power/vm_power.h"
#include "lib/base/text.h"

namespace mold::core {

class Stepper {
 public:
  Stepper(Brain& brain, Now now);

  void handle(const Event& event);
  // Looks at every host and busy VM; called at the end of each turn.
  void settle();
  void resume();
  // The world may have moved while we did not: our own silence is nobody's death.
  void forgive_own_stall();
  Turn take() { return std::move(turn_); }

 private:
  // ---- hosts.cc: sessions and beats
  void on(const HelloReceived& event);
  void on(const BeatReceived& event);
  void on(const ReportReceived& event);
  [[nodiscard]] bool is_second_machine(const Host& host, const HelloReceived& event) const;
  void take_hello_list(Host& host, const std::vector<VmReport>& vms);
  void on_good_beat(Host& host);
  void take_own_leases(Host& host, const std::vector<OwnLease>& leases);
  // ---- verdicts.cc: what the evidence means
  void look_at(Host& host);
  void look_at_silent(Host& host);
  void look_at_checking(Host& host, const StorageVerdict& storage);
  void look_at_degraded(Host& host, const StorageVerdict& storage);
  void look_at_fencing(Host& host, const StorageVerdict& storage);
  void look_at_recovering(Host& host);
  void start_checking(Host& host);
  void use_lease_proofs(Host& host, const StorageVerdict& storage);
  [[nodiscard]] bool is_more_to_be_proven(const Host& host, const Proof& proof) const;
  void try_call_off(Host& host);
  void update_eligibility(Host& host);
  [[nodiscard]] std::string_view no_storage_proof(const Host& host) const;
  void read_power_again(Host& host);
  [[nodiscard]] bool braked(const Host& host) const;
  [[nodiscard]] bool brake_holds(const Host& host);
  [[nodiscard]] StorageVerdict storage_of(const Host& host) const;
  [[nodiscard]] Duration silent_for(const Host& host) const;
  [[nodiscard]] bool beats_now(const Host& host) const;
  // ---- power.cc
  void on(const PowerAnswered& event);
  void on(const PowerSettingsChanged& event);
  bool void_bmc(Host& host);
  void keep_levels(Host& host);
  void on(const FencedElsewhere& event);
  bool use_claim(Host& host);
  bool use_ladder_proof(Host& host);
  void climb(Host& host);
  [[nodiscard]] std::string not_to_be_cut_now(const Host& host);
  void on_ladder_answer(Host& host, const PowerAnswered& event);
  void on_status_answer(Host& host, const PowerAnswered& event);
  void on_recover_answer(Host& host, const PowerAnswered& event);
  OpId request_power(Host& host, PowerVerb verb, const std::string& why, DeviceId device = {});
  void ask_rung(Host& host, Rung& rung, PowerVerb verb, const std::string& why);
  [[nodiscard]] bool may_prove_by_power(const Host& host, const PowerAnswered& answer) const;
  [[nodiscard]] bool off_would_prove(const Host& host) const;
  // ---- isolation.cc: cutting a host off from Ceph pools
  void on(const ClientsSeen& event);
  void on(const IsolationAnswered& event);
  void begin_isolation(Host& host, const StorageVerdict& storage);
  void want_isolation(Host& host);
  void look_at_isolations(Host& host);
  void request_isolation(Host& host, PoolIsolation& isolation, IsolationVerb verb);
  [[nodiscard]] bool is_being_isolated(const Vm& vm) const;
  void use_isolation_proof(Host& host);
  [[nodiscard]] Proof make_isolation_proof(const Host& host) const;
  [[nodiscard]] bool is_isolated_and_empty(const Host& host) const;
  void end_fencing_by_isolation(Host& host);
  void lift_isolations(Host& host, const std::string& why);
  // ---- client_fences.cc: clients of one VM
  void add_fences(Vm& vm, bool wanted);
  void wish_fence(Vm& vm);
  void evict_clients(Vm& vm);
  void copies_gone(HostId host, Vm& vm, std::optional<Generation> generation = std::nullopt);
  void look_at_fences(Vm& vm);
  void take_in_clients(Vm& vm, ClientFence& fence);
  void request_fence(Vm& vm, ClientFence& fence);
  void on_fence_answer(const IsolationAnswered& event);
  void release_fenced(Vm& vm);
  // ---- proof
  void prove_dead(Host& host, Proof proof);
  Proof make_proof(const Host& host, ProofMethod method, std::string reading) const;
  // ---- people.cc
  void on(const HostAdded& event);
  void on(const HostRemoved& event);
  void on(const HostAdmissionSet& event);
  void on(const FenceDevicesSet& event);
  void on(const PowerControlSet& event);
  void on(const HaSet& event);
  void on(const DeathConfirmed& event);
  void on(const PowerRequested& event);
  void on(const PoolAdded& event);
  void on(const PoolRemoved& event);
  void on(const VmDeployed& event);
  void on(const VmHaSet& event);
  void on(const VmRequested& event);
  void on(const TimePassed&) {}
  void wish_start(Vm& vm, const VmRequested& event);
  void wish_stop(Vm& vm, const VmRequested& event);
  void wish_reboot(Vm& vm, const VmRequested& event);
  void wish_destroy(Vm& vm, const VmRequested& event);
  // ---- vms.cc
  void on(const OrderAnswered& event);
  void on_start_answer(Vm& vm, const OrderResult& result);
  void on_stop_answer(Vm& vm, const OrderResult& result);
  void on_disk_answer(Vm& vm, const OrderResult& result);
  void apply_report(Host& host, const VmReport& report);
  void take_pause(const Host& host, Vm& vm, const VmReport& report);
  void generation_gone(Vm& vm, GoneReason reason, const std::string& why);
  [[nodiscard]] bool covers(const Host& host, const Proof& proof, const Vm& vm) const;
  void release_vms(const Host& host, const Proof& proof);
  void release(Vm& vm, const std::string& why);
  void start_failed(Vm& vm, const std::string& why);
  void look_at(Vm& vm);
  void place_and_start(Vm& vm);
  void order_disk(Vm& vm, OrderKind kind);
  void order(Vm& vm, OrderKind kind);
  void resend(Vm& vm);
  void send(Vm& vm, OrderKind kind);
  void send_resume(Vm& vm);
  [[nodiscard]] Order make_order(const Vm& vm, OrderKind kind, const Host& host) const;
  void hold_back(Vm& vm, GoneReason reason);
  void no_place(Vm& vm, const std::string& why);
  enum class Choice : std::uint8_t { kToRun, kForDisks };
  [[nodiscard]] std::optional<HostId> choose_host(const Vm& vm, Choice choice) const;
  [[nodiscard]] bool ends_with_its_job(const Vm& vm) const;
  [[nodiscard]] bool may_find_place_soon(const Vm& vm) const;
  [[nodiscard]] OrderKind order_kind(const Vm& vm) const;
  // ---- old_store.cc: a store that is older than the world
  [[nodiscard]] std::string knows_more(const Host& host, const HelloReceived& event) const;
  [[nodiscard]] bool knows_more(const Vm& vm, const VmReport& report) const;
  [[nodiscard]] std::string what_is_newer(const Host& host, const Vm& vm,
                                          const VmReport& report) const;
  void doubt_store(ClusterId cluster, const std::string& why);
  void raise_generations(Generation seen);
  void resume_doubts();
  void settle_doubts();
  [[nodiscard]] bool doubted(ClusterId cluster) const;
  void heard_by_proof(Host& host, const Proof& proof);
  bool waits_for_hosts(Vm& vm);
  void adopt(Host& host, Vm& vm, const VmReport& report);
  bool may_be_killed(const Host& host, const VmReport& report);
  // ---- small things
  void move(Host& host, HaEvent event, std::string_view reason);
  void move(Vm& vm, VmState to, const std::string& reason);
  void wake_waiting_vms(ClusterId cluster);
  void set_reason(Host& host, const std::string& reason);
  void note(const Host& host, EvidenceKind kind, std::string text);
  void finish_job(JobId id, bool ok, int code, const std::string& text);
  void finish_job(Vm& vm, bool ok, int code = 0, const std::string& text = {});
  OpId new_op();
  void touch(const Host& host) { turn_.changes.hosts.insert(host.id); }
  void touch(const Vm& vm);
  Host* find(HostId id);
  Vm* find(VmId id);
  [[nodiscard]] bool mutated(Mutation m) const { return b_.mutation_ == m; }

  Brain& b_;
  State& s_;
  Now now_;
  Turn turn_;
};

}  // namespace mold::core
