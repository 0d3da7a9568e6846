#pragma once
// What travels between agent and manager, as plain values. The agent dials the manager over HTTPS
// with mutual TLS; bodies are JSON (codec.h). Hosts and pools are named by UUID, VMs and operations
// by number. Who the agent is, is told by its certificate (common name "host:<uuid>"), never by a
// body alone.
//
//   POST /v1/enrol            EnrolRequest   -> EnrolAnswer     the only call without certificate
//   POST /v1/hello            HelloRequest   -> HelloAnswer     opens a session: a new epoch
//   GET  /v1/orders?epoch=E                  -> OrdersAnswer    parked up to poll_wait_ms
//   POST /v1/results          ResultsRequest -> Ack
//   POST /v1/report           ReportRequest  -> Ack
//   POST /v1/beat             BeatRequest    -> BeatAnswer      on a connection of its own
//   GET  /v1/power?epoch=E                   -> PowerOrders     parked up to poll_wait_ms
//   POST /v1/power            PowerReport    -> Ack
//
// Rules
// - An order stays with the manager until its result came; delivering it again is normal, and so is
//   getting a result again. An order without op (a stale copy is to be killed) is never answered.
// - Every error has a body ErrorAnswer. 409 "session": the epoch is not this host's present one:
//   say hello again; to a hello it carries the epoch that a hello has to name. 403 "denied":
//   certificate missing, foreign, or not of that host. 400 "invalid": the body breaks a rule of the
//   codec, the text names the field.
// - Fields that a receiver does not know are ignored; a required one that is missing or ill-typed
//   refuses the whole message. An incompatible change is a new kProtocolVersion.
// Values only: any thread.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/order.h"
#include "core/model/host.h"
#include "core/model/pool.h"
#include "core/model/power_target.h"
#include "core/model/proof.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"

namespace mold::wire {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::uint16_t kDefaultPort = 8250;

inline constexpr std::string_view kEnrolPath = "/v1/enrol";
inline constexpr std::string_view kHelloPath = "/v1/hello";
inline constexpr std::string_view kOrdersPath = "/v1/orders";  // ?epoch=E
inline constexpr std::string_view kResultsPath = "/v1/results";
inline constexpr std::string_view kReportPath = "/v1/report";
inline constexpr std::string_view kBeatPath = "/v1/beat";
inline constexpr std::string_view kPowerPath = "/v1/power";

// A host's certificate says "host:<uuid>" as its common name.
inline constexpr std::string_view kHostCommonNamePrefix = "host:";
std::string host_common_name(std::string_view host_uuid);
// The UUID in lower case, or nothing if the name is not that of a host.
std::optional<std::string> host_of_common_name(std::string_view common_name);

// ---- enrolment ----------------------------------------------------------------------------------
struct EnrolRequest {
  Secret token;  // the whole MOLD1 token, see enrol_token.h
  std::string csr_pem;
  std::string hostname;
};
struct EnrolAnswer {
  std::string host_uuid;
  std::string certificate_pem;
  std::string ca_pem;
  std::vector<std::string> managers;  // "https://10.77.0.2:8250"

  friend bool operator==(const EnrolAnswer&, const EnrolAnswer&) = default;
};

// ---- hello --------------------------------------------------------------------------------------
struct HelloRequest {
  std::uint32_t protocol = kProtocolVersion;
  std::string host_uuid;
  BootId boot_id;
  std::uint64_t incarnation = 0;  // lost leases since boot
  // The host's present epoch as told by the manager's latest answer to a hello, 0 if not told yet.
  // Another one is refused with the present one: said again at once, a live agent is let in, and a
  // message that was held up on its way is not.
  Epoch epoch;
  std::string agent_version;
  std::string hostname;
  core::Capacity capacity;  // what VMs may use: the host less what is reserved
  // kernel, libvirt_version, qemu_version, arch, cpu_model, sockets, product_uuid, kvm ...
  std::map<std::string, std::string> facts;
  std::vector<core::VmReport> vms;  // complete: absence says gone

