#pragma once
// Answers in the shapes that CloudStack clients know, JSON and XML from the same tree:
//   one object   {"<command>response":{"<object>":{...}}}
//   a list       {"<command>response":{"count":N,"<object>":[...]}}, empty:
//   {"<command>response":{}} async        {"<command>response":{"jobid":"...","id":"..."}} an error
//   {"<command>response":{"uuidList":[],"errorcode":431,"cserrorcode":...,"errortext"}}
// The command's name is in lower case; an error about the command itself is under "errorresponse".
// Loop thread; no state.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/time.h"
#include "lib/runtime/async_reply.h"
#include "manager/api/api_error.h"
#include "manager/api/value.h"

namespace mold::manager::api {

enum class Format : std::uint8_t { kXml, kJson };

// The version of the API whose shapes we keep, as clients expect it (XML attribute, capabilities).
inline constexpr std::string_view kCompatibleVersion = "4.20.0.0";

// response=json in any letter case is JSON, everything else XML: the peers' rule.
Format parse_format(std::string_view response);

// ---- bodies ----
Value single_body(std::string_view object, Value content);
// `total` counts all matches, `items` are this page's.
Value list_body(std::string_view object, Array items, std::size_t total);
Value async_body(std::string_view job_uuid, std::string_view entity_uuid);
Value success_body(std::string_view text = {});
Value error_body(const ApiError& error);

// ---- whole answers ----
// "listHosts" -> "listhostsresponse", with the few odd names of the peers.
std::string envelope_name(std::string_view command);
runtime::HttpReply success_reply(Format format, std::string_view command, const Value& body);
// `command` may be empty or unknown: then the envelope is "errorresponse".
runtime::HttpReply error_reply(Format format, std::string_view command, const ApiError& error);

// 2024-05-22T09:00:00+0000, the peers' form, always UTC.
std::string api_time(WallTime at);
// 2024-05-22T09:00:00.123+0000, for the evidence ledger.
std::string api_time_ms(WallTime at);

}  // namespace mold::manager::api
