// Service offerings; templates are in template_commands.cc.
#include <limits>
#include <utility>

#include "lib/base/text.h"
#include "manager/api/lookup.h"
#include "manager/api/template_commands.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::uint64_t kGiB = 1024 * kMiB;

ApiResult<Value> list_offerings(Call& call) {
  const Params& params = call.params();
  const auto checked = check_ids(call, call.inventory().offerings());
  if (!checked) return refuse(checked.error());
  MOLD_API_TRY(const VmRecord* vm, find_optional(call, call.inventory().vms(), "virtualmachineid"));
  if (params.flag("issystem", false)) return list_body("serviceoffering", {}, 0);
  return paged_list(
      call, call.inventory().offerings().all(),
      [&](const auto& entry) {
        const ServiceOffering& offering = entry.second;
        if (!is_live(offering)) return false;
        if (params.has("id") && offering.uuid != params.text("id")) return false;
        if (params.has("name") && offering.name != params.text("name")) return false;
        if (vm != nullptr && vm->offering != offering.id) return false;
        return keyword_matches(params, offering.name);
      },
      [](const auto& entry) { return offering_view(entry.second); });
}

// A whole number in [least, most], or the fallback when it was not given.
ApiResult<std::uint64_t> bounded(const Params& params, std::string_view name, std::int64_t fallback,
                                 std::int64_t least, std::int64_t most) {
  const std::int64_t value = params.integer(name).value_or(fallback);
  if (value < least || value > most) {
    return refuse(params.wrong(
        name, "it must lie between " + std::to_string(least) + " and " + std::to_string(most)));
  }
  return static_cast<std::uint64_t>(value);
}

ApiResult<Value> create_offering(Call& call) {
  const Params& params = call.params();
  ServiceOffering offering;
  offering.name = params.text("name");
  offering.display_text = params.text("displaytext");
  for (const std::string_view needed : {"cpunumber", "memory"}) {
    if (!params.has(needed)) return refuse(missing_parameter(params.command(), needed));
  }
  MOLD_API_TRY(const std::uint64_t cpus, bounded(params, "cpunumber", 1, 1, 1024));
  MOLD_API_TRY(const std::uint64_t mhz, bounded(params, "cpuspeed", 0, 0, 1'000'000));
  MOLD_API_TRY(const std::uint64_t memory, bounded(params, "memory", 0, 1, 64 * 1024 * 1024));
  MOLD_API_TRY(const std::uint64_t disk, bounded(params, "rootdisksize", 0, 0, 1024 * 1024));
  offering.cpus = static_cast<std::uint32_t>(cpus);
  offering.cpu_mhz = static_cast<std::uint32_t>(mhz);
  offering.memory_bytes = memory * kMiB;
  offering.root_disk_bytes = disk * kGiB;
  offering.offer_ha = params.flag("offerha", false);
  offering.limit_cpu_use = params.flag("limitcpuuse", false);
  offering.host_tags = params.text("hosttags");
  offering.storage_tags = params.text("tags");
  const Result<ServiceOffering> made = call.inventory().create(std::move(offering));
  if (!made) return refuse(from_error(made.error()));
  call.about("ServiceOffering", made->uuid, "Successfully created service offering " + made->name);
  return single_body("serviceoffering", offering_view(*made));
}

ApiResult<Value> delete_offering(Call& call) {
  MOLD_API_TRY(const ServiceOffering* offering,
               find_named(call, call.inventory().offerings(), "id"));
  call.about("ServiceOffering", offering->uuid,
             "Successfully deleted service offering " + offering->name);
  if (const Status done = call.inventory().remove(offering->id); !done) {
    return refuse(from_error(done.error()));
  }
  return success_body();
}

}  // namespace

void add_offering_commands(CommandTable& table) {
  table.add({"listServiceOfferings",
             "Lists service offerings",
             "serviceoffering",
             kOfferingFields,
             {{"id", ParamType::kUuid, kOptional, "the ID of the offering"},
              {"name", ParamType::kText, kOptional, "the name of the offering"},
              {"virtualmachineid", ParamType::kUuid, kOptional, "the offering of this VM"},
              {"issystem", ParamType::kBool, kOptional, "true: none, there are no system VMs"}},
             list_offerings,
             {},
             true});
  table.add({"createServiceOffering",
             "Creates a service offering",
             "serviceoffering",
             kOfferingFields,
             {{"name", ParamType::kText, kRequired, "the name of the offering"},
              {"displaytext", ParamType::kText, kOptional, "a text for people"},
              {"cpunumber", ParamType::kInteger, kOptional, "virtual CPUs; needed"},
              {"cpuspeed", ParamType::kInteger, kOptional, "MHz per CPU"},
              {"memory", ParamType::kInteger, kOptional, "memory in MB; needed"},
              {"rootdisksize", ParamType::kInteger, kOptional, "root disk in GB; else template's"},
              {"offerha", ParamType::kBool, kOptional, "its VMs are restarted by HA"},
              {"limitcpuuse", ParamType::kBool, kOptional, "accepted"},
              {"hosttags", ParamType::kText, kOptional, "tags that a host must have"},
              {"tags", ParamType::kText, kOptional, "tags that a pool must have"},
              {"storagetype", ParamType::kText, kOptional, "accepted, always shared"},
              {"provisioningtype", ParamType::kText, kOptional, "accepted, always thin"}},
             Change{create_offering},
             "SERVICE.OFFERING.CREATE"});
  table.add({"deleteServiceOffering",
             "Deletes a service offering; its VMs stay",
             "success",
             "success:boolean",
             {{"id", ParamType::kUuid, kRequired, "the ID of the offering"}},
             Change{delete_offering},
             "SERVICE.OFFERING.DELETE"});
  add_template_commands(table);
}

}  // namespace mold::manager::api
