#include <fmt/format.h>

#include <algorithm>

#include "hactl/command.h"
#include "lib/base/text.h"

namespace mold::hactl {
namespace {

void append(std::vector<Command>& all, std::vector<Command> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

constexpr std::size_t kWidestUsage = 36;

std::string listing(const std::vector<const Command*>& commands) {
  std::size_t width = 0;
  for (const auto* command : commands) {
    const std::size_t needed = command->name.size() + 1 + command->usage.size();
    if (needed <= kWidestUsage) width = std::max(width, needed);
  }
  std::string out;
  for (const auto* command : commands) {
    const std::string left = command->name + " " + command->usage;
    if (left.size() > width) {
      out += fmt::format("  {}\n  {:{}}  {}\n", left, "", width, command->summary);
    } else {
      out += fmt::format("  {:{}}  {}\n", left, width, command->summary);
    }
  }
  return out;
}

constexpr std::string_view kFooter =
    "\nA host, VM or other thing is named by its name or its id. `hactl COMMAND --help` says "
    "more.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 no answer, 5 denied,\n"
    "6 the job failed, 7 gave up waiting. Settings: ~/.config/mold/hactl.conf,\n"
    "/etc/mold/hactl.conf, MOLD_URL, MOLD_APIKEY, MOLD_SECRETKEY. More: man hactl\n";

}  // namespace

const std::vector<Command>& command_table() {
  static const std::vector<Command> table = [] {
    std::vector<Command> all;
    append(all, status_commands());
    append(all, host_commands());
    append(all, host_power_commands());
    append(all, vm_commands());
    append(all, ha_commands());
    append(all, fence_commands());
    append(all, event_commands());
    append(all, job_commands());
    append(all, pool_commands());
    append(all, inventory_commands());
    append(all, api_commands());
    return all;
  }();
  return table;
}

const Command* find_command(const std::vector<std::string>& words) {
  const Command* best = nullptr;
  for (const Command& command : command_table()) {
    const auto parts = split(command.name, ' ');
    if (parts.size() > words.size()) continue;
    if (!std::equal(parts.begin(), parts.end(), words.begin())) continue;
    if (best == nullptr || parts.size() > split(best->name, ' ').size()) best = &command;
  }
  return best;
}

std::vector<runtime::OptionSpec> common_options() {
  return {
      {.name = "output", .default_value = "text", .help = "text or json", .short_name = 'o'},
      {.name = "no-wait",
       .default_value = "false",
       .help = "do not wait for the job to end",
       .is_flag = true},
      {.name = "timeout", .default_value = "15min", .help = "how long to wait for a job"},
      {.name = "yes",
       .default_value = "false",
       .help = "do not ask before doing it",
       .is_flag = true,
       .short_name = 'y'},
      {.name = "colour", .default_value = "auto", .help = "auto, always or never"},
      {.name = "config", .default_value = "", .help = "settings file instead of the usual ones"},
      {.name = "help",
       .default_value = "false",
       .help = "this text",
       .is_flag = true,
       .short_name = 'h'},
  };
}

std::string overview_help() {
  std::vector<const Command*> all;
  for (const Command& command : command_table()) all.push_back(&command);
  return "usage: hactl COMMAND [ARGUMENTS] [OPTIONS]\n\n" + listing(all) + "\nOptions:\n" +
         runtime::options_help(common_options()) + std::string(kFooter);
}

std::string family_help(std::string_view family) {
  std::vector<const Command*> members;
  for (const Command& command : command_table()) {
    if (split(command.name, ' ').front() == family) members.push_back(&command);
  }
  return members.empty() ? std::string() : "hactl commands:\n" + listing(members);
}

std::string command_help(const Command& command) {
  std::string out = fmt::format("usage: hactl {} {}\n\n{}\n\nOptions:\n", command.name,
                                command.usage, command.summary);
  auto options = command.options;
  for (auto& option : common_options()) options.push_back(std::move(option));
  return out + runtime::options_help(options);
}

}  // namespace mold::hactl
