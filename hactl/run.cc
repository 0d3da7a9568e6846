#include "hactl/run.h"

#include <fmt/format.h>

#include <algorithm>

#include "hactl/command.h"
#include "lib/base/text.h"
#include "lib/runtime/config_file.h"
#include "lib/runtime/journal_log.h"

namespace mold::hactl {
namespace {

ExitCode complain(const Error& error) {
  Output::warn(error.what);
  return exit_code(error.kind);
}

ExitCode usage_error(const std::string& text, const std::string& help) {
  fmt::print(stderr, "hactl: {}\n\n{}", text, help);
  return ExitCode::kUsage;
}

bool asks_for_help(const std::string& word) {
  return word == "help" || word == "--help" || word == "-h";
}

// No command: help if asked for, else what is wrong.
ExitCode without_command(const std::vector<std::string>& words) {
  const bool wants_help = words.empty() || std::any_of(words.begin(), words.end(), asks_for_help);
  const std::string family = words.empty() ? std::string() : family_help(words.front());
  if (wants_help) {
    fmt::print("{}", family.empty() ? overview_help() : family);
    return words.empty() ? ExitCode::kUsage : ExitCode::kOk;
  }
  const std::string known =
      words.size() > 1 && !family.empty() ? words[0] + " " + words[1] : words[0];
  if (!family.empty() && words.size() == 1)
    return usage_error(fmt::format("'{}' what?", words[0]), family);
  return usage_error(fmt::format("there is no command '{}'", known),
                     family.empty() ? "hactl --help lists them all\n" : family);
}

Result<runtime::Config> parse_options(const Command& command,
                                      const std::vector<std::string>& arguments) {
  runtime::ConfigSources sources;
  sources.arguments = arguments;
  auto specs = command.options;
  for (auto& option : common_options()) specs.push_back(std::move(option));
  return runtime::Config::load(specs, sources);
}

Result<ColourMode> colour_mode(const std::string& text) {
  if (text == "auto") return ColourMode::kAuto;
  if (text == "always") return ColourMode::kAlways;
  if (text == "never") return ColourMode::kNever;
  return fail(ErrorKind::kInvalid, "--colour is auto, always or never");
}

Status carry_out(const Command& command, const runtime::Config& options,
                 std::vector<std::string> args) {
  const std::string& form = options.text("output");
  if (form != "text" && form != "json") return fail(ErrorKind::kInvalid, "-o is text or json");
  MOLD_TRY(const ColourMode colour, colour_mode(options.text("colour")));
  SettingsPlaces places = usual_places();
  places.explicit_file = options.text("config");
  MOLD_TRY(Settings settings, load_settings(places));
  for (const std::string& warning : settings.warnings) Output::warn(warning);
  MOLD_TRY(const auto loop, runtime::EventLoop::create());
  Client client(*loop, std::move(settings));
  const Output out(form == "json", colour);
  Context context{client, out, options, std::move(args)};
  return command.run(context);
}

// True when `word` is a common option whose value is the next word ("-o json", "--config FILE").
bool takes_next(const std::string& word) {
  for (const auto& option : common_options()) {
    const bool named = word == "--" + option.name ||
                       (option.short_name != 0 && word == std::string("-") + option.short_name);
    if (named) return !option.is_flag;
  }
  return false;
}

// "hactl -o json status" means "hactl status -o json".
std::vector<std::string> command_first(const std::vector<std::string>& words) {
  std::size_t leading = 0;
  while (leading < words.size() && words[leading].starts_with('-')) {
    leading += takes_next(words[leading]) ? 2 : 1;
  }
  leading = std::min(leading, words.size());
  std::vector<std::string> turned(words);
  std::rotate(turned.begin(), turned.begin() + static_cast<std::ptrdiff_t>(leading), turned.end());
  return turned;
}

}  // namespace

ExitCode run(const std::vector<std::string>& given) {
  const std::vector<std::string> arguments = command_first(given);
  runtime::set_log_level(runtime::LogLevel::kError);  // a person reads stderr here, not a journal
  const Command* const command = find_command(arguments);
  if (command == nullptr) return without_command(arguments);
  const auto words = static_cast<std::ptrdiff_t>(split(command->name, ' ').size());
  const std::vector<std::string> rest(arguments.begin() + words, arguments.end());
  const auto options = parse_options(*command, rest);
  if (!options) return usage_error(options.error().what, command_help(*command));
  if (options->text("help") == "true") {
    fmt::print("{}", command_help(*command));
    return ExitCode::kOk;
  }
  const std::vector<std::string>& args = options->positional();
  if (args.size() < command->least || args.size() > command->most) {
    return usage_error(args.size() < command->least ? "something is missing" : "that is too much",
                       command_help(*command));
  }
  const Status status = carry_out(*command, *options, args);
  return status ? ExitCode::kOk : complain(status.error());
}

}  // namespace mold::hactl
