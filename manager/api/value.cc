#include "manager/api/value.h"

#include <nlohmann/json.hpp>

#include "manager/api/utf8.h"

namespace mold::manager::api {
namespace {

std::string json_quoted(std::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void write_json(const Value& value, std::string& out);

struct JsonWriter {
  std::string& out;
  void operator()(std::monostate) const { out += "null"; }
  void operator()(bool flag) const { out += flag ? "true" : "false"; }
  void operator()(std::int64_t number) const { out += std::to_string(number); }
  void operator()(double number) const { out += nlohmann::json(number).dump(); }
  void operator()(const std::string& text) const { out += json_quoted(text); }
  void operator()(const Object& object) const {
    out += '{';
    bool first = true;
    for (const auto& [name, member] : object.members()) {
      if (!first) out += ',';
      first = false;
      out += json_quoted(name);
      out += ':';
      write_json(member, out);
    }
    out += '}';
  }
  void operator()(const Array& array) const {
    out += '[';
    bool first = true;
    for (const Value& item : array) {
      if (!first) out += ',';
      first = false;
      write_json(item, out);
    }
    out += ']';
  }
};

void write_json(const Value& value, std::string& out) {
  std::visit(JsonWriter{out}, value.data());
}

std::string xml_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';
    out += (letter || (later && !out.empty())) ? c : '_';
  }
  return out.empty() ? "_" : out;
}

std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : repaired_utf8(text)) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (is_control(c)) {
      out += "\xEF\xBF\xBD";
    } else {
      out += c;
    }
  }
  return out;
}

std::string scalar_text(const Value& value) {
  if (const std::string* text = value.text()) return xml_text(*text);
  return to_json(value);
}

void write_xml(std::string_view name, const Value& value, std::string_view attributes,
               std::string& out) {
  if (const Array* array = std::get_if<Array>(&value.data())) {
    for (const Value& item : *array) write_xml(name, item, attributes, out);
    return;
  }
  const std::string tag = xml_name(name);
  out += '<';
  out += tag;
  out += attributes;
  out += '>';
  if (const Object* object = value.object()) {
    for (const auto& [member, content] : object->members()) write_xml(member, content, {}, out);
  } else if (!value.is_null()) {
    out += scalar_text(value);
  }
  out += "</";
  out += tag;
  out += '>';
}

Value from_nlohmann(const nlohmann::ordered_json& json) {
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_number_integer()) return Value(json.get<std::int64_t>());
  if (json.is_number()) return Value(json.get<double>());
  if (json.is_string()) return Value(json.get<std::string>());
  if (json.is_array()) {
    Array array;
    for (const auto& item : json) array.push_back(from_nlohmann(item));
    return Value(std::move(array));
  }
  if (json.is_object()) {
    Object object;
    for (const auto& [name, member] : json.items()) object.set(name, from_nlohmann(member));
    return Value(std::move(object));
  }
  return {};
}

}  // namespace

Object& Object::set(std::string_view name, Value value) {
  if (!value.is_null()) members_.emplace_back(std::string(name), std::move(value));
  return *this;
}

Object& Object::set_text(std::string_view name, std::string_view text) {
  if (!text.empty()) set(name, Value(text));
  return *this;
}

const Value* Object::find(std::string_view name) const {
  for (const auto& [member, value] : members_) {
    if (member == name) return &value;
  }
  return nullptr;
}

std::string to_json(const Value& value) {
  std::string out;
  write_json(value, out);
  return out;
}

Value from_json(std::string_view text) {
  const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  return json.is_discarded() ? Value() : from_nlohmann(json);
}

std::string to_xml(std::string_view name, const Value& value, std::string_view attributes) {
  std::string out;
  write_xml(name, value, attributes, out);
  return out;
}

}  // namespace mold::manager::api
