#pragma once
// One call of one command: who asks, with which parameters, and the promise to answer. Handlers get
// nothing else. Shared while an answer is outstanding; loop thread only.
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lib/runtime/async_reply.h"
#include "manager/api/auth.h"
#include "manager/api/command.h"
#include "manager/api/paging.h"
#include "manager/api/services.h"

namespace mold::manager::api {

// What a Change or Begin was about: goes into its event and its job.
struct Subject {
  std::string type;  // "Host", "VirtualMachine", ...
  std::string uuid;
  std::string description;
};

// What all calls share. Owned by server and calls together: an answer that comes late, after the
// server stopped, still finds its command.
struct CallHouse {
  Services services;
  CommandTable table;
};

class Call {
 public:
  Call(std::shared_ptr<CallHouse> house, const CommandSpec& spec, Params params, Caller caller,
       Page page, Format format, runtime::AsyncReplyPtr reply);

  [[nodiscard]] const Params& params() const { return params_; }
  [[nodiscard]] const Caller& caller() const { return caller_; }
  [[nodiscard]] const Page& page() const { return page_; }
  [[nodiscard]] const CommandSpec& spec() const { return spec_; }
  [[nodiscard]] const CommandTable& table() const { return house_->table; }
  [[nodiscard]] Services& services() { return house_->services; }
  [[nodiscard]] Engine& engine() { return house_->services.engine; }
  [[nodiscard]] Inventory& inventory() { return house_->services.inventory; }
  [[nodiscard]] WallTime now() const { return house_->services.loop.wall(); }

  void about(std::string type, std::string uuid, std::string description);
  [[nodiscard]] const Subject& subject() const { return subject_; }

  // Notes the event of this command (spec().event_type) with the subject; returns its uuid, empty
  // when the command has no event type.
  std::string note_event(std::string_view state);
  // The start event and the job of a Begin, in the open batch.
  ApiResult<JobRecord> open_job(core::JobKind kind, VmId vm, HostId host);

  void answer(const Value& body);
  void fail(const ApiError& error);
  [[nodiscard]] const runtime::AsyncReplyPtr& reply() const { return reply_; }

 private:
  std::shared_ptr<CallHouse> house_;
  const CommandSpec& spec_;  // of the house's table
  Params params_;
  Caller caller_;
  Page page_;
  Format format_;
  Subject subject_;
  runtime::AsyncReplyPtr reply_;
};

// Runs the handler of the call's command and answers in its kind's way (command.h).
void dispatch(const CallPtr& call);

// The end of a Later that is a Change all the same: its event is noted in the open batch, and the
// answer goes out when all of it is durable.
void finish_change(const CallPtr& call, ApiResult<Value> body);

// A page of the records that `matches` lets through, each made by `render`; the count is of all.
template <class Records, class Matches, class Render>
Value paged_list(const Call& call, const Records& records, Matches matches, Render render) {
  Array items;
  std::size_t total = 0;
  for (const auto& record : records) {
    if (!matches(record)) continue;
    if (call.page().holds(total)) items.emplace_back(render(record));
    ++total;
  }
  return list_body(call.spec().object, std::move(items), total);
}

// The keyword rule: a part of the name, any letter case; no keyword matches everything.
bool keyword_matches(const Params& params, std::string_view name);

}  // namespace mold::manager::api
