#pragma once
// Every job ends, once. Told of each finished job; asked at the end about those still pending.
#include <set>

#include "core/model/job.h"

namespace mold::sim {

class World;

class JobEnd {
 public:
  void begin(World& world) {
    world_ = &world;
    finished_.clear();
  }
  void finished(const core::Job& job);
  // The store is older than its end: it ends again.
  void forgotten(JobId job) { finished_.erase(job); }

 private:
  World* world_ = nullptr;
  std::set<JobId> finished_;
};

}  // namespace mold::sim
