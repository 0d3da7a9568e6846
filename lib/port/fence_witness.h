#pragma once
// A cluster manager on this host (Pacemaker) that fences hosts by itself, and tells of it. What it
// did is proof for the brain as well, so that a fenced node is not cut a second time. Implemented
// by fencing/pacemaker_watch. Loop thread only.
#include <functional>
#include <string>

namespace mold::port {

class FenceWitness {
 public:
  // `node` as the cluster names it; `text` for a person: who fenced it, how.
  using OnFenced = std::function<void(const std::string& node, const std::string& text)>;

  virtual ~FenceWitness() = default;
  // Tells each successful fencing (off or reboot) as it happens, never history: nobody could say
  // whether the node came back since. Connects, and connects again, by itself.
  virtual void start(OnFenced on_fenced) = 0;
};

}  // namespace mold::port
