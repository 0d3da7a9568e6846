// Settings by their CloudStack names: those of manager/power may be changed here, those of the
// configuration file are shown.
#include <utility>
#include <vector>

#include "manager/api/call.h"
#include "manager/api/envelope.h"
#include "manager/power/power_settings.h"

namespace mold::manager::api {
namespace {

constexpr std::string_view kConfigurationFields =
    "category:string name:string value:string defaultvalue:string description:string scope:string "
    "type:string isdynamic:boolean";

Object configuration_view(std::string_view name, std::string_view value, std::string_view fallback,
                          std::string_view description, bool dynamic) {
  Object row;
  row.set("category", Value("Advanced")).set("name", Value(name)).set("value", Value(value));
  row.set("defaultvalue", Value(fallback)).set("description", Value(description));
  row.set("scope", Value("global")).set("type", Value(dynamic ? "Number" : "String"));
  row.set("isdynamic", Value(dynamic));
  return row;
}

Object power_setting_view(const Inventory& inventory, const PowerSetting& spec) {
  return configuration_view(spec.name, std::to_string(power_setting(inventory, spec.name)),
                            std::to_string(spec.fallback), spec.description, true);
}

bool is_fixed(const Services& services, std::string_view name) {
  for (const FixedSetting& fixed : services.settings.fixed) {
    if (fixed.name == name) return true;
  }
  return false;
}

ApiResult<Value> list_configurations(Call& call) {
  const Services& services = call.services();
  std::vector<Object> all;
  for (const PowerSetting& spec : power_settings()) {
    all.push_back(power_setting_view(services.inventory, spec));
  }
  for (const FixedSetting& fixed : services.settings.fixed) {
    all.push_back(
        configuration_view(fixed.name, fixed.value, fixed.fallback, fixed.description, false));
  }
  const std::string name = call.params().text("name");
  return paged_list(
      call, all,
      [&](const Object& row) {
        const std::string& own = *row.find("name")->text();
        return (name.empty() || own == name) && keyword_matches(call.params(), own);
      },
      [](const Object& row) { return row; });
}

ApiResult<Value> update_configuration(Call& call) {
  const Params& params = call.params();
  const std::string name = params.text("name");
  if (is_fixed(call.services(), name)) {
    return refuse(params.wrong("name", "it is set in manager.conf, and read at start"));
  }
  const PowerSetting* spec = find_power_setting(name);
  if (spec == nullptr) return refuse(params.wrong("name", "there is no such setting"));
  const Status set = set_power_setting(call.inventory(), name, params.text("value"));
  if (!set) return refuse(from_error(set.error()));
  call.about("Configuration", {}, "Set " + name + " to " + call.inventory().setting(name));
  return single_body("configuration", power_setting_view(call.inventory(), *spec));
}

}  // namespace

void add_configuration_commands(CommandTable& table) {
  table.add({"listConfigurations",
             "Lists settings",
             "configuration",
             kConfigurationFields,
             {{"name", ParamType::kText, kOptional, "only this one"},
              {"category", ParamType::kText, kOptional, "accepted; all are of one"}},
             list_configurations,
             {},
             true});
  table.add({"updateConfiguration",
             "Changes a setting",
             "configuration",
             kConfigurationFields,
             {{"name", ParamType::kText, kRequired, "the name of the setting"},
              {"value", ParamType::kText, kRequired, "its new value"}},
             Change{update_configuration},
             "CONFIGURATION.VALUE.EDIT"});
}

}  // namespace mold::manager::api
