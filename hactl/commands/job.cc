// hactl job: asynchronous work at the manager.
#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "hactl/command.h"
#include "hactl/lookup.h"

namespace mold::hactl {
namespace {

Cell status_cell(const Json& job) {
  constexpr std::array<std::string_view, 3> kWords = {"running", "done", "failed"};
  constexpr std::array<Tone, 3> kTones = {Tone::kWarn, Tone::kGood, Tone::kBad};
  const auto status = static_cast<std::size_t>(number_of(job, "jobstatus"));
  if (status >= kWords.size()) return {"?", Tone::kBad};
  return {std::string(kWords[status]), kTones[status]};
}

Status list(Context& context) {
  Params params;
  if (!context.flag("all")) params["jobstatus"] = "0";
  MOLD_TRY(const Json answer, context.client.call("listAsyncJobs", params));
  const std::vector<Json> jobs = array_of(answer, "asyncjobs");
  if (context.out.json()) {
    context.out.value(Json(jobs));
    return {};
  }
  std::vector<std::vector<Cell>> rows;
  for (const Json& job : jobs) {
    rows.push_back({{text_of(job, "jobid"), Tone::kPlain},
                    status_cell(job),
                    {text_of(job, "cmd"), Tone::kPlain},
                    {local_time(text_of(job, "created")), Tone::kPlain},
                    {text_of(object_of(job, "jobresult"), "errortext"), Tone::kPlain}});
  }
  context.out.table({"JOB", "STATUS", "COMMAND", "CREATED", "ERROR"}, rows);
  return {};
}

Status show(Context& context) {
  MOLD_TRY(const Json job,
           context.client.call("queryAsyncJobResult", {{"jobid", context.args[0]}}));
  if (context.out.json()) {
    context.out.value(job);
    return {};
  }
  const Json& result = object_of(job, "jobresult");
  context.out.facts(
      {{"job", {text_of(job, "jobid")}},
       {"status", status_cell(job)},
       {"command", {text_of(job, "cmd")}},
       {"about", {text_of(job, "jobinstancetype") + " " + text_of(job, "jobinstanceid")}},
       {"created", {local_time(text_of(job, "created"))}},
       {"completed", {local_time(text_of(job, "completed"))}},
       {"error", {text_of(result, "errortext")}}});
  return {};
}

Status wait(Context& context) {
  Client::JobWait wait;
  MOLD_TRY(wait.limit, context.options.duration("timeout", 0ms, 24 * 60min));
  wait.progress = [&](Duration so_far) {
    context.out.progress(fmt::format("waiting ... {} s", so_far.count() / 1000));
  };
  auto result = context.client.wait_job(context.args[0], wait);
  context.out.end_progress();
  if (!result) return fail(std::move(result).error());
  tell_done(context, *result, "done");
  return {};
}

}  // namespace

std::vector<Command> job_commands() {
  return {
      {.name = "job list",
       .usage = "[--all]",
       .summary = "jobs that run; --all: also ended ones",
       .run = list,
       .options = {{.name = "all",
                    .default_value = "false",
                    .help = "also those that ended",
                    .is_flag = true}}},
      {.name = "job show",
       .usage = "JOB",
       .summary = "one job",
       .least = 1,
       .most = 1,
       .run = show},
      {.name = "job wait",
       .usage = "JOB",
       .summary = "until it ended; exit code 6 when it failed",
       .least = 1,
       .most = 1,
       .run = wait},
  };
}

}  // namespace mold::hactl
