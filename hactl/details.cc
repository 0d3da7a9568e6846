#include "hactl/details.h"

#include "lib/base/text.h"
#include "lib/runtime/files.h"

namespace mold::hactl {

Status add_details(Params& params, const std::vector<std::string>& words, std::size_t from) {
  for (std::size_t i = from; i < words.size(); ++i) {
    const auto equals = words[i].find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(ErrorKind::kInvalid, "'" + words[i] + "' is not NAME=VALUE");
    const std::string row = "details[" + std::to_string(i - from) + "].";
    params[row + "key"] = words[i].substr(0, equals);
    params[row + "value"] = words[i].substr(equals + 1);
  }
  return {};
}

Result<std::string> password_from(const std::string& file) {
  constexpr std::size_t kLongestFile = 4096;
  MOLD_TRY(const std::string text, runtime::read_file(file, kLongestFile));
  return std::string(trim(text));
}

std::string usual_port(std::string_view driver) {
  return driver == "redfish" ? "443" : "623";
}

}  // namespace mold::hactl
