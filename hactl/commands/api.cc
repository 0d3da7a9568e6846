// hactl api: any command of the manager, by its own name.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "hactl/command.h"
#include "hactl/lookup.h"
#include "lib/runtime/files.h"

namespace mold::hactl {
namespace {

constexpr std::size_t kLongestValue = 1024 * 1024;

// "name=value"; "name=@FILE" takes the value from a file, so that no secret stands in a command
// line.
Status add_param(Params& params, const std::string& word) {
  const auto equals = word.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fail(ErrorKind::kInvalid, "'" + word + "' is not name=value");
  }
  std::string value = word.substr(equals + 1);
  if (value.starts_with('@')) {
    MOLD_TRY(value, runtime::read_file(value.substr(1), kLongestValue));
    while (value.ends_with('\n')) value.pop_back();
  }
  params[word.substr(0, equals)] = value;
  return {};
}

Status api(Context& context) {
  Params params;
  for (std::size_t i = 1; i < context.args.size(); ++i) {
    MOLD_TRY_VOID(add_param(params, context.args[i]));
  }
  MOLD_TRY(const Json answer,
           call_and_wait(context, context.args[0], std::move(params), context.args[0]));
  context.out.value(answer);
  return {};
}

}  // namespace

std::vector<Command> api_commands() {
  return {{.name = "api",
           .usage = "COMMAND [name=value | name=@FILE ...]",
           .summary = "calls any API command and prints its answer as JSON",
           .least = 1,
           .most = 100,
           .run = api}};
}

}  // namespace mold::hactl
