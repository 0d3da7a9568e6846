// Jobs: asking how one stands, listing them.
#include <algorithm>
#include <memory>
#include <utility>

#include "manager/api/jobs.h"
#include "manager/api/lookup.h"
#include "manager/api/waiting.h"

namespace mold::manager::api {
namespace {

constexpr Duration kLook{50};  // how often a waiting caller's job is looked at

const JobRecord* job_of(Call& call) {
  return call.engine().jobs().find_uuid(call.params().text("jobid"));
}

// Answers when the job ended, or when the time is over: as it stands then.
bool answer_if_ended(const CallPtr& call) {
  const JobRecord* job = job_of(*call);
  if (job == nullptr) {
    call->fail(call->params().unknown("jobid"));
    return true;
  }
  if (job->status == core::JobStatus::kPending) return false;
  call->answer(Value(job_view(call->services(), *job)));
  return true;
}

void query_job(const CallPtr& call) {
  const auto wait = read_wait(call->params());
  if (!wait) return call->fail(wait.error());
  if (answer_if_ended(call)) return;
  const auto now_stands = [](const CallPtr& late) {
    const JobRecord* job = job_of(*late);
    if (job == nullptr) return late->fail(late->params().unknown("jobid"));
    late->answer(Value(job_view(late->services(), *job)));
  };
  if (wait->count() == 0) return now_stands(call);
  poll_until(call, kLook, *wait, answer_if_ended, now_stands);
}

ApiResult<Value> list_jobs(Call& call) {
  const Params& params = call.params();
  const auto from = params.date("startdate");
  const auto status = params.integer("jobstatus");
  std::vector<const JobRecord*> jobs;
  for (const auto& [id, job] : call.engine().jobs().all()) jobs.push_back(&job);
  std::reverse(jobs.begin(), jobs.end());
  return paged_list(
      call, jobs,
      [&](const JobRecord* job) {
        if (from && job->created < *from) return false;
        if (status && static_cast<std::int64_t>(job->status) != *status) return false;
        return keyword_matches(params, job->command);
      },
      [&call](const JobRecord* job) { return job_view(call.services(), *job); });
}

constexpr std::string_view kJobFields =
    "jobid:string cmd:string jobstatus:integer jobprocstatus:integer jobresultcode:integer "
    "jobresulttype:string jobresult:map jobinstancetype:string jobinstanceid:string created:date "
    "completed:date accountid:string account:string userid:string";

}  // namespace

void add_job_commands(CommandTable& table) {
  table.add({"queryAsyncJobResult",
             "How an asynchronous job stands",
             "asyncjobs",
             kJobFields,
             {{"jobid", ParamType::kUuid, kRequired, "the ID of the job"}, kWaitParam},
             query_job});
  table.add({"listAsyncJobs",
             "Lists asynchronous jobs, newest first",
             "asyncjobs",
             kJobFields,
             {{"startdate", ParamType::kDate, kOptional, "only jobs from this time on"},
              {"jobstatus", ParamType::kInteger, kOptional, "0 running, 1 done, 2 failed"},
              {"listall", ParamType::kBool, kOptional, "accepted: root admin sees all"}},
             list_jobs,
             {},
             true});
}

}  // namespace mold::manager::api
