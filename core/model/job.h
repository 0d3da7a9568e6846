#pragma once
// An API job: what a client polls with queryAsyncJobResult. Every job ends.
#include <cstdint>
#include <string>

#include "lib/base/ids.h"
#include "lib/base/time.h"

namespace mold::core {

enum class JobStatus : std::uint8_t { kPending = 0, kSucceeded = 1, kFailed = 2 };

enum class JobKind : std::uint8_t {
  kDeploy,
  kStart,
  kStop,
  kReboot,
  kDestroy,
  kFenceVm,
  kPower,
  kOther,
};

struct Job {
  JobId id;
  JobKind kind = JobKind::kOther;
  JobStatus status = JobStatus::kPending;
  VmId vm;  // what it is about, or none
  HostId host;
  OpId op;             // power request that it waits for, or none
  int error_code = 0;  // CloudStack's, when failed
  std::string error_text;
  std::string detail;  // text result (power actions)
  Instant started;     // volatile
};

}  // namespace mold::core
