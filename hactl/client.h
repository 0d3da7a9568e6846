#pragma once
// The manager's API as a function call: signs, sends, waits, takes the envelope off and turns the
// manager's error codes into an Error. The loop on which libcurl runs only turns while a
// call or a pause is under way, so to its user everything here blocks. One thread.
//
// Errors: kUnavailable (no answer, nothing sent), kUnknown (sent, effect not known), kDenied,
// kInvalid (a parameter), kNotFound (no such id), kUnsupported (no such command), kBusy (no
// capacity, limits), kConflict (a job ended in failure), kTimeout (a job did not end in time),
// kCorrupt (not an answer of a manager), kInternal (the manager's own words).
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "hactl/json.h"
#include "hactl/settings.h"
#include "lib/base/result.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/http_client.h"
#include "lib/runtime/signed_query.h"

namespace mold::hactl {

using Params = runtime::QueryParams;

class Client {
 public:
  // The loop outlives the client.
  Client(runtime::EventLoop& loop, Settings settings);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // One API command; returns what stands inside "<command>response". Commands that only read go as
  // GET and are tried once more when the connection broke; all others as POST, once.
  Result<Json> call(const std::string& command, Params params = {});

  struct JobWait {
    Duration limit{15 * 60'000};
    // Called about once a second while the job runs.
    std::function<void(Duration so_far)> progress;
  };
  // Polls until the job ended: its `jobresult`, or kConflict with the manager's reason. Survives a
  // restart of the manager of up to a minute.
  Result<Json> wait_job(const std::string& job_id, const JobWait& wait);

  void pause(Duration how_long);
  [[nodiscard]] runtime::EventLoop& loop() { return loop_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }

 private:
  Result<runtime::HttpResponse> exchange(bool read_only, const std::string& query);
  runtime::HttpRequest request(bool read_only, const std::string& query) const;

  runtime::EventLoop& loop_;
  Settings settings_;
  runtime::HttpClient http_;
};

bool is_read_only(std::string_view command);
// The inside of the envelope, or the error that the answer tells of. Pure.
Result<Json> open_envelope(int http_status, const std::string& body);

}  // namespace mold::hactl
