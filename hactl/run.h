#pragma once
// One run of hactl: words in, exit code out. Everything but main() itself, so that tests can run
// it.
#include <string>
#include <vector>

#include "hactl/exit_code.h"

namespace mold::hactl {

// `arguments` without the program's name. Writes to stdout and stderr.
ExitCode run(const std::vector<std::string>& arguments);

}  // namespace mold::hactl
