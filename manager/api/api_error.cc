#include "manager/api/api_error.h"

#include "lib/base/check.h"
#include "lib/base/text.h"

namespace mold::manager::api {
namespace {

struct Mapping {
  ErrorKind kind;
  int status;
  int cs_code;
};

// The one table. 431 parameter, 531 permission, 532 limit, 533 capacity, 534 unavailable, 536 in
// use, 530 everything that is our own fault or not known.
constexpr Mapping kTable[] = {
    {ErrorKind::kInvalid, 431, 4350},      // invalid parameter
    {ErrorKind::kNotFound, 431, 4350},     // unknown id: a parameter error for the peers
    {ErrorKind::kConflict, 536, 4375},     // resource in use, wrong state
    {ErrorKind::kDenied, 531, 4365},       // permission denied
    {ErrorKind::kUnsupported, 432, 4390},  // unsupported service
    {ErrorKind::kBusy, 532, 4300},         // limit, concurrent operation
    {ErrorKind::kTimeout, 534, 4560},      // operation timed out
    {ErrorKind::kUnavailable, 534, 4380},  // resource unavailable
    {ErrorKind::kCorrupt, 530, 4345},      // internal
    {ErrorKind::kCancelled, 530, 4275},    // given up
    {ErrorKind::kInternal, 530, 4250},     // runtime
    {ErrorKind::kUnknown, 530, 4275},      // effect not known
};

// What a stranger sent may be long; an error text is not.
std::string shortened(std::string_view text) {
  constexpr std::size_t kMost = 128;
  std::string out(text.substr(0, kMost));
  if (text.size() > kMost) out += "...";
  return out;
}

}  // namespace

ApiError from_error(const Error& error) {
  for (const Mapping& row : kTable) {
    if (row.kind == error.kind) return {row.status, row.cs_code, error.what, false};
  }
  MOLD_UNREACHABLE();
}

ApiError unauthorized() {
  return {401, 4290, "unable to verify user credentials and/or request signature", false};
}

ApiError command_unavailable(std::string_view command, std::string_view user_uuid) {
  return {401, 4290,
          "The given command:" + shortened(command) +
              " does not exist or it is not available for user with id:" + std::string(user_uuid),
          true};
}

ApiError unsupported_command(std::string_view text) {
  return {432, 9999, std::string(text), true};
}

ApiError malformed(std::string text) {
  return {430, 9999, std::move(text), false};
}

ApiError invalid_parameter(std::string text) {
  return {431, 4350, std::move(text), false};
}

ApiError missing_parameter(std::string_view command, std::string_view name) {
  return {431, 9999,
          "Unable to execute API command " + to_lower(command) + " due to missing parameter " +
              std::string(name),
          false};
}

ApiError bad_value(std::string_view command, std::string_view name, std::string_view value,
                   std::string_view why) {
  return {431, 9999,
          "Unable to execute API command " + to_lower(command) + " due to invalid value " +
              shortened(value) + " for parameter " + std::string(name) + ": " + std::string(why),
          false};
}

ApiError unknown_entity(std::string_view command, std::string_view name, std::string_view value) {
  return {431, 9999,
          "Unable to execute API command " + to_lower(command) +
              " due to invalid value. Invalid parameter " + std::string(name) + " value=" +
              shortened(value) + " due to incorrect uuid format, or entity does not exist",
          false};
}

}  // namespace mold::manager::api
