#pragma once
// What a client sent, query and form body merged, before anybody is asked who it is. Values are
// decoded; names are kept twice: as sent (the signature covers those) and in lower case (handlers
// look them up). A parameter given twice: the last one wins, and its name is kept for the log.
// Loop thread; a value.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/runtime/http_server.h"
#include "manager/api/api_error.h"
#include "manager/api/envelope.h"

namespace mold::manager::api {

struct ApiRequest {
  std::map<std::string, std::string> sent;    // by name as sent
  std::map<std::string, std::string> params;  // by name in lower case
  std::vector<std::string> repeated;          // names given more than once, with different values
  Format format = Format::kXml;
  std::string command;  // as sent; empty when absent
  bool post = false;
  std::string peer_address;

  // One line for the log, with a few of the names, clipped; empty when none was repeated.
  [[nodiscard]] std::string warning() const;
  // Name in lower case; empty when absent.
  [[nodiscard]] std::string_view get(std::string_view name) const;
};

// More parameters than this in one request are refused.
inline constexpr std::size_t kMaxParameters = 1024;

// Format and command are filled as far as they can be read even when an error is returned by
// check_request(), so that the error goes out in the form that the client asked for.
ApiRequest read_request(const runtime::ServerRequest& request);
// 430 for control characters, bytes that are no UTF-8, or names that cannot be names; 431 for too
// many parameters; 415 for a body that is no form.
ApiResult<void> check_request(const runtime::ServerRequest& raw, const ApiRequest& request);

}  // namespace mold::manager::api
