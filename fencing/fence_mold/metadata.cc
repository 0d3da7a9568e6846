#include "fencing/fence_mold/metadata.h"

#include <fmt/format.h>

#include "fencing/fence_mold/contract.h"
#include "fencing/fence_mold/options.h"
#include "lib/base/check.h"

namespace mold::fence_mold {
namespace {

constexpr std::string_view kLongDescription =
    "fence_mold fences a host of a Mold HA cluster. By default it asks the cluster's manager, "
    "which "
    "knows every host's power devices; with direct=1 it speaks to the host's BMC itself and needs "
    "no manager. An action succeeds only when the state that it was to bring about was read back: "
    "a host that cannot be reached is never reported as off.";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string_view type_name(OptionType type) {
  switch (type) {
    case OptionType::kFlag:
      return "boolean";
    case OptionType::kInteger:
      return "integer";
    case OptionType::kSeconds:
      return "second";
    case OptionType::kText:
    case OptionType::kSecret:
      return "string";
  }
  MOLD_UNREACHABLE();
}

// "-n, --plug=[host]"; a password has no place on a command line and so no such form.
std::string getopt_form(const OptionSpec& spec) {
  if (spec.type == OptionType::kSecret) return {};
  std::string form = spec.letter == 0 ? "" : fmt::format("-{}, ", spec.letter);
  form += "--" + long_name(spec);
  if (spec.type != OptionType::kFlag) form += fmt::format("=[{}]", spec.value_name);
  return form;
}

std::string parameter(const OptionSpec& spec, bool under_old_name) {
  std::string marks;
  if (under_old_name) {
    marks = " deprecated=\"1\"";
  } else if (!spec.old_name.empty()) {
    marks = fmt::format(" obsoletes=\"{}\"", spec.old_name);
  }
  const std::string preset = spec.default_value.empty()
                                 ? std::string()
                                 : fmt::format(" default=\"{}\"", escaped(spec.default_value));
  return fmt::format(
      "\t<parameter name=\"{}\" unique=\"0\" required=\"{}\"{}>\n"
      "\t\t<getopt mixed=\"{}\" />\n"
      "\t\t<content type=\"{}\"{} />\n"
      "\t\t<shortdesc lang=\"en\">{}</shortdesc>\n"
      "\t</parameter>\n",
      under_old_name ? spec.old_name : spec.name, spec.name == "action" && !under_old_name ? 1 : 0,
      marks, escaped(getopt_form(spec)), type_name(spec.type), preset, escaped(spec.help));
}

}  // namespace

std::string metadata_xml() {
  std::string parameters;
  for (const OptionSpec& spec : option_table()) {
    parameters += parameter(spec, false);
    if (!spec.old_name.empty()) parameters += parameter(spec, true);
  }
  std::string actions = "\t<action name=\"on\" automatic=\"0\"/>\n";
  for (const Action action :
       {Action::kOff, Action::kReboot, Action::kStatus, Action::kMonitor, Action::kList,
        Action::kListStatus, Action::kMetadata, Action::kValidateAll}) {
    actions += fmt::format("\t<action name=\"{}\" />\n", to_string(action));
  }
  return fmt::format(
      "<?xml version=\"1.0\" ?>\n"
      "<resource-agent name=\"fence_mold\" shortdesc=\"Fence agent for Mold HA\">\n"
      "<longdesc>{}</longdesc>\n"
      "<vendor-url></vendor-url>\n"
      "<parameters>\n{}</parameters>\n"
      "<actions>\n{}</actions>\n"
      "</resource-agent>\n",
      escaped(kLongDescription), parameters, actions);
}

}  // namespace mold::fence_mold