  friend bool operator==(const HelloRequest&, const HelloRequest&) = default;
};

struct PoolInfo {
  PoolId id;
  std::string uuid;
  std::string path;  // as core::Pool::path
  core::PoolKind kind = core::PoolKind::kDirectory;
  core::PoolPolicy policy = core::PoolPolicy::kKillVms;
  // What the host has to mount or connect to. NFS: "nfs://server[:port]/export"; RBD: the monitors,
  // as mon_host of ceph.conf; else empty.
  std::string source;
  // RBD: this host's own cephx user (without "client.") and key. Holds a secret: encoded bodies are
  // not logged.
  std::string user;
  Secret key;
  bool heartbeat = true;
  std::uint32_t beat_interval_ms = 1000;
  std::uint32_t self_fence_deadline_ms = 10000;
  // Optional (default false): the path must be a mount point, else no beat is written to it.
  bool must_be_mountpoint = false;

  friend bool operator==(const PoolInfo&, const PoolInfo&) = default;
};

struct HelloAnswer {
  Epoch epoch;
  std::string manager;  // its name, for logs
  std::uint32_t beat_interval_ms = 500;
  std::uint32_t poll_wait_ms = 25'000;  // a parked poll is answered at the latest then
  std::string cluster_uuid;
  std::uint64_t pools_version = 0;    // any change of the pools is another number
  std::vector<PoolInfo> pools;        // those of the host's cluster
  std::vector<std::string> managers;  // empty: keep the list you have
  std::uint32_t start_guard_ms = 1'500;
  std::uint32_t stop_grace_ms = 30'000;

  friend bool operator==(const HelloAnswer&, const HelloAnswer&) = default;
};

// ---- orders and results -------------------------------------------------------------------------
struct OrderDisk {
  std::string pool_uuid;
  std::string path;  // absolute, or "rbd:<Ceph pool>/<image>"
  std::string format = "raw";
  std::string template_path;  // absolute, "<image>@<snapshot>" of the same Ceph pool, or empty
  std::uint64_t size_bytes = 0;

  friend bool operator==(const OrderDisk&, const OrderDisk&) = default;
};

// core::Order as it travels; convert.h turns one into the other.
struct Order {
  core::OrderKind kind = core::OrderKind::kStartVm;
  OpId op;  // 0: none
  Epoch epoch;
  VmId vm;
  Generation generation;
  Duration grace{0};
  bool forced = false;  // kRebootVm: not asking the guest; absent of an older manager
  std::string name;     // of the VM
  std::string uuid;
  std::uint32_t cpus = 1;
  std::uint32_t cpu_mhz = 0;
  std::uint64_t memory_bytes = 0;
  std::vector<OrderDisk> disks;

  friend bool operator==(const Order&, const Order&) = default;
};

struct OrdersAnswer {
  std::vector<Order> orders;  // empty: nothing came up in poll_wait_ms

  friend bool operator==(const OrdersAnswer&, const OrdersAnswer&) = default;
};

struct ResultsRequest {
  Epoch epoch;
  std::vector<core::OrderResult> results;

  friend bool operator==(const ResultsRequest&, const ResultsRequest&) = default;
};

// ---- report -------------------------------------------------------------------------------------
struct PoolReport {
  std::string uuid;
  bool usable = false;            // mounted or connected as it should be, and it answered lately
  std::uint64_t total_bytes = 0;  // 0: not known
  std::uint64_t free_bytes = 0;
  // How this host is connected ("mounted from nas:/export"), or why it is not. An older agent says
  // nothing.
  std::string text;

  friend bool operator==(const PoolReport&, const PoolReport&) = default;
};

// Sent on every change and every few seconds. VMs that ended are explicit; absence says nothing.
struct ReportRequest {
  Epoch epoch;
  std::uint64_t seq = 0;  // counts up in a session; an older one may be ignored
  std::vector<core::VmReport> vms;
  std::vector<PoolReport> pools;
  std::map<std::string, std::uint64_t> stats;  // memory_free_bytes, load_permille, foreign_vms ...

  friend bool operator==(const ReportRequest&, const ReportRequest&) = default;
};

// ---- beat ---------------------------------------------------------------------------------------
// What this host (the observer) saw of another host's beat record on a pool; ages on the observer's
// own clock.
struct Reading {
  std::string pool_uuid;
  std::string subject_uuid;
  std::string boot_id;
  bool readable = false;
  std::uint64_t counter = 0;
  std::uint64_t incarnation = 0;
  bool armed = false;
  std::uint64_t deadline_ms = 0;
  std::uint64_t unchanged_ms = 0;  // latest good read minus first sight of this content

