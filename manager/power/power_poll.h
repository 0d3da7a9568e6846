#pragma once
// Reads the power state of every host in rounds, for people: listHosts shows it, a change is an
// event. What is read here never enters the brain, so it can be no proof. Bounded: so many BMCs at
// a time, one round at a time, a host with a request of the brain under way is left out. A BMC that
// stops answering is told once, and once when it is back; a refused password at most once a day
// per host. Loop thread only; lives as long as the power service.
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/rng.h"
#include "lib/runtime/event_loop.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"
#include "manager/power/power_service.h"

namespace mold::manager {

class PowerPoll {
 public:
  PowerPoll(runtime::EventLoop& loop, Engine& engine, Inventory& inventory, PowerService& power,
            PowerService::Chooser chooser = {});
  ~PowerPoll();
  PowerPoll(const PowerPoll&) = delete;
  PowerPoll& operator=(const PowerPoll&) = delete;

  // The first round comes soon; each next one the interval after the former began, or when that
  // one ends.
  void start();
  // One round now, for start() and tests. Nothing while one is under way.
  void begin_round();

  [[nodiscard]] bool idle() const { return waiting_.empty() && under_way_ == 0; }
  [[nodiscard]] std::uint64_t rounds() const { return rounds_; }
  [[nodiscard]] std::uint64_t readings() const { return readings_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  [[nodiscard]] std::size_t failing() const;  // hosts whose BMC does not answer now

 private:
  struct Health {
    int failures = 0;  // in a row
    bool told = false;
    std::optional<Instant> refusal_told;
  };
  void plan();
  void pump();
  void on_read(HostId host, const port::PowerResult& result);
  void on_failure(const HostRecord& host, const port::PowerResult& result);
  void tell(const HostRecord& host, const char* type, EventLevel level, std::string text);

  runtime::EventLoop& loop_;
  Engine& engine_;
  Inventory& inventory_;
  PowerService& power_;
  PowerService::Chooser chooser_;
  runtime::Timer timer_;
  Rng rng_;
  std::deque<HostId> waiting_;
  std::size_t under_way_ = 0;
  bool pumping_ = false;
  std::map<HostId, Health> health_;
  std::uint64_t rounds_ = 0;
  std::uint64_t readings_ = 0;
  std::uint64_t failures_ = 0;
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::manager
