#pragma once
// What BMCs and fence devices have in common on the command line: options of their driver as
// NAME=VALUE words, a password from a file, the usual port. Pure but for reading that file.
#include <string>
#include <string_view>
#include <vector>

#include "hactl/client.h"
#include "lib/base/result.h"

namespace mold::hactl {

// words[from...] as details[0].key=..., details[0].value=... kInvalid: a word is not NAME=VALUE.
Status add_details(Params& params, const std::vector<std::string>& words, std::size_t from);
// Its text without white space around it. Never from the command line, where others can read it.
Result<std::string> password_from(const std::string& file);
// Where devices of this driver usually listen.
std::string usual_port(std::string_view driver);

}  // namespace mold::hactl
