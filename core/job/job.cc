#include "core/job/job.h"

#include <utility>

#include "lib/base/check.h"

namespace mold::core {

Job succeeded(Job job, std::string detail) {
  MOLD_CHECK(job.status == JobStatus::kPending, "a job ends once");
  job.status = JobStatus::kSucceeded;
  job.detail = std::move(detail);
  return job;
}

Job failed(Job job, int code, std::string text) {
  MOLD_CHECK(job.status == JobStatus::kPending, "a job ends once");
  job.status = JobStatus::kFailed;
  job.error_code = code;
  job.error_text = std::move(text);
  return job;
}

Instant job_deadline(const Policy& policy, const Job& job) {
  return job.started + policy.job_deadline;
}

}  // namespace mold::core
