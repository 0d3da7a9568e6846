#pragma once
// Where the manager is and who we are. Read once at start from the first of these files that is
// there, readable and not all comments: --config FILE, ~/.config/mold/hactl.conf,
// /etc/mold/hactl.conf, /var/lib/mold-manager/admin.conf; then the environment (MOLD_URL,
// MOLD_APIKEY, MOLD_SECRETKEY, MOLD_CACERT, MOLD_INSECURE) goes on top.
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/secret.h"

namespace mold::hactl {

struct Settings {
  std::string url = "http://127.0.0.1:8080/client/api";
  std::string api_key;
  Secret secret_key;
  std::string ca_file;    // PEM of the manager's CA; empty: the system's CAs
  bool insecure = false;  // do not verify the manager's certificate
  std::string origin;     // file that was read, for messages; empty: none
  std::vector<std::string> warnings;
};

struct SettingsPlaces {
  std::string explicit_file;  // --config; must exist
  std::vector<std::string> files;
};
// The usual places, with $HOME and $XDG_CONFIG_HOME looked up.
SettingsPlaces usual_places();

// kInvalid: a file or a value is wrong. A file with a secret key that others may read is a warning;
// one that anybody may write is kDenied.
Result<Settings> load_settings(const SettingsPlaces& places);

}  // namespace mold::hactl
