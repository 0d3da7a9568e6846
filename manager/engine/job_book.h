#pragma once
// API jobs in memory, pending and ended, until they expire. What it says about an ended job is
// durable: the engine writes the end here only after its commit. Loop thread only.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "manager/store/rows.h"

namespace mold::manager {

class JobBook {
 public:
  void put(JobRecord job);
  void erase(JobId id);
  [[nodiscard]] const JobRecord* find(JobId id) const;
  [[nodiscard]] const JobRecord* find_uuid(std::string_view uuid) const;  // any letter case
  [[nodiscard]] const std::map<JobId, JobRecord>& all() const { return jobs_; }
  // Latest pending job about this thing, for jobid/jobstatus in listings.
  [[nodiscard]] const JobRecord* pending_for(std::string_view instance_uuid) const;
  // Jobs that ended before that moment.
  [[nodiscard]] std::vector<JobId> ended_before(WallTime moment) const;

 private:
  std::map<JobId, JobRecord> jobs_;
  std::map<std::string, JobId, std::less<>> by_uuid_;
  std::map<std::string, JobId, std::less<>> pending_;  // by instance uuid
};

}  // namespace mold::manager
