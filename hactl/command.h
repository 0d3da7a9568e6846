#pragma once
// A sub-command of hactl: what it is called, what it takes, what it does. One explicit table
// (command_table.cc) serves dispatch, --help and the test that man page and completion know them
// all. Values; one thread.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "hactl/client.h"
#include "hactl/output.h"
#include "lib/base/result.h"
#include "lib/runtime/config_file.h"

namespace mold::hactl {

struct Context {
  Client& client;
  const Output& out;
  const runtime::Config& options;  // command line
  std::vector<std::string> args;   // positional, without the command's own words

  [[nodiscard]] bool flag(std::string_view name) const { return options.text(name) == "true"; }
  [[nodiscard]] const std::string& option(std::string_view name) const {
    return options.text(name);
  }
};

struct Command {
  std::string name;          // "host power"
  std::string usage = {};    // "HOST status|on|off"
  std::string summary = {};  // one line
  std::size_t least = 0;
  std::size_t most = 0;
  Status (*run)(Context&) = nullptr;
  std::vector<runtime::OptionSpec> options = {};
};

// Sorted by family, in the order of --help.
const std::vector<Command>& command_table();
std::vector<Command> status_commands();
std::vector<Command> host_commands();
std::vector<Command> host_power_commands();
std::vector<Command> vm_commands();
std::vector<Command> ha_commands();
std::vector<Command> fence_commands();
std::vector<Command> event_commands();
std::vector<Command> job_commands();
std::vector<Command> pool_commands();
std::vector<Command> inventory_commands();
std::vector<Command> api_commands();

// The command whose words begin `words`; the longer name wins. Null when there is none.
const Command* find_command(const std::vector<std::string>& words);

// Options that every command takes.
std::vector<runtime::OptionSpec> common_options();
std::string overview_help();
std::string command_help(const Command& command);
// Help of a family ("host"): its commands, or "" when there is no such family.
std::string family_help(std::string_view family);

}  // namespace mold::hactl
