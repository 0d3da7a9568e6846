#pragma once
// Jobs as clients see them, and how they end. The engine asks render_job() for the final
// `jobresult` when a brain turn ended a job; end_job() and end_job_failed() are for commands that
// did all their work at once. Loop thread only.
#include <string>

#include "manager/api/call.h"

namespace mold::manager::api {

// To be given to Engine::set_job_renderer, bound to the services. Expunged VMs get their tombstone
// here, in the same transaction as the end of their job.
RenderedJob render_job(Services& services, const JobRecord& job, const core::Job& end);

// The ends of jobs that something else than a brain turn ends, for Engine::finish_job.
RenderedJob done_job(const Value& result);
RenderedJob failed_job(int code, const std::string& text);

// `result` is the body that the client finds in jobresult.
void end_job(Call& call, JobId job, const Value& result);
void end_job_failed(Call& call, JobId job, int code, const std::string& text);

// The flat answer of queryAsyncJobResult, and a row of listAsyncJobs.
Object job_view(const Services& services, const JobRecord& job);

}  // namespace mold::manager::api
