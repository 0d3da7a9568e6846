#pragma once
// Where mold-fence gets a password: a file, an environment variable, or the person at the terminal.
// Blocks; before the loop runs. Nothing of it is printed.
#include <string>

#include "fencing/by_hand/command_line.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"

namespace mold::fencing {

// kNotFound, kDenied, kInvalid (empty, too long). A file that others may read is taken, and
// `warning` says so. Without a place and without a terminal: kInvalid.
Result<Secret> read_hand_secret(const SecretPlace& place, const std::string& question,
                                std::string& warning);

}  // namespace mold::fencing
