#pragma once
// Life of an API job: pending until it is finished exactly once, or until its deadline.
#include <string>

#include "core/model/job.h"
#include "core/model/policy.h"

namespace mold::core {

// CloudStack's error codes as far as jobs end with them.
inline constexpr int kErrorInternal = 530;
inline constexpr int kErrorParameter = 431;
inline constexpr int kErrorCapacity = 533;
inline constexpr int kErrorUnavailable = 534;
inline constexpr int kErrorInUse = 536;

Job succeeded(Job job, std::string detail = {});
Job failed(Job job, int code, std::string text);
Instant job_deadline(const Policy& policy, const Job& job);

}  // namespace mold::core
