#include "manager/engine/job_book.h"

#include <utility>

#include "lib/base/text.h"

namespace mold::manager {

void JobBook::put(JobRecord job) {
  const JobId id = job.id;
  by_uuid_[job.uuid] = id;
  if (!job.instance_uuid.empty()) {
    if (job.status == core::JobStatus::kPending) {
      pending_[job.instance_uuid] = id;
    } else if (const auto known = pending_.find(job.instance_uuid);
               known != pending_.end() && known->second == id) {
      pending_.erase(known);
    }
  }
  jobs_.insert_or_assign(id, std::move(job));
}

void JobBook::erase(JobId id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  by_uuid_.erase(found->second.uuid);
  jobs_.erase(found);
}

const JobRecord* JobBook::find(JobId id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &found->second;
}

const JobRecord* JobBook::find_uuid(std::string_view uuid) const {
  const auto found = by_uuid_.find(to_lower(uuid));
  return found == by_uuid_.end() ? nullptr : find(found->second);
}

const JobRecord* JobBook::pending_for(std::string_view instance_uuid) const {
  const auto found = pending_.find(instance_uuid);
  return found == pending_.end() ? nullptr : find(found->second);
}

std::vector<JobId> JobBook::ended_before(WallTime moment) const {
  std::vector<JobId> ended;
  for (const auto& [id, job] : jobs_) {
    if (job.completed && *job.completed < moment) ended.push_back(id);
  }
  return ended;
}

}  // namespace mold::manager
