#pragma once
// Reading the manager's answers without trusting them: a missing field or one of another type is an
// empty text, a zero or an empty list, never an exception. Pure.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace mold::hactl {

using Json = nlohmann::json;

// Numbers and booleans are written as texts; objects and arrays give "".
std::string text_of(const Json& object, std::string_view key);
std::int64_t number_of(const Json& object, std::string_view key, std::int64_t otherwise = 0);
bool truth_of(const Json& object, std::string_view key);
// The object below `key`, or an empty one.
const Json& object_of(const Json& object, std::string_view key);
// The elements of the array below `key`, or none.
std::vector<Json> array_of(const Json& object, std::string_view key);

// kCorrupt when it is not JSON.
Result<Json> parse_json(std::string_view text);
// Indented by two; bytes that are not UTF-8 are replaced.
std::string dump_json(const Json& value);

}  // namespace mold::hactl
