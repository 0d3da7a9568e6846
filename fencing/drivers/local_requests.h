#pragma once
// What the drivers that run a program here have in common: their requests under way, readings in a
// bounded line while what cuts power waits for nothing, and targets refused in the driver's name.
// Owned by its driver; loop thread only.
#include <functional>
#include <memory>
#include <string>

#include "fencing/drivers/reading_line.h"
#include "fencing/drivers/under_way.h"

namespace mold::fencing {

class LocalRequests {
 public:
  // `name` opens the text of a refusal.
  LocalRequests(runtime::EventLoop& loop, std::string name, std::size_t readings_at_once)
      : loop_(loop), name_(std::move(name)), under_way_(loop), readings_(loop, readings_at_once) {}

  void run(std::unique_ptr<PowerDevice> device, PowerWish wish, port::PowerControl::Done done);
  // kFailed: nothing was sent.
  void refuse(const Error& error, port::PowerControl::Done done);
  void refuse_identity(const Error& error, std::function<void(port::IdentityResult)> done);
  [[nodiscard]] UnderWay& under_way() { return under_way_; }

 private:
  runtime::EventLoop& loop_;
  std::string name_;
  UnderWay under_way_;
  ReadingLine readings_;
};

}  // namespace mold::fencing
