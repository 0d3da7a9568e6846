#pragma once
// What the manager tells an agent to do. Orders are delivered at least once and in any order;
// agents admit them by epoch and generation and dedupe them (core/agent).
#include <cstdint>
#include <string_view>

#include "core/model/proof.h"
#include "core/model/vm.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/time.h"

namespace mold::core {

enum class OrderKind : std::uint8_t {
  kStartVm,     // create the domain, or find this very generation running, or paused: resume it
  kStopVm,      // ACPI, after `grace` by force; ends with the generation gone
  kKillVm,      // by force at once; also for stale generations and unknown VMs
  kRebootVm,    // same generation stays placed; `forced`: without asking the guest
  kCreateDisk,  // make the disk files from their templates; never overwrites
  kDeleteDisk,  // remove the disk files; a missing file is done
};

struct Order {
  OrderKind kind = OrderKind::kStartVm;
  OpId op;  // none: nobody waits for it (the kill of a stale copy, the resume of a paused VM)
  HostId host;
  Epoch epoch;  // of the session it was meant for
  VmId vm;
  Generation generation;
  Duration grace{0};    // kStopVm
  bool forced = false;  // kRebootVm
  VmSpec spec;          // kStartVm, kCreateDisk, kDeleteDisk; name and uuid always

  friend bool operator==(const Order&, const Order&) = default;
};

struct OrderResult {
  OpId op;
  VmId vm;
  Generation generation;
  Outcome outcome = Outcome::kUnknown;
  // This generation does not run on that host and never will again.
  bool gone = false;
  ErrorKind error = ErrorKind::kInternal;  // when not confirmed
  std::string text;

  friend bool operator==(const OrderResult&, const OrderResult&) = default;
};

enum class DomainPower : std::uint8_t { kRunning, kPaused, kGone };
enum class GoneReason : std::uint8_t { kUnknown, kShutdown, kCrashed, kKilled, kSelfFenced };

// One VM in an agent's report. kGone entries are explicit: absence from a report says nothing,
// absence from a hello says gone.
struct VmReport {
  VmId vm;
  std::string uuid;
  Generation generation;
  DomainPower power = DomainPower::kRunning;
  GoneReason gone_reason = GoneReason::kUnknown;
  bool io_error = false;  // kPaused by QEMU itself: a disk did not take a write

  friend bool operator==(const VmReport&, const VmReport&) = default;
};

std::string_view to_string(OrderKind kind);
std::string_view to_string(DomainPower power);
std::string_view to_string(GoneReason reason);

}  // namespace mold::core
