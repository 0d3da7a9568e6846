#include "manager/api/jobs.h"

#include <utility>

#include "lib/base/check.h"
#include "lib/runtime/journal_log.h"
#include "manager/api/envelope.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

Value vm_result(Services& services, const JobRecord& job) {
  if (job.command == "expungeVirtualMachine") return success_body();
  const VmRecord* vm = services.inventory.vms().find(job.vm);
  if (vm == nullptr) return success_body();
  return single_body("virtualmachine", vm_view(services, *vm));
}

Value power_result(const Services& services, const JobRecord& job, const core::Job& end) {
  const HostRecord* host = services.inventory.hosts().find(job.host);
  if (host == nullptr) return success_body();
  Object row = oobm_view(services, *host);
  row.set("status", Value(true));
  row.set_text("description", end.detail);
  return single_body("outofbandmanagement", std::move(row));
}

// A VM whose disks are gone leaves the lists; its name stays for old jobs and events.
void bury_expunged(Services& services, VmId id) {
  const core::Vm* vm = core_vm(services, id);
  const VmRecord* record = services.inventory.vms().find_live(id);
  if (vm == nullptr || record == nullptr || !vm->expunge) return;
  if (const Status done = services.inventory.remove(id); !done) {
    runtime::log_warning("API: expunged VM stays listed: " + done.error().text());
  }
}

}  // namespace

RenderedJob done_job(const Value& result) {
  return {0, to_json(result)};
}

RenderedJob failed_job(int code, const std::string& text) {
  Object result;
  result.set("errorcode", Value(code)).set("errortext", Value(text));
  return {code, to_json(Value(std::move(result)))};
}

RenderedJob render_job(Services& services, const JobRecord& job, const core::Job& end) {
  if (end.status == core::JobStatus::kFailed) {
    return failed_job(end.error_code == 0 ? 530 : end.error_code, end.error_text);
  }
  switch (end.kind) {
    case core::JobKind::kPower:
      return {0, to_json(power_result(services, job, end))};
    case core::JobKind::kDestroy: {
      std::string result = to_json(vm_result(services, job));
      bury_expunged(services, job.vm);
      return {0, std::move(result)};
    }
    case core::JobKind::kDeploy:
    case core::JobKind::kStart:
    case core::JobKind::kStop:
    case core::JobKind::kReboot:
    case core::JobKind::kFenceVm:
      return {0, to_json(vm_result(services, job))};
    case core::JobKind::kOther:
      return {0, to_json(success_body())};
  }
  MOLD_UNREACHABLE();
}

void end_job(Call& call, JobId job, const Value& result) {
  call.engine().finish_job(job, core::JobStatus::kSucceeded, done_job(result));
}

void end_job_failed(Call& call, JobId job, int code, const std::string& text) {
  call.engine().finish_job(job, core::JobStatus::kFailed, failed_job(code, text));
}

Object job_view(const Services& services, const JobRecord& job) {
  Object row;
  row.set("jobid", Value(job.uuid)).set("cmd", Value(job.command));
  row.set("jobstatus", Value(static_cast<int>(job.status)));
  row.set("jobprocstatus", Value(0)).set("jobresultcode", Value(job.result_code));
  if (job.status != core::JobStatus::kPending) {
    row.set("jobresulttype", Value("object"));
    row.set("jobresult", from_json(job.result_json));
  }
  row.set_text("jobinstancetype", job.instance_type);
  row.set_text("jobinstanceid", job.instance_uuid);
  row.set("created", Value(api_time(job.created)));
  if (job.completed) row.set("completed", Value(api_time(*job.completed)));
  if (const Account* account = services.inventory.accounts().find(job.account)) {
    row.set("accountid", Value(account->uuid)).set("account", Value(account->name));
  }
  if (const User* user = services.inventory.users().find(job.user)) {
    row.set("userid", Value(user->uuid));
  }
  return row;
}

}  // namespace mold::manager::api
