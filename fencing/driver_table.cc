#include "fencing/driver_table.h"

#include <utility>

namespace mold::fencing {

void DriverTable::add(std::string name, std::unique_ptr<port::PowerControl> driver) {
  drivers_[std::move(name)] = std::move(driver);
}

std::vector<std::string> DriverTable::names() const {
  std::vector<std::string> names;
  for (const auto& [name, driver] : drivers_) names.push_back(name);
  return names;
}

void DriverTable::request(const port::PowerTarget& target, core::PowerVerb verb, Duration deadline,
                          Done done) {
  const auto found = drivers_.find(target.driver);
  if (found != drivers_.end()) {
    found->second->request(target, verb, deadline, std::move(done));
    return;
  }
  port::PowerResult result;
  result.outcome = core::Outcome::kFailed;
  result.error = ErrorKind::kUnsupported;
  result.text = "no such power driver: " + target.driver;
  loop_.post([done = std::move(done), result = std::move(result)] { done(result); });
}

}  // namespace mold::fencing
