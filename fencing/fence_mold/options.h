#pragma once
// Every option of fence_mold in one table, and the two ways in which they arrive: "key=value" lines
// on standard input (a cluster) or long and short options (a person). The metadata that the cluster
// reads is made from the same table, so the three cannot drift apart. Pure.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace mold::fence_mold {

enum class OptionType { kText, kFlag, kInteger, kSeconds, kSecret };

struct OptionSpec {
  std::string_view name;      // as on standard input; on the command line '_' is written '-'
  std::string_view old_name;  // its name in older clusters; empty: none
  char letter;                // 0: none
  OptionType type;
  std::string_view value_name;     // for help
  std::string_view default_value;  // empty: none
  std::string_view help;           // one line
};
const std::vector<OptionSpec>& option_table();
std::string long_name(const OptionSpec& spec);

// What was given, by `name` of the table; old names are already translated.
class Options {
 public:
  void set(const OptionSpec& spec, std::string value, bool by_old_name);
  [[nodiscard]] bool has(std::string_view name) const;
  // The value given, else the default of the table.
  [[nodiscard]] std::string text(std::string_view name) const;

 private:
  struct Value {
    std::string text;
    bool by_old_name = false;
  };
  std::map<std::string, Value, std::less<>> values_;
};

// Never fails: unknown keys, blank lines and comments are passed over, as the contract wants it.
Options read_lines(std::string_view text);

struct CommandLine {
  Options options;
  bool help = false;
  bool version = false;
  std::string problem;  // what is wrong with it; empty: nothing
};
CommandLine read_arguments(const std::vector<std::string>& arguments);

std::string help_text();

}  // namespace mold::fence_mold
