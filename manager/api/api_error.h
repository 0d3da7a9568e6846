#pragma once
// Errors as a CloudStack client sees them. The ONE table from our ErrorKind to HTTP status and
// cserrorcode stands in api_error.cc; docs/API.md repeats it for people. Any thread; plain values.
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "lib/base/result.h"

namespace mold::manager::api {

struct ApiError {
  int status = 530;      // HTTP status and errorcode, always equal
  int cs_code = 4250;    // cserrorcode
  std::string text;      // errortext, one line for a person
  bool unnamed = false;  // answered under "errorresponse" (no such command)

  friend bool operator==(const ApiError&, const ApiError&) = default;
};

template <class T>
using ApiResult = tl::expected<T, ApiError>;

// How a failure of the house looks outside.
ApiError from_error(const Error& error);

// 401; the text is the same whatever was wrong, so that nobody can probe keys.
ApiError unauthorized();
// 401 for a known key and a command that is not there for this user.
ApiError command_unavailable(std::string_view command, std::string_view user_uuid);
// 432, under errorresponse.
ApiError unsupported_command(std::string_view text);
// 430: bytes that cannot be a value at all.
ApiError malformed(std::string text);
// 431: a value that is missing, out of range, or names nothing.
ApiError invalid_parameter(std::string text);
ApiError missing_parameter(std::string_view command, std::string_view name);
ApiError bad_value(std::string_view command, std::string_view name, std::string_view value,
                   std::string_view why);
// 431 in the words of the peers for an id that names nothing.
ApiError unknown_entity(std::string_view command, std::string_view name, std::string_view value);

inline tl::unexpected<ApiError> refuse(ApiError error) {
  return tl::unexpected<ApiError>(std::move(error));
}

}  // namespace mold::manager::api

// MOLD_API_TRY(auto host, find_host(...)): declares host, or answers the error to the caller.
#define MOLD_API_TRY(declaration, expression) \
  MOLD_API_TRY_INNER(MOLD_CONCAT(mold_api_try_, __LINE__), declaration, expression)
#define MOLD_API_TRY_INNER(temp, declaration, expression)                  \
  auto temp = (expression);                                                \
  if (!temp) return ::mold::manager::api::refuse(std::move(temp).error()); \
  declaration = std::move(*temp)
