// hactl zone|cluster|offering|template list: what VMs are made of. Making them is for the API
// (`hactl api createZone ...`).
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "hactl/command.h"
#include "hactl/lookup.h"

namespace mold::hactl {
namespace {

struct Column {
  std::string title;
  std::string field;
};

Status list(Context& context, const Kind& kind, const std::vector<Column>& columns) {
  MOLD_TRY(const std::vector<Json> all, list_all(context.client, kind));
  if (context.out.json()) {
    context.out.value(Json(all));
    return {};
  }
  std::vector<std::string> head;
  for (const Column& column : columns) head.push_back(column.title);
  std::vector<std::vector<Cell>> rows;
  for (const Json& thing : all) {
    std::vector<Cell> row;
    for (const Column& column : columns) {
      const bool bytes = column.field.find("size") != std::string::npos;
      row.push_back(bytes ? Cell{size_text(number_of(thing, column.field))}
                          : state_cell(text_of(thing, column.field)));
    }
    rows.push_back(std::move(row));
  }
  context.out.table(head, rows);
  return {};
}

Status zones(Context& context) {
  return list(context, kZone, {{"ZONE", "name"}, {"STATE", "allocationstate"}, {"ID", "id"}});
}
Status clusters(Context& context) {
  return list(context, kCluster,
              {{"CLUSTER", "name"},
               {"POD", "podname"},
               {"ZONE", "zonename"},
               {"STATE", "allocationstate"},
               {"ID", "id"}});
}
Status offerings(Context& context) {
  return list(context, kOffering,
              {{"OFFERING", "name"},
               {"CPUS", "cpunumber"},
               {"MB", "memory"},
               {"HA", "offerha"},
               {"ID", "id"}});
}
Status templates(Context& context) {
  return list(context, kTemplate,
              {{"TEMPLATE", "name"},
               {"READY", "isready"},
               {"FORMAT", "format"},
               {"SIZE", "size"},
               {"ID", "id"}});
}

}  // namespace

std::vector<Command> inventory_commands() {
  return {
      {.name = "zone list", .summary = "zones", .run = zones},
      {.name = "cluster list", .summary = "clusters", .run = clusters},
      {.name = "offering list", .summary = "sizes of VMs", .run = offerings},
      {.name = "template list", .summary = "what disks are made from", .run = templates},
  };
}

}  // namespace mold::hactl
