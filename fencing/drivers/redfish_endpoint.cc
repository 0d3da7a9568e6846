// From a target's fields to an endpoint; the whole of the driver's check().
#include <algorithm>

#include "fencing/drivers/redfish_link.h"

namespace mold::fencing {
namespace {

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

Status set_redfish_option(RedfishEndpoint& endpoint, const std::string& name,
                          const std::string& value) {
  const auto invalid = [&](const char* why) {
    return fail(ErrorKind::kInvalid, name + ": " + why);
  };
  if (name == "system") {
    if (value.empty() || value.size() > 512 || !is_printable_ascii(value)) {
      return invalid("must be an Id, a UUID or a path");
    }
    endpoint.system = value;
  } else if (name == "base") {
    if (!value.starts_with('/') || value.size() > 512 || !is_printable_ascii(value)) {
      return invalid("must be a path that begins with /");
    }
    endpoint.base = value.back() == '/' ? value : value + "/";
  } else if (name == "tls.verify") {
    if (value != "true" && value != "false") return invalid("must be true or false");
    endpoint.tls.verify_peer = endpoint.tls.verify_host = value == "true";
  } else if (name == "tls.ca") {
    if (!value.starts_with('/') || has_control_character(value)) {
      return invalid("must be the whole path of a file");
    }
    endpoint.tls.ca_file = value;
  } else if (name == "tls.pin") {
    if (!value.starts_with("sha256//") || value.size() != 52 || !is_printable_ascii(value)) {
      return invalid("must be sha256//BASE64 of the public key");
    }
    endpoint.tls.pinned_public_key = value;
  } else {
    return fail(ErrorKind::kInvalid, "option " + name +
                                         ": unknown; there are system, base, tls.verify, tls.ca, "
                                         "tls.pin");
  }
  return {};
}

}  // namespace

Result<RedfishEndpoint> make_redfish_endpoint(const port::PowerTarget& target,
                                              const RedfishSettings& settings) {
  RedfishEndpoint endpoint;
  MOLD_TRY(endpoint.origin, make_redfish_origin(settings.use_https, target.address, target.port));
  // A colon would end the name early in basic authentication.
  if (target.username.find(':') != std::string::npos || has_control_character(target.username)) {
    return fail(ErrorKind::kInvalid, "username: must not hold colons or control characters");
  }
  endpoint.auth = {target.username, target.password};
  // A pin says all that a CA and a name could say, unless both are wanted by name.
  const bool verify = !settings.ignore_ssl && !target.options.contains("tls.pin");
  endpoint.tls.verify_peer = endpoint.tls.verify_host = verify;
  for (const auto& [name, value] : target.options) {
    MOLD_TRY_VOID(set_redfish_option(endpoint, name, value));
  }
  return endpoint;
}

}  // namespace mold::fencing
