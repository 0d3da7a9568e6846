#include "hactl/json.h"

#include <nlohmann/json.hpp>

namespace mold::hactl {
namespace {

const Json* find(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

}  // namespace

std::string text_of(const Json& object, std::string_view key) {
  const Json* const value = find(object, key);
  if (value == nullptr || value->is_null() || value->is_structured()) return {};
  if (const auto* text = value->get_ptr<const std::string*>()) return *text;
  return value->dump();
}

std::int64_t number_of(const Json& object, std::string_view key, std::int64_t otherwise) {
  const Json* const value = find(object, key);
  if (value == nullptr || !value->is_number_integer()) return otherwise;
  return value->get<std::int64_t>();
}

bool truth_of(const Json& object, std::string_view key) {
  return text_of(object, key) == "true";
}

const Json& object_of(const Json& object, std::string_view key) {
  static const Json empty = Json::object();
  const Json* const value = find(object, key);
  return value != nullptr && value->is_object() ? *value : empty;
}

std::vector<Json> array_of(const Json& object, std::string_view key) {
  const Json* const value = find(object, key);
  if (value == nullptr || !value->is_array()) return {};
  return {value->begin(), value->end()};
}

Result<Json> parse_json(std::string_view text) {
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) return fail(ErrorKind::kCorrupt, "the answer is not JSON");
  return value;
}

std::string dump_json(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace mold::hactl
