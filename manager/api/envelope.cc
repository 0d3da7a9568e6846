#include "manager/api/envelope.h"

#include <ctime>

#include "lib/base/text.h"
#include "manager/api/utf8.h"

namespace mold::manager::api {
namespace {

// Names that do not follow the rule; clients know them as they are.
struct OddName {
  std::string_view command;
  std::string_view envelope;
};
constexpr OddName kOddNames[] = {
    {"enablestoragemaintenance", "prepareprimarystorageformaintenanceresponse"},
    {"cancelstoragemaintenance", "cancelprimarystoragemaintenanceresponse"},
    {"listldapconfigurations", "ldapconfigurationresponse"},
};

std::string render(Format format, std::string_view name, const Value& body) {
  if (format == Format::kJson) {
    Object whole;
    whole.set(name, body);
    return to_json(Value(std::move(whole)));
  }
  const std::string version = " cloud-stack-version=\"" + std::string(kCompatibleVersion) + "\"";
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>" + to_xml(name, body, version);
}

std::string content_type(Format format) {
  return format == Format::kJson ? "application/json; charset=UTF-8" : "text/xml; charset=UTF-8";
}

// A header is one line of printable ASCII, whatever a client put into the text.
std::string header_text(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 512)) out += (c >= 0x20 && c < 0x7F) ? c : '?';
  return out;
}

std::tm utc(WallTime at) {
  std::time_t seconds = static_cast<std::time_t>(at.ms / 1000);
  if (at.ms < 0 && at.ms % 1000 != 0) --seconds;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return parts;
}

std::string formatted(const char* form, WallTime at) {
  const std::tm parts = utc(at);
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, form, &parts);
  return std::string(text, length);
}

}  // namespace

Format parse_format(std::string_view response) {
  return iequals(response, "json") ? Format::kJson : Format::kXml;
}

Value single_body(std::string_view object, Value content) {
  Object body;
  body.set(object, std::move(content));
  return Value(std::move(body));
}

Value list_body(std::string_view object, Array items, std::size_t total) {
  Object body;
  if (total == 0) return Value(std::move(body));
  body.set("count", Value(std::uint64_t{total}));
  if (!items.empty()) body.set(object, Value(std::move(items)));
  return Value(std::move(body));
}

Value async_body(std::string_view job_uuid, std::string_view entity_uuid) {
  Object body;
  body.set_text("id", entity_uuid);
  body.set("jobid", Value(job_uuid));
  return Value(std::move(body));
}

Value success_body(std::string_view text) {
  Object body;
  body.set("success", Value(true));
  body.set_text("displaytext", text);
  return Value(std::move(body));
}

Value error_body(const ApiError& error) {
  Object body;
  body.set("uuidList", Value(Array{}));
  body.set("errorcode", Value(error.status));
  body.set("cserrorcode", Value(error.cs_code));
  body.set("errortext", Value(error.text));
  return Value(std::move(body));
}

std::string envelope_name(std::string_view command) {
  const std::string lower = to_lower(command);
  for (const OddName& odd : kOddNames) {
    if (odd.command == lower) return std::string(odd.envelope);
  }
  return lower + "response";
}

runtime::HttpReply success_reply(Format format, std::string_view command, const Value& body) {
  runtime::HttpReply reply;
  reply.status = 200;
  reply.content_type = content_type(format);
  reply.body = render(format, envelope_name(command), body);
  return reply;
}

runtime::HttpReply error_reply(Format format, std::string_view command, const ApiError& error) {
  const bool unnamed = error.unnamed || command.empty() || error.status == 432;
  runtime::HttpReply reply;
  reply.status = error.status;
  reply.content_type = content_type(format);
  reply.body =
      render(format, unnamed ? "errorresponse" : envelope_name(command), error_body(error));
  reply.headers.emplace_back("X-Description", header_text(error.text));
  return reply;
}

std::string api_time(WallTime at) {
  return formatted("%Y-%m-%dT%H:%M:%S+0000", at);
}

std::string api_time_ms(WallTime at) {
  std::int64_t rest = at.ms % 1000;
  if (rest < 0) rest += 1000;
  std::string digits = std::to_string(rest);
  digits.insert(0, 3 - digits.size(), '0');
  return formatted("%Y-%m-%dT%H:%M:%S.", at) + digits + "+0000";
}

}  // namespace mold::manager::api
