#pragma once
// The text of a signed request to the manager's API: how parameters are encoded, ordered and signed
// (CloudStack's way, with HMAC-SHA256), for every client of ours. Pure; no I/O.
#include <map>
#include <string>
#include <string_view>

#include "lib/base/secret.h"
#include "lib/base/time.h"

namespace mold::runtime {

using QueryParams = std::map<std::string, std::string>;  // name -> value, unencoded

// Letters, digits and - _ . * stay as they are; everything else, blanks included, becomes %XX.
std::string url_encode(std::string_view text);

// "2024-05-22T09:00:00+0000"
std::string api_time(WallTime time);

// name=value&..., sorted by name, with apikey, response=json, signatureversion=3, expires and
// signature added. Without a key nothing but response=json is added.
std::string signed_query(QueryParams params, std::string_view api_key, const Secret& secret,
                         WallTime expires);

}  // namespace mold::runtime
