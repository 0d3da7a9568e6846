#pragma once
// Secrets from where they may lie: files that not everybody can read, and programs that print them.
// They never pass through argv, environment, logs or error texts. Loop thread; blocks, through the
// loop for a program.
#include <string>

#include "fencing/fence_mold/settings.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/runtime/event_loop.h"

namespace mold::fence_mold {

struct Credentials {
  std::string key;
  Secret secret;
};

// "key=" and "secret=" (or, as in hactl.conf, "apikey=" and "secretkey="); other lines are passed
// over. kDenied: everybody may read or write the file. kNotFound; kInvalid: a line is missing.
Result<Credentials> read_credentials(const std::string& file);

// The password given, or the first line of the file or of what the program prints; none of the
// three: an empty one, for devices without. kDenied, kNotFound, kInternal (the program failed).
Result<Secret> read_password(runtime::EventLoop& loop, const DirectSettings& settings);

}  // namespace mold::fence_mold
