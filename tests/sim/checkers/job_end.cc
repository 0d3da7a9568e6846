#include "tests/sim/checkers/job_end.h"

#include "tests/sim/world.h"

namespace mold::sim {

void JobEnd::finished(const core::Job& job) {
  if (job.status == core::JobStatus::kPending) {
    world_->violated("job-end", "job " + std::to_string(job.id.value) + " finished as pending");
  } else if (!finished_.insert(job.id).second) {
    world_->violated("job-end", "job " + std::to_string(job.id.value) + " ended twice");
  }
}

}  // namespace mold::sim
