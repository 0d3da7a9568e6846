#pragma once
// One call of the manager's API: signed, sent, its envelope taken off, its error codes turned into
// kinds. One thread; blocks through the loop. Secrets and signatures stay out of every text.
//
// Errors: kUnavailable (nobody there, or no manager that serves), kUnknown (sent, no usable
// answer), kDenied (keys or rights), kInternal (it said no, in its own words), kTimeout (deadline
// before anything was sent), kCancelled (interrupted).
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "fencing/fence_mold/secrets.h"
#include "lib/base/result.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/http_client.h"
#include "lib/runtime/signed_query.h"

namespace mold::fence_mold {

struct ManagerAccess {
  Credentials credentials;
  std::string ca_file;
  bool insecure = false;
};

class ManagerApi {
 public:
  ManagerApi(runtime::EventLoop& loop, ManagerAccess access);

  // What stands inside "<command>response".
  Result<nlohmann::json> call(const std::string& url, const std::string& command,
                              runtime::QueryParams params, Instant deadline);

 private:
  runtime::EventLoop& loop_;
  ManagerAccess access_;
  runtime::HttpClient http_;
};

// Fields of an answer that is not trusted: absent or of another type is "" or 0.
std::string text_of(const nlohmann::json& object, std::string_view key);
std::int64_t number_of(const nlohmann::json& object, std::string_view key);

}  // namespace mold::fence_mold
