#pragma once
// How one power device is reached. Told by people, kept in the manager's store with the password
// sealed, sent to the host that carries a request out, and handed to its driver.
#include <map>
#include <string>

#include "lib/base/secret.h"

namespace mold::core {

struct PowerTarget {
  std::string driver = "ipmitool";
  std::string address;
  std::string port = "623";  // empty: the driver's default
  std::string username;
  Secret password;
  // What only this driver knows, e.g. redfish: system, tls.verify; fence_agent: agent, plug. Each
  // driver documents its names and refuses others. Never a secret.
  std::map<std::string, std::string> options;

  friend bool operator==(const PowerTarget&, const PowerTarget&) = default;
};

}  // namespace mold::core
