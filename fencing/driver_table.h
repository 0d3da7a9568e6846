#pragma once
// The drivers of this build by name: one PowerControl that hands each request to the driver its
// target names. An explicit table, filled by the composition root. Loop thread.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

class DriverTable final : public port::PowerControl {
 public:
  explicit DriverTable(runtime::EventLoop& loop) : loop_(loop) {}

  void add(std::string name, std::unique_ptr<port::PowerControl> driver);
  [[nodiscard]] std::vector<std::string> names() const;

  // An unknown driver is kFailed (kUnsupported): nothing was sent.
  void request(const port::PowerTarget& target, core::PowerVerb verb, Duration deadline,
               Done done) override;
  [[nodiscard]] Status check(const port::PowerTarget& target) const override;
  void identify(const port::PowerTarget& target, Duration deadline,
                std::function<void(port::IdentityResult)> done) override;
  void change_password(const port::PowerTarget& target, const Secret& fresh, Duration deadline,
                       Done done) override;

 private:
  [[nodiscard]] port::PowerControl* find(const std::string& name) const;

  runtime::EventLoop& loop_;
  std::map<std::string, std::unique_ptr<port::PowerControl>> drivers_;
};

}  // namespace mold::fencing
