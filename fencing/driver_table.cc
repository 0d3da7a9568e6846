#include "fencing/driver_table.h"

#include <utility>

namespace mold::fencing {
namespace {

std::string no_driver(const port::PowerTarget& target) {
  return "no such power driver: " + target.driver;
}

}  // namespace

void DriverTable::add(std::string name, std::unique_ptr<port::PowerControl> driver) {
  drivers_[std::move(name)] = std::move(driver);
}

std::vector<std::string> DriverTable::names() const {
  std::vector<std::string> names;
  for (const auto& [name, driver] : drivers_) names.push_back(name);
  return names;
}

port::PowerControl* DriverTable::find(const std::string& name) const {
  const auto found = drivers_.find(name);
  return found == drivers_.end() ? nullptr : found->second.get();
}

void DriverTable::request(const port::PowerTarget& target, core::PowerVerb verb, Duration deadline,
                          Done done) {
  if (port::PowerControl* const driver = find(target.driver)) {
    driver->request(target, verb, deadline, std::move(done));
    return;
  }
  loop_.post([done = std::move(done), text = no_driver(target)] {
    done({.outcome = core::Outcome::kFailed, .error = ErrorKind::kUnsupported, .text = text});
  });
}

Status DriverTable::check(const port::PowerTarget& target) const {
  const port::PowerControl* const driver = find(target.driver);
  if (driver != nullptr) return driver->check(target);
  std::string known;
  for (const std::string& name : names()) known += (known.empty() ? "" : ", ") + name;
  return fail(ErrorKind::kInvalid, "driver: must be one of " + known);
}

void DriverTable::identify(const port::PowerTarget& target, Duration deadline,
                           std::function<void(port::IdentityResult)> done) {
  if (port::PowerControl* const driver = find(target.driver)) {
    driver->identify(target, deadline, std::move(done));
    return;
  }
  loop_.post([done = std::move(done), text = no_driver(target)] {
    done({.outcome = core::Outcome::kFailed,
          .identity = {},
          .error = ErrorKind::kUnsupported,
          .text = text});
  });
}

void DriverTable::change_password(const port::PowerTarget& target, const Secret& fresh,
                                  Duration deadline, Done done) {
  if (port::PowerControl* const driver = find(target.driver)) {
    driver->change_password(target, fresh, deadline, std::move(done));
    return;
  }
  loop_.post([done = std::move(done), text = no_driver(target)] {
    done({.outcome = core::Outcome::kFailed, .error = ErrorKind::kUnsupported, .text = text});
  });
}

}  // namespace mold::fencing