  friend bool operator==(const Reading&, const Reading&) = default;
};

// How this host sees its own lease on a pool. No proof rests on it.
struct OwnLease {
  std::string pool_uuid;
  std::string state;  // not-counted | held | lost | leaving
  bool armed = false;
  std::string text;  // latest error, empty when fine

  friend bool operator==(const OwnLease&, const OwnLease&) = default;
};

struct BeatRequest {
  Epoch epoch;
  std::uint64_t seq = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t self_stall_ms = 0;  // longest recent gap in the agent's loop or its heartbeat
  std::uint64_t pools_version = 0;  // that the agent has in force
  std::vector<Reading> readings;
  std::vector<OwnLease> leases;

  friend bool operator==(const BeatRequest&, const BeatRequest&) = default;
};

struct BeatAnswer {
  std::uint64_t pools_version = 0;
  // The whole list, given when the beat named another version: the agent takes it over.
  std::optional<std::vector<PoolInfo>> pools;
  // The manager's boot-time clock when it answered: a floor for "now" on that clock, which tells a
  // power order that was held up on the way from a fresh one. 0: an older manager.
  std::uint64_t clock_ms = 0;

  friend bool operator==(const BeatAnswer&, const BeatAnswer&) = default;
};

// ---- power of other hosts -----------------------------------------------------------------------
enum class PowerTask : std::uint8_t { kRequest, kIdentify };

// To be carried out by this host, on a device that it reaches. Holds a secret: encoded bodies are
// not logged.
struct PowerOrder {
  std::uint64_t ticket = 0;  // names this asking, within the session
  OpId op;                   // 0: a reading that nobody counts
  PowerTask task = PowerTask::kRequest;
  core::PowerVerb verb = core::PowerVerb::kStatus;
  std::uint64_t deadline_ms = 0;   // from the receiving on
  std::uint64_t not_after_ms = 0;  // on the manager's clock (BeatAnswer): later it is refused
  core::PowerTarget target;

  friend bool operator==(const PowerOrder&, const PowerOrder&) = default;
};
struct PowerOrders {
  std::vector<PowerOrder> orders;  // empty: nothing came up
};

struct PowerOutcome {
  std::uint64_t ticket = 0;
  core::Outcome outcome = core::Outcome::kUnknown;
  core::PowerState state = core::PowerState::kUnknown;
  ErrorKind error = ErrorKind::kUnknown;
  std::string text;
  std::string uuid;  // of the machine, for kIdentify
  std::string serial;
  std::string model;

  friend bool operator==(const PowerOutcome&, const PowerOutcome&) = default;
};
// A node that the cluster software on this host says was fenced, as it happened.
struct FencedNode {
  std::string node;
  std::string by;
  std::string text;
  std::uint64_t heard_after_ms = 0;  // floor of the manager's clock when it was heard

  friend bool operator==(const FencedNode&, const FencedNode&) = default;
};
struct PowerReport {
  Epoch epoch;
  std::vector<PowerOutcome> outcomes;
  std::vector<FencedNode> fenced;

  friend bool operator==(const PowerReport&, const PowerReport&) = default;
};

// ---- all ----------------------------------------------------------------------------------------
// The answer to results and reports: "{}".
struct Ack {
  friend bool operator==(const Ack&, const Ack&) = default;
};

inline constexpr std::string_view kErrorSession = "session";     // 409
inline constexpr std::string_view kErrorDenied = "denied";       // 403
inline constexpr std::string_view kErrorInvalid = "invalid";     // 400
inline constexpr std::string_view kErrorToken = "token";         // 403: wrong, used or outdated
inline constexpr std::string_view kErrorNotFound = "not-found";  // 404: no such path or host
inline constexpr std::string_view kErrorStandby = "standby";     // 503: not the active manager
inline constexpr std::string_view kErrorBusy = "busy";           // 503
inline constexpr std::string_view kErrorInternal = "internal";   // 500

struct ErrorAnswer {
  std::string error;  // one of the above
  std::string text;   // for a person
  Epoch epoch;        // with a refused hello: the one it has to name; else 0

  friend bool operator==(const ErrorAnswer&, const ErrorAnswer&) = default;
};

}  // namespace mold::wire
