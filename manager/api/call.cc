#include "manager/api/call.h"

#include <utility>

#include "lib/base/text.h"

namespace mold::manager::api {
namespace {

// Says "done" only when it is.
void answer_when_durable(const CallPtr& call, Value body) {
  call->engine().when_durable([call, body = std::move(body)](const Status& status) {
    if (status) {
      call->answer(body);
    } else {
      call->fail(from_error(status.error()));
    }
  });
}

struct Runner {
  const CallPtr& call;

  void operator()(Read run) const {
    const ApiResult<Value> body = run(*call);
    if (body) {
      call->answer(*body);
    } else {
      call->fail(body.error());
    }
  }
  void operator()(Change change) const {
    if (const Status open = call->engine().admits(); !open) {
      return call->fail(from_error(open.error()));
    }
    finish_change(call, change.run(*call));
  }
  void operator()(Begin run) const {
    if (const Status open = call->engine().admits(); !open) {
      return call->fail(from_error(open.error()));
    }
    const ApiResult<BegunJob> job = run(*call);
    if (!job) return call->fail(job.error());
    answer_when_durable(call, async_body(job->job_uuid, job->entity_uuid));
  }
  void operator()(Later run) const { run(call); }
};

}  // namespace

Call::Call(std::shared_ptr<CallHouse> house, const CommandSpec& spec, Params params, Caller caller,
           Page page, Format format, runtime::AsyncReplyPtr reply)
    : house_(std::move(house)),
      spec_(spec),
      params_(std::move(params)),
      caller_(std::move(caller)),
      page_(page),
      format_(format),
      reply_(std::move(reply)) {}

void Call::about(std::string type, std::string uuid, std::string description) {
  subject_ = {std::move(type), std::move(uuid), std::move(description)};
}

std::string Call::note_event(std::string_view state) {
  if (spec_.event_type.empty()) return {};
  NewEvent event;
  event.type = std::string(spec_.event_type);
  event.description = subject_.description;
  event.state = std::string(state);
  event.account = caller_.account;
  event.user = caller_.user;
  event.resource_type = subject_.type;
  event.resource_uuid = subject_.uuid;
  return house_->services.engine.note_event(std::move(event));
}

ApiResult<JobRecord> Call::open_job(core::JobKind kind, VmId vm, HostId host) {
  NewJob job;
  job.command = std::string(spec_.name);
  job.kind = kind;
  job.vm = vm;
  job.host = host;
  job.account = caller_.account;
  job.user = caller_.user;
  job.instance_type = subject_.type;
  job.instance_uuid = subject_.uuid;
  job.start_event_uuid = note_event("Scheduled");
  Result<JobRecord> opened = house_->services.engine.open_job(std::move(job));
  if (!opened) return refuse(from_error(opened.error()));
  return std::move(*opened);
}

void Call::answer(const Value& body) {
  reply_->answer(success_reply(format_, spec_.name, body));
}

void Call::fail(const ApiError& error) {
  reply_->answer(error_reply(format_, spec_.name, error));
}

void finish_change(const CallPtr& call, ApiResult<Value> body) {
  if (!body) return call->fail(body.error());
  call->note_event("Completed");
  answer_when_durable(call, std::move(*body));
}

void dispatch(const CallPtr& call) {
  std::visit(Runner{call}, call->spec().handler);
}

bool keyword_matches(const Params& params, std::string_view name) {
  const std::string keyword = params.text("keyword");
  return keyword.empty() || to_lower(name).find(to_lower(keyword)) != std::string::npos;
}

}  // namespace mold::manager::api
