#pragma once
// The composition root of the manager: makes the rooms in the order in which they need each other
// and takes them down in reverse. Wiring only. Loop thread.
//
//   store -> engine (brain) -> inventory -> authority -> registry, power -> agent link -> API
#include <functional>
#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/runtime/event_loop.h"
#include "manager/config.h"

namespace mold::manager {

class Manager {
 public:
  // Both listeners serve when it returns. Blocks for the store: at start-up only.
  static Result<std::unique_ptr<Manager>> start(runtime::EventLoop& loop, ManagerConfig config);
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // Serves nobody from now on; `done` comes when what is being written is durable, after a few
  // seconds at most. Not from inside a request.
  void stop(std::function<void()> done);
  // Looks at its certificates again.
  void reload();
  [[nodiscard]] std::uint16_t agents_port() const;
  [[nodiscard]] std::uint16_t api_port() const;

 private:
  struct Rooms;
  explicit Manager(std::unique_ptr<Rooms> rooms);
  std::unique_ptr<Rooms> rooms_;
};

}  // namespace mold::manager
