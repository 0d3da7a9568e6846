// VMs: listing and wishes. Deploying is in vm_deploy.cc.
#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"
#include "manager/api/vm_deploy.h"

namespace mold::manager::api {
namespace {

struct VmFilter {
  PlaceFilter place;
  const HostRecord* host = nullptr;
  const Template* tmpl = nullptr;
  const ServiceOffering* offering = nullptr;
  std::vector<std::string> ids;
};

ApiResult<VmFilter> read_vm_filter(Call& call) {
  VmFilter filter;
  MOLD_API_TRY(filter.place, read_place_filter(call));
  MOLD_API_TRY(filter.host, live_host(call, "hostid"));
  MOLD_API_TRY(filter.tmpl, find_optional(call, call.inventory().templates(), "templateid"));
  MOLD_API_TRY(filter.offering,
               find_optional(call, call.inventory().offerings(), "serviceofferingid"));
  const auto checked = check_ids(call, call.inventory().vms());
  if (!checked) return refuse(checked.error());
  filter.ids = call.params().list("ids");
  return filter;
}

bool state_matches(std::string_view wanted, const core::Vm* vm) {
  if (wanted.empty()) return true;
  if (vm == nullptr) return false;
  if (iequals(wanted, "Present")) return vm->state != core::VmState::kDestroyed;
  return iequals(wanted, vm_state_name(*vm));
}

bool vm_matches(Call& call, const VmFilter& filter, const VmRecord& vm) {
  const Params& params = call.params();
  if (!is_live(vm)) return false;
  if (params.has("id") && vm.uuid != params.text("id")) return false;
  if (!filter.ids.empty() &&
      std::find(filter.ids.begin(), filter.ids.end(), vm.uuid) == filter.ids.end()) {
    return false;
  }
  if (params.has("name") && vm.name != params.text("name") &&
      vm.display_name != params.text("name")) {
    return false;
  }
  const core::Vm* known = core_vm(call.services(), vm.id);
  if (!state_matches(params.text("state"), known)) return false;
  if (filter.host != nullptr && (known == nullptr || known->host != filter.host->id)) return false;
  if (filter.tmpl != nullptr && vm.template_id != filter.tmpl->id) return false;
  if (filter.offering != nullptr && vm.offering != filter.offering->id) return false;
  const auto ha = params.flag("haenable");
  if (ha && (known == nullptr || known->ha != *ha)) return false;
  if (params.has("hypervisor") && !iequals(params.text("hypervisor"), "KVM")) return false;
  return filter.place.matches(place_of(call.inventory(), vm.cluster)) &&
         (keyword_matches(params, vm.name) || keyword_matches(params, vm.display_name) ||
          keyword_matches(params, vm.instance_name));
}

ApiResult<Value> list_vms(Call& call) {
  MOLD_API_TRY(const VmFilter filter, read_vm_filter(call));
  return paged_list(
      call, call.inventory().vms().all(),
      [&](const auto& entry) { return vm_matches(call, filter, entry.second); },
      [&call](const auto& entry) { return vm_view(call.services(), entry.second); });
}

// What a wish looks like to people.
struct Wish {
  core::VmWish wish;
  core::JobKind kind;
  std::string_view doing;
};

ApiResult<BegunJob> wish_for(Call& call, const Wish& what, core::VmRequested request) {
  MOLD_API_TRY(const VmRecord* vm, find_named(call, call.inventory().vms(), "id"));
  call.about("VirtualMachine", vm->uuid, std::string(what.doing) + " VM " + vm->name);
  request.vm = vm->id;
  request.wish = what.wish;
  MOLD_API_TRY(const JobRecord job, call.open_job(what.kind, vm->id, HostId{}));
  request.job = job.id;
  call.engine().submit(request);
  return BegunJob{job.uuid, {}};
}

ApiResult<BegunJob> start_vm(Call& call) {
  core::VmRequested request;
  MOLD_API_TRY(const VmRecord* vm, find_named(call, call.inventory().vms(), "id"));
  MOLD_API_TRY(const HostRecord* host, live_host(call, "hostid"));
  if (host != nullptr) {
    if (host->cluster != vm->cluster) {
      return refuse(call.params().wrong("hostid", "the host is in another cluster"));
    }
    request.pinned_host = host->id;
  }
  return wish_for(call, {core::VmWish::kStart, core::JobKind::kStart, "Starting"}, request);
}

ApiResult<BegunJob> stop_vm(Call& call) {
  core::VmRequested request;
  request.forced = call.params().flag("forced", false);
  return wish_for(call, {core::VmWish::kStop, core::JobKind::kStop, "Stopping"}, request);
}

ApiResult<BegunJob> reboot_vm(Call& call) {
  core::VmRequested request;
  request.forced = call.params().flag("forced", false);
  return wish_for(call, {core::VmWish::kReboot, core::JobKind::kReboot, "Rebooting"}, request);
}

ApiResult<BegunJob> fence_vm(Call& call) {
  return wish_for(call, {core::VmWish::kFence, core::JobKind::kFenceVm, "Fencing"}, {});
}

ApiResult<BegunJob> destroy_vm(Call& call) {
  core::VmRequested request;
  request.expunge = call.params().flag("expunge", false);
  return wish_for(call, {core::VmWish::kDestroy, core::JobKind::kDestroy, "Destroying"}, request);
}

ApiResult<BegunJob> expunge_vm(Call& call) {
  core::VmRequested request;
  request.expunge = true;
  return wish_for(call, {core::VmWish::kDestroy, core::JobKind::kDestroy, "Expunging"}, request);
}

ApiResult<Value> update_vm(Call& call) {
  const Params& params = call.params();
  MOLD_API_TRY(const VmRecord* found, find_named(call, call.inventory().vms(), "id"));
  VmRecord vm = *found;
  if (auto name = params.maybe_text("name")) vm.name = std::move(*name);
  if (auto name = params.maybe_text("displayname")) vm.display_name = std::move(*name);
  if (auto group = params.maybe_text("group")) vm.group = std::move(*group);
  if (auto data = params.maybe_text("userdata")) vm.user_data = std::move(*data);
  for (auto& [key, value] : params.map("details")) vm.details[key] = value;
  const auto ha = params.flag("haenable");
  if (const Status done = call.inventory().update(vm); !done) {
    return refuse(from_error(done.error()));
  }
  if (ha) call.engine().submit(core::VmHaSet{vm.id, *ha});
  call.about("VirtualMachine", vm.uuid, "Successfully updated VM " + vm.name);
  return single_body("virtualmachine", vm_view(call.services(), vm));
}

void add_vm_wishes(CommandTable& table) {
  const ParamSpec id{"id", ParamType::kUuid, kRequired, "the ID of the virtual machine"};
  const ParamSpec forced{"forced", ParamType::kBool, kOptional, "do not ask the guest"};
  table.add({"startVirtualMachine",
             "Starts a virtual machine",
             "virtualmachine",
             kVmFields,
             {id, {"hostid", ParamType::kUuid, kOptional, "start it on this host"}},
             start_vm,
             "VM.START"});
  table.add({"stopVirtualMachine",
             "Stops a virtual machine",
             "virtualmachine",
             kVmFields,
             {id, forced},
             stop_vm,
             "VM.STOP"});
  table.add({"rebootVirtualMachine",
             "Reboots a virtual machine",
             "virtualmachine",
             kVmFields,
             {id, forced},
             reboot_vm,
             "VM.REBOOT"});
  table.add(
      {"fenceVirtualMachine",
       "Puts a virtual machine's clients off its Ceph disks, so that it can run elsewhere while "
       "its host lives on",
       "virtualmachine",
       kVmFields,
       {id},
       fence_vm,
       "VM.FENCE"});
  table.add({"destroyVirtualMachine",
             "Destroys a virtual machine",
             "virtualmachine",
             kVmFields,
             {id, {"expunge", ParamType::kBool, kOptional, "its disks are removed too"}},
             destroy_vm,
             "VM.DESTROY"});
  table.add({"expungeVirtualMachine",
             "Destroys a virtual machine and its disks",
             "success",
             "success:boolean",
             {id},
             expunge_vm,
             "VM.EXPUNGE"});
  table.add({"updateVirtualMachine",
             "Updates a virtual machine's record",
             "virtualmachine",
             kVmFields,
             {id,
              {"name", ParamType::kText, kOptional, "the host name"},
              {"displayname", ParamType::kText, kOptional, "the name for people"},
              {"group", ParamType::kText, kOptional, "the group"},
              {"haenable", ParamType::kBool, kOptional, "restarted by HA"},
              {"userdata", ParamType::kText, kOptional, "user data, base64", 32768},
              {"details", ParamType::kMap, kOptional, "details[0].key=value"}},
             Change{update_vm},
             "VM.UPDATE"});
}

}  // namespace

void add_vm_commands(CommandTable& table) {
  table.add(
      {"listVirtualMachines",
       "Lists virtual machines",
       "virtualmachine",
       kVmFields,
       {{"id", ParamType::kUuid, kOptional, "the ID of the virtual machine"},
        {"ids", ParamType::kUuidList, kOptional, "the IDs of the virtual machines"},
        {"name", ParamType::kText, kOptional, "the name of the virtual machine"},
        {"state", ParamType::kText, kOptional, "Running, Stopped, ...; Present: not destroyed"},
        {"zoneid", ParamType::kUuid, kOptional, "only VMs of this zone"},
        {"podid", ParamType::kUuid, kOptional, "only VMs of this pod"},
        {"clusterid", ParamType::kUuid, kOptional, "only VMs of this cluster"},
        {"hostid", ParamType::kUuid, kOptional, "only VMs placed on this host"},
        {"templateid", ParamType::kUuid, kOptional, "only VMs made from this template"},
        {"serviceofferingid", ParamType::kUuid, kOptional, "only VMs of this offering"},
        {"haenable", ParamType::kBool, kOptional, "only VMs that HA restarts, or does not"},
        {"hypervisor", ParamType::kText, kOptional, "only VMs of this hypervisor"},
        {"listall", ParamType::kBool, kOptional, "accepted: root admin sees all"},
        {"details", ParamType::kList, kOptional, "accepted; rows are always complete"}},
       list_vms,
       {},
       true});
  add_deploy_command(table);
  add_vm_wishes(table);
}

}  // namespace mold::manager::api
