#include "manager/api/command.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/base/text.h"

namespace mold::manager::api {
namespace {

Object describe_param(const ParamSpec& spec) {
  Object row;
  row.set("name", Value(spec.name));
  row.set("description", Value(spec.description));
  row.set("type", Value(to_string(spec.type)));
  row.set("length", Value(std::uint64_t{spec.length}));
  row.set("required", Value(spec.required));
  return row;
}

Array describe_fields(const CommandSpec& spec) {
  Array rows;
  for (const std::string& field : split(spec.fields, ' ')) {
    const std::size_t colon = field.find(':');
    if (colon == std::string::npos) continue;
    Object row;
    row.set("name", Value(field.substr(0, colon)));
    row.set("description",
            Value("the " + field.substr(0, colon) + " of the " + std::string(spec.object)));
    row.set("type", Value(field.substr(colon + 1)));
    rows.emplace_back(std::move(row));
  }
  return rows;
}

// Other commands that answer with the same kind of object.
std::string related_to(const CommandSpec& spec, const CommandTable& table) {
  std::string related;
  if (spec.object.empty() || spec.object == "success") return related;
  for (const auto& [name, other] : table.all()) {
    if (other.object != spec.object || name == spec.name) continue;
    if (!related.empty()) related += ',';
    related += name;
  }
  return related;
}

}  // namespace

bool CommandSpec::is_confidential() const {
  return secret_answer || std::any_of(params.begin(), params.end(),
                                      [](const ParamSpec& param) { return param.secret; });
}

void CommandTable::add(CommandSpec spec) {
  if (spec.paged) {
    spec.params.push_back({"keyword", ParamType::kText, kOptional, "List by keyword"});
    spec.params.push_back({"page", ParamType::kInteger, kOptional, "the page, from 1"});
    spec.params.push_back({"pagesize", ParamType::kInteger, kOptional, "rows per page"});
  }
  const std::string name(spec.name);
  const bool fresh = commands_.emplace(name, std::move(spec)).second;
  MOLD_CHECK(fresh, name);
}

const CommandSpec* CommandTable::find(std::string_view name) const {
  const auto found = commands_.find(name);
  return found == commands_.end() ? nullptr : &found->second;
}

CommandTable build_command_table() {
  CommandTable table;
  add_topology_commands(table);
  add_host_commands(table);
  add_storage_commands(table);
  add_ceph_user_commands(table);
  add_offering_commands(table);
  add_vm_commands(table);
  add_oobm_commands(table);
  add_fence_commands(table);
  add_configuration_commands(table);
  add_ha_commands(table);
  add_job_commands(table);
  add_event_commands(table);
  add_discovery_commands(table);
  return table;
}

Object describe(const CommandSpec& spec, const CommandTable& table) {
  Object row;
  row.set("name", Value(spec.name));
  row.set("description", Value(spec.description));
  row.set("isasync", Value(spec.is_async()));
  row.set("related", Value(related_to(spec, table)));
  Array params;
  for (const ParamSpec& param : spec.params) params.emplace_back(describe_param(param));
  row.set("params", Value(std::move(params)));
  row.set("response", Value(describe_fields(spec)));
  return row;
}

}  // namespace mold::manager::api
