#include "fencing/drivers/under_way.h"

#include <utility>

namespace mold::fencing {

UnderWay::End UnderWay::keep(std::shared_ptr<void> task) {
  const std::uint64_t id = tasks_->next++;
  tasks_->all.emplace(id, std::move(task));
  return [&loop = loop_, weak = std::weak_ptr(tasks_), id](std::function<void()> tell) {
    loop.post([weak, id, tell = std::move(tell)] {
      const auto tasks = weak.lock();
      if (!tasks || tasks->all.erase(id) == 0) return;
      tell();
    });
  };
}

}  // namespace mold::fencing
