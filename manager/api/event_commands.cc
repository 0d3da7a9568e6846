// Events: looking back, and following.
#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "manager/api/lookup.h"
#include "manager/api/waiting.h"

namespace mold::manager::api {
namespace {

Object event_view(const Services& services, const EventRecord& event) {
  Object row;
  row.set("id", Value(event.uuid)).set("sequence", Value(event.id));
  row.set("type", Value(event.type)).set("level", Value(to_string(event.level)));
  row.set("description", Value(event.description)).set("state", Value(event.state));
  row.set("created", Value(api_time(event.created)));
  const User* user = services.inventory.users().find(event.user);
  row.set("username", Value(user == nullptr ? std::string("system") : user->name));
  if (const Account* account = services.inventory.accounts().find(event.account)) {
    row.set("account", Value(account->name)).set("domain", Value(account->domain));
    row.set_text("domainid", account->domain_uuid);
  }
  row.set_text("resourceid", event.resource_uuid).set_text("resourcetype", event.resource_type);
  row.set_text("parentid", event.parent_uuid);
  row.set("archived", Value(false));
  return row;
}

ApiResult<EventFilter> read_filter(const Call& call) {
  const Params& params = call.params();
  EventFilter filter;
  filter.type = params.text("type");
  filter.keyword = params.text("keyword");
  filter.uuid = params.text("id");
  filter.resource_uuid = params.text("resourceid");
  filter.from = params.date("startdate");
  filter.to = params.date("enddate");
  if (const std::string level = params.text("level"); !level.empty()) {
    filter.level = parse_event_level(level);
    if (!filter.level) return refuse(params.wrong("level", "INFO, WARN or ERROR"));
  }
  if (const auto after = params.integer("afterid")) {
    if (*after < 0) return refuse(params.wrong("afterid", "it must not be negative"));
    filter.after_id = static_cast<std::uint64_t>(*after);
    filter.oldest_first = true;
  }
  filter.offset = call.page().offset;
  constexpr std::uint64_t kMostEvents = 10'000;
  filter.limit = std::min<std::uint64_t>(call.page().limit, kMostEvents);
  return filter;
}

void answer_page(const CallPtr& call, const EventPage& page) {
  Array rows;
  for (const EventRecord& event : page.events) {
    rows.emplace_back(event_view(call->services(), event));
  }
  call->answer(list_body("event", std::move(rows), page.total));
}

// Holds the answer until an event comes that the filter lets through, or the time is over. The
// store is asked again rather than the filter repeated here.
class Follower : public std::enable_shared_from_this<Follower> {
 public:
  Follower(const CallPtr& call, EventFilter filter) : call_(call), filter_(std::move(filter)) {}
  ~Follower() { call_->engine().chronicle().unsubscribe(token_); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  void start(Duration wait) {
    std::weak_ptr<Follower> self = weak_from_this();
    token_ = call_->engine().chronicle().subscribe([self](const EventRecord&) {
      if (const auto follower = self.lock()) follower->fresh_ = true;
    });
    constexpr Duration kLook{50};
    const auto keep = shared_from_this();  // lives in the timer of the poll
    poll_until(
        call_, kLook, wait, [keep](const CallPtr&) { return keep->look(); },
        [keep](const CallPtr& call) { keep->give_up(call); });
  }

 private:
  bool look() {
    if (fresh_ && !asking_) {
      fresh_ = false;
      asking_ = true;
      const std::weak_ptr<Follower> weak = weak_from_this();
      call_->engine().chronicle().query_events(filter_, [weak](const Result<EventPage>& page) {
        if (const auto self = weak.lock()) self->take(page);
      });
    }
    return done_;
  }
  void take(const Result<EventPage>& page) {
    asking_ = false;
    if (done_) return;
    if (!page) {
      done_ = true;
      call_->fail(from_error(page.error()));
    } else if (page->total != 0) {
      done_ = true;
      answer_page(call_, *page);
    }
  }
  void give_up(const CallPtr& call) {
    if (!done_) call->answer(list_body("event", {}, 0));
    done_ = true;
  }

  CallPtr call_;
  EventFilter filter_;
  std::uint64_t token_ = 0;
  bool fresh_ = true;  // the first look asks the store: something may have come before
  bool asking_ = false;
  bool done_ = false;
};

void list_events(const CallPtr& call) {
  const auto filter = read_filter(*call);
  if (!filter) return call->fail(filter.error());
  const auto wait = read_wait(call->params());
  if (!wait) return call->fail(wait.error());
  if (wait->count() > 0) {
    if (!call->params().has("afterid")) {
      return call->fail(call->params().wrong("wait", "it goes with afterid"));
    }
    return std::make_shared<Follower>(call, *filter)->start(*wait);
  }
  call->engine().chronicle().query_events(*filter, [call](const Result<EventPage>& page) {
    if (!page) return call->fail(from_error(page.error()));
    answer_page(call, *page);
  });
}

ApiResult<Value> list_event_types(Call& call) {
  std::set<std::string_view> types = {
      "HA.STATE.TRANSITION",        "VM.STATE.TRANSITION",
      "HOST.OOBM.POLL.FAILED",      "HOST.OOBM.POWER_STATE_TRANSITION",
      "HOST.OOBM.POLL.RECOVERED",   "HOST.FENCE.DRILL.FAILED",
      "HOST.FENCE.DRILL.RECOVERED", "ALERT.OOBM.AUTHERROR",
      "CEPH.USER.REMOVAL.FAILED",   "CEPH.USER.REMOVED",
  };
  for (const auto& [name, spec] : call.table().all()) {
    if (!spec.event_type.empty()) types.insert(spec.event_type);
  }
  Array rows;
  for (const std::string_view type : types) {
    Object row;
    row.set("name", Value(type));
    rows.emplace_back(std::move(row));
  }
  const std::size_t total = rows.size();
  return list_body("eventtype", std::move(rows), total);
}

}  // namespace

void add_event_commands(CommandTable& table) {
  table.add({"listEvents",
             "Lists events, newest first; with afterid oldest first",
             "event",
             "id:string sequence:long type:string level:string description:string state:string "
             "created:date username:string account:string domain:string domainid:string "
             "resourceid:string resourcetype:string parentid:string archived:boolean",
             {{"id", ParamType::kUuid, kOptional, "the ID of the event"},
              {"type", ParamType::kText, kOptional, "the type of the event"},
              {"level", ParamType::kText, kOptional, "INFO, WARN or ERROR"},
              {"resourceid", ParamType::kUuid, kOptional, "only events of this resource"},
              {"resourcetype", ParamType::kText, kOptional, "accepted; the ID says it"},
              {"startdate", ParamType::kDate, kOptional, "from this time on"},
              {"enddate", ParamType::kEndDate, kOptional, "up to this time"},
              {"afterid", ParamType::kInteger, kOptional, "only later ones than this sequence"},
              {"listall", ParamType::kBool, kOptional, "accepted: root admin sees all"},
              kWaitParam},
             list_events,
             {},
             true});
  table.add(
      {"listEventTypes", "Lists event types", "eventtype", "name:string", {}, list_event_types});
}

}  // namespace mold::manager::api
