#pragma once
// The rows that are not inventory: jobs, events, the evidence ledger, certificates, tokens; and
// RowChange, the closed list of everything that one transaction may write beside the brain's state.
// Writing a RowChange twice has the same effect as once (ids are given out before), so a commit
// whose outcome is not known may be repeated. Plain values, any thread.
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "core/engine/action.h"
#include "core/model/job.h"
#include "lib/base/ids.h"
#include "lib/base/result.h"
#include "lib/base/time.h"
#include "manager/store/records.h"

namespace mold::manager {

// An API job as queryAsyncJobResult shows it. `result_json` is what the API's renderer made of it
// when it ended: the final `jobresult` object.
struct JobRecord {
  JobId id;
  std::string uuid;
  std::string command;  // API command, e.g. "deployVirtualMachine"
  core::JobKind kind = core::JobKind::kOther;
  core::JobStatus status = core::JobStatus::kPending;
  VmId vm;
  HostId host;
  AccountId account;
  UserId user;
  std::string instance_type;  // "VirtualMachine", "Host", ... or empty
  std::string instance_uuid;
  std::string start_event_uuid;
  int result_code = 0;      // 0, or CloudStack's error code
  std::string result_json;  // empty while pending
  WallTime created;
  std::optional<WallTime> completed;

  friend bool operator==(const JobRecord&, const JobRecord&) = default;
};

enum class EventLevel : std::uint8_t { kInfo, kWarn, kError };
std::string_view to_string(EventLevel level);  // "INFO", "WARN", "ERROR"
std::optional<EventLevel> parse_event_level(std::string_view text);

// A CloudStack event.
struct EventRecord {
  std::uint64_t id = 0;
  std::string uuid;
  std::string type;  // "VM.CREATE", "HA.STATE.TRANSITION", ...
  EventLevel level = EventLevel::kInfo;
  std::string description;
  std::string state = "Completed";  // Created | Scheduled | Started | Completed
  AccountId account;                // none: the system
  UserId user;
  std::string resource_type;  // "Host", "VirtualMachine", ... or empty
  std::string resource_uuid;
  std::string parent_uuid;  // event that started it, or empty
  WallTime created;

  friend bool operator==(const EventRecord&, const EventRecord&) = default;
};

// A line of a host's evidence ledger.
struct EvidenceRecord {
  std::uint64_t id = 0;
  HostId host;
  WallTime at;
  core::EvidenceKind kind = core::EvidenceKind::kReading;
  std::string text;

  friend bool operator==(const EvidenceRecord&, const EvidenceRecord&) = default;
};

struct CertificateRecord {
  std::string serial;       // lower-case hex, primary key
  std::string host_uuid;    // empty: our own
  std::string fingerprint;  // SHA-256, lower-case hex
  std::string purpose;      // "host" | "server"
  WallTime issued;
  WallTime expires;
  std::optional<WallTime> revoked;

  friend bool operator==(const CertificateRecord&, const CertificateRecord&) = default;
};

struct EnrolTokenRecord {
  std::string hash;  // SHA-256 of the secret, hex, primary key
  HostId host;
  WallTime created;
  WallTime expires;
  std::optional<WallTime> used;

  friend bool operator==(const EnrolTokenRecord&, const EnrolTokenRecord&) = default;
};

// A power device that a drill found to be another machine's (core::Doubt). It is not used until a
// drill sees the opposite or its settings change; then the row goes.
struct DeviceDoubt {
  HostId host;
  DeviceId device;  // none: the BMC
  bool other_machine = false;
  bool contradicted = false;
  std::string text;

  friend bool operator==(const DeviceDoubt&, const DeviceDoubt&) = default;
};

// How a Ceph cluster is reached on which there is no pool any more: as that of its last one.
struct CephWay {
  std::string pool_uuid;  // what the key is sealed for
  std::string source;     // these as in PoolRecord
  std::string path;
  std::string user;
  std::string sealed_key;

  friend bool operator==(const CephWay&, const CephWay&) = default;
};

// The cephx user that a host got on one Ceph cluster, so that a restart needs no Ceph. Written
// before it is asked for, and kept until the user is known to be gone again.
struct PoolKeyRecord {
  HostId host;
  std::string fsid;
  std::string user;                // without "client."
  std::string sealed_key;          // SecretBox::open_host_key; empty while there is no answer
  std::vector<std::string> pools;  // Ceph pools that it was granted, sorted
  WallTime granted;
  CephWay way = {};

  friend bool operator==(const PoolKeyRecord&, const PoolKeyRecord&) = default;
};

// What a counter without a row begins with; 1 where this has none either. More after numbers were
// skipped.
inline constexpr const char* kFirstNumber = "first_number";

// The next number of a kind: never given out twice, also after a deletion.
struct Counter {
  std::string name;
  std::uint64_t value = 0;

  friend bool operator==(const Counter&, const Counter&) = default;
};

enum class Table : std::uint8_t {
  kZones,
  kPods,
  kClusters,
  kHosts,
  kOfferings,
  kTemplates,
  kPools,
  kVms,
  kUsers,
  kJobs,
  kFenceDevices,
};
struct RowRemoved {
  Table table = Table::kZones;
  std::uint64_t id = 0;
};
struct DoubtEnded {
  HostId host;
  DeviceId device;
};
struct PoolKeyRemoved {
  HostId host;
  std::string fsid;
};
// Tokens that are used or out of time.
struct TokensPurged {
  WallTime before;
};

using RowChange =
    std::variant<Zone, Pod, Cluster, HostRecord, FenceDevice, ServiceOffering, Template, PoolRecord,
                 VmRecord, Account, User, Setting, JobRecord, EventRecord, EvidenceRecord,
                 CertificateRecord, EnrolTokenRecord, DeviceDoubt, PoolKeyRecord, Counter,
                 RowRemoved, DoubtEnded, PoolKeyRemoved, TokensPurged>;

// Where rooms put what they changed. Implemented by Engine: everything put during one dispatch of
// the loop, brain turns included, is committed in ONE transaction. Loop thread only.
class RowSink {
 public:
  virtual ~RowSink() = default;
  // kUnavailable while the store cannot write: nothing new may be begun then.
  [[nodiscard]] virtual Status admits() const = 0;
  virtual void put(RowChange change) = 0;
};

}  // namespace mold::manager
