#include "hactl/lookup.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "lib/base/text.h"

namespace mold::hactl {
namespace {

constexpr int kPageSize = 500;
constexpr int kMostPages = 1000;

Params base_params(const Kind& kind) {
  Params params;
  if (kind.command == kHost.command) params["type"] = "Routing";
  if (kind.command == kVm.command) params["listall"] = "true";
  if (kind.command == kTemplate.command) params["templatefilter"] = "all";
  return params;
}

bool bears_name(const Json& thing, const std::string& name) {
  return text_of(thing, "name") == name || text_of(thing, "displayname") == name ||
         text_of(thing, "instancename") == name || iequals(text_of(thing, "id"), name);
}

}  // namespace

Result<std::vector<Json>> list_all(Client& client, const Kind& kind, Params params) {
  for (const auto& [name, value] : base_params(kind)) params.emplace(name, value);
  MOLD_TRY(const Json first, client.call(std::string(kind.command), params));
  std::vector<Json> all = array_of(first, kind.array);
  // The manager gives at most kPageSize at once; `count` is how many there are.
  const auto count = static_cast<std::size_t>(number_of(first, "count"));
  for (int page = 2; all.size() < count && page <= kMostPages; ++page) {
    params["page"] = std::to_string(page);
    params["pagesize"] = std::to_string(kPageSize);
    MOLD_TRY(const Json answer, client.call(std::string(kind.command), params));
    for (Json& thing : array_of(answer, kind.array)) all.push_back(std::move(thing));
  }
  return all;
}

Result<Json> find_one(Client& client, const Kind& kind, const std::string& name_or_id) {
  MOLD_TRY(const std::vector<Json> all, list_all(client, kind));
  std::vector<Json> found;
  for (const Json& thing : all) {
    if (bears_name(thing, name_or_id)) found.push_back(thing);
  }
  if (found.empty()) {
    return fail(ErrorKind::kNotFound, fmt::format("there is no {} '{}'", kind.what, name_or_id));
  }
  if (found.size() > 1) {
    return fail(ErrorKind::kInvalid, fmt::format("{} {}s are called '{}': name it by its id",
                                                 found.size(), kind.what, name_or_id));
  }
  return std::move(found.front());
}

Result<std::string> id_of(Client& client, const Kind& kind, const std::string& name_or_id) {
  MOLD_TRY(const Json thing, find_one(client, kind, name_or_id));
  return text_of(thing, "id");
}

Result<Json> find_or_only(Client& client, const Kind& kind, const std::string& wanted) {
  if (!wanted.empty()) return find_one(client, kind, wanted);
  MOLD_TRY(std::vector<Json> all, list_all(client, kind));
  if (all.size() == 1) return std::move(all.front());
  return fail(all.empty() ? ErrorKind::kNotFound : ErrorKind::kInvalid,
              all.empty() ? fmt::format("there is no {} yet", kind.what)
                          : fmt::format("there are {} {}s: say which", all.size(), kind.what));
}

Result<Json> call_and_wait(Context& context, const std::string& command, Params params,
                           std::string_view doing) {
  MOLD_TRY(Json answer, context.client.call(command, std::move(params)));
  const std::string job = text_of(answer, "jobid");
  if (job.empty() || context.flag("no-wait")) return answer;
  Client::JobWait wait;
  MOLD_TRY(wait.limit, context.options.duration("timeout", 0ms, 24 * 60min));
  wait.progress = [&](Duration so_far) {
    context.out.progress(fmt::format("{} ... {} s", doing, so_far.count() / 1000));
  };
  auto result = context.client.wait_job(job, wait);
  context.out.end_progress();
  return result;
}

void tell_done(const Context& context, const Json& result, std::string_view text) {
  if (context.out.json()) {
    context.out.value(result);
    return;
  }
  const std::string job = text_of(result, "jobid");
  if (context.flag("no-wait") && !job.empty()) {
    context.out.line("job " + job);
  } else {
    context.out.line(text);
  }
}

Status confirm(const Context& context, std::string_view question, std::string_view word,
               bool always) {
  if (context.flag("yes")) return {};
  if (!Output::on_terminal()) {
    if (!always) return {};
    return fail(ErrorKind::kInvalid, "without a terminal this needs --yes");
  }
  if (Output::ask(question, word)) return {};
  return fail(ErrorKind::kCancelled, "nothing was done");
}

}  // namespace mold::hactl
