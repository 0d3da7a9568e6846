// hactl events: what happened, and what happens now.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hactl/command.h"
#include "hactl/lookup.h"

namespace mold::hactl {
namespace {

constexpr int kLongPollSeconds = 30;

void print_event(const Context& context, const Json& event) {
  if (context.out.json()) {
    fmt::print("{}\n", event.dump(-1, ' ', false, Json::error_handler_t::replace));
    return;
  }
  context.out.line(
      fmt::format("{}  {:5}  {:24}  {}", local_time(text_of(event, "created")),
                  text_of(event, "level"), text_of(event, "type"), text_of(event, "description")),
      text_of(event, "level") == "INFO" ? Tone::kPlain : tone_of(text_of(event, "level")));
}

std::int64_t print_all(const Context& context, const std::vector<Json>& events, std::int64_t seen) {
  for (const Json& event : events) {
    print_event(context, event);
    seen = std::max(seen, number_of(event, "sequence"));
  }
  std::fflush(stdout);
  return seen;
}

Status follow(Context& context, Params filter, std::int64_t seen) {
  filter["wait"] = std::to_string(kLongPollSeconds);
  bool told_away = false;
  while (true) {
    filter["afterid"] = std::to_string(seen);
    auto answer = context.client.call("listEvents", filter);
    if (!answer) {
      const ErrorKind kind = answer.error().kind;
      if (kind != ErrorKind::kUnavailable && kind != ErrorKind::kUnknown) {
        return fail(std::move(answer).error());
      }
      if (!told_away) Output::warn(fmt::format("{}; trying again", answer.error().what));
      told_away = true;
      context.client.pause(2s);
      continue;
    }
    told_away = false;
    seen = print_all(context, array_of(*answer, "event"), seen);
  }
}

Status events(Context& context) {
  MOLD_TRY(const std::int64_t last, context.options.integer("last", 0, 500));
  Params filter;
  if (!context.option("type").empty()) filter["type"] = context.option("type");
  if (!context.option("level").empty()) filter["level"] = context.option("level");
  Params first = filter;
  first.emplace("page", "1");
  first["pagesize"] = std::to_string(std::max<std::int64_t>(last, 1));
  MOLD_TRY(const Json answer, context.client.call("listEvents", first));
  std::vector<Json> rows = array_of(answer, "event");
  std::reverse(rows.begin(), rows.end());  // the newest last, as in a log
  const std::int64_t newest = rows.empty() ? 0 : number_of(rows.back(), "sequence");
  if (last == 0) rows.clear();
  if (context.flag("follow")) {
    print_all(context, rows, 0);
    return follow(context, filter, newest);
  }
  if (context.out.json()) {
    context.out.value(Json(rows));
  } else {
    print_all(context, rows, 0);
  }
  return {};
}

}  // namespace

std::vector<Command> event_commands() {
  return {{.name = "events",
           .usage = "[--follow] [--last N] [--type T] [--level L]",
           .summary = "what happened, newest last; --follow goes on (with -o json: one per line)",
           .run = events,
           .options = {{.name = "follow",
                        .default_value = "false",
                        .help = "wait for more",
                        .is_flag = true,
                        .short_name = 'f'},
                       {.name = "last", .default_value = "30", .help = "how many of the past"},
                       {.name = "type", .default_value = "", .help = "e.g. HA.STATE.TRANSITION"},
                       {.name = "level", .default_value = "", .help = "INFO, WARN or ERROR"}}}};
}

}  // namespace mold::hactl
