#pragma once
// The options of one run as typed settings, checked as far as that goes without asking anybody.
// Secrets are still in their files here (secrets.h). Pure.
#include <string>
#include <vector>

#include "fencing/fence_mold/contract.h"
#include "fencing/fence_mold/options.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"
#include "lib/port/power_control.h"

namespace mold::fence_mold {

struct ManagerSettings {
  std::vector<std::string> urls;  // at least one
  std::string credentials_file;
  std::string ca_file;
  bool insecure = false;
};

struct DirectSettings {
  port::PowerTarget target;     // without its password
  Secret password;              // from standard input
  std::string password_file;    // these two only when there is no password
  std::string password_script;  // a path
};

struct Settings {
  Action action = Action::kReboot;
  std::string plug;  // may be empty: with direct there is but one host
  bool direct = false;
  ManagerSettings manager;    // without direct
  DirectSettings direct_way;  // with direct
  Duration power_timeout{0};
  Duration delay{0};
  std::string separator;
  bool verbose = false;
  bool quiet = false;
};

// kInvalid names the first option that is wrong or missing.
Result<Settings> make_settings(const Options& options);

}  // namespace mold::fence_mold
