#include "lib/wire/json_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/text.h"
#include "lib/wire/limits.h"

namespace mold::wire {
namespace {

using nlohmann::json;

// Whether brackets nest deeper than allowed, looked at before anything is built.
bool too_deep(std::string_view body) {
  std::size_t depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      if (++depth > limits::kDepth) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

void Fields::refuse(std::string_view name, std::string_view why) const {
  if (problem_.text) return;
  std::string path = where();
  if (!path.empty() && !name.empty()) path += '.';
  path.append(name);
  problem_.text = clipped(path, 200) + ": " + std::string(why);
}

std::string Fields::where() const {
  if (parent_ == nullptr) return {};
  std::string path = parent_->where();
  if (!path.empty()) path += '.';
  path.append(name_);
  if (index_ != kNoIndex) path += "[" + std::to_string(index_) + "]";
  return path;
}

const json* Fields::find(std::string_view name) const {
  if (failed()) return nullptr;
  const auto found = value_.find(name);
  if (found == value_.end() || found->is_null()) {
    refuse(name, "missing");
    return nullptr;
  }
  return &*found;
}

bool Fields::has(std::string_view name) const {
  const auto found = value_.find(name);
  return found != value_.end() && !found->is_null();
}

std::uint64_t Fields::number(std::string_view name, std::uint64_t most) const {
  const json* const found = find(name);
  if (found == nullptr) return 0;
  if (!found->is_number_unsigned()) {
    refuse(name, "not a whole number from 0 up");
    return 0;
  }
  const auto value = found->get<std::uint64_t>();
  if (value > most) {
    refuse(name, "too great");
    return 0;
  }
  return value;
}

std::uint32_t Fields::number32(std::string_view name, std::uint32_t most) const {
  return static_cast<std::uint32_t>(number(name, most));
}

Duration Fields::duration(std::string_view name) const {
  return Duration{static_cast<std::int64_t>(number(name, limits::kDurationMs))};
}

bool Fields::flag(std::string_view name) const {
  const json* const found = find(name);
  if (found == nullptr) return false;
  if (!found->is_boolean()) {
    refuse(name, "not true or false");
    return false;
  }
  return found->get<bool>();
}

bool Fields::flag_or(std::string_view name, bool fallback) const {
  return has(name) ? flag(name) : fallback;
}

std::string Fields::checked_text(const json& value, std::string_view name, std::size_t most) const {
  if (!value.is_string()) {
    refuse(name, "not a text");
    return {};
  }
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > most) {
    refuse(name, "too long");
    return {};
  }
  if (text.find('\0') != std::string::npos) {
    refuse(name, "holds a zero byte");
    return {};
  }
  return text;
}

std::string Fields::text(std::string_view name, std::size_t most) const {
  const json* const found = find(name);
  return found == nullptr ? std::string{} : checked_text(*found, name, most);
}

std::string Fields::text_or(std::string_view name, std::size_t most,
                            std::string_view fallback) const {
  return has(name) ? text(name, most) : std::string(fallback);
}

std::string Fields::name(std::string_view name, std::size_t most) const {
  std::string value = text(name, most);
  if (value.empty()) refuse(name, "empty");
  return value;
}

std::string Fields::uuid(std::string_view name) const {
  const std::string value = text(name, limits::kUuid);
  if (!is_uuid(value)) refuse(name, "not a UUID");
  return to_lower(value);
}

std::string Fields::path(std::string_view name) const {
  std::string value = text(name, limits::kPath);
  if (value.empty() || value.front() != '/') {
    refuse(name, "not an absolute path");
  } else if (has_control(value)) {
    refuse(name, "holds control characters");
  } else if ((value + '/').find("/../") != std::string::npos) {
    refuse(name, "goes upwards");
  }
  return value;
}

const json* Fields::find_array(std::string_view name, std::size_t most) const {
  const json* const found = find(name);
  if (found == nullptr) return nullptr;
  if (!found->is_array()) {
    refuse(name, "not an array");
    return nullptr;
  }
  if (found->size() > most) {
    refuse(name, "too many");
    return nullptr;
  }
  return found;
}

void Fields::each(std::string_view name, std::size_t most,
                  const std::function<void(const Fields&)>& read) const {
  const json* const found = find_array(name, most);
  if (found == nullptr) return;
  std::size_t index = 0;
  for (const json& element : *found) {
    const Fields fields(element, *this, name, index++);
    if (!element.is_object()) fields.refuse("", "not an object");
    if (failed()) return;
    read(fields);
  }
}

void Fields::each_text(std::string_view name, std::size_t most, std::size_t most_bytes,
                       const std::function<void(std::string)>& read) const {
  const json* const found = find_array(name, most);
  if (found == nullptr) return;
  for (const json& element : *found) {
    std::string value = checked_text(element, name, most_bytes);
    if (failed()) return;
    read(std::move(value));
  }
}

void Fields::object(std::string_view name, const std::function<void(const Fields&)>& read) const {
  const json* const found = find(name);
  if (found == nullptr) return;
  if (!found->is_object()) {
    refuse(name, "not an object");
    return;
  }
  read(Fields(*found, *this, name, kNoIndex));
}

std::map<std::string, std::string> Fields::text_map(std::string_view name, std::size_t most,
                                                    std::size_t most_bytes) const {
  std::map<std::string, std::string> values;
  object(name, [&values, most, most_bytes](const Fields& fields) {
    if (fields.value_.size() > most) return fields.refuse("", "too many");
    for (auto it = fields.value_.begin(); it != fields.value_.end() && !fields.failed(); ++it) {
      if (it.key().size() > limits::kName) return fields.refuse("", "a name is too long");
      values.emplace(it.key(), fields.checked_text(it.value(), it.key(), most_bytes));
    }
  });
  return values;
}

std::map<std::string, std::uint64_t> Fields::number_map(std::string_view name,
                                                        std::size_t most) const {
  std::map<std::string, std::uint64_t> values;
  object(name, [&values, most](const Fields& fields) {
    if (fields.value_.size() > most) return fields.refuse("", "too many");
    for (auto it = fields.value_.begin(); it != fields.value_.end() && !fields.failed(); ++it) {
      if (it.key().size() > limits::kName) return fields.refuse("", "a name is too long");
      values.emplace(it.key(), fields.number(it.key()));
    }
  });
  return values;
}

Status read_message(std::string_view body, std::size_t most,
                    const std::function<void(const Fields&)>& read) {
  if (body.size() > most) return fail(ErrorKind::kInvalid, "message: too long");
  if (too_deep(body)) return fail(ErrorKind::kInvalid, "message: nested too deep");
  const json value = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return fail(ErrorKind::kInvalid, "message: not JSON");
  if (!value.is_object()) return fail(ErrorKind::kInvalid, "message: not an object");
  Problem problem;
  read(Fields(value, problem));
  if (problem.text) return fail(ErrorKind::kInvalid, *problem.text);
  return {};
}

std::string write_json(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string clipped(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end));
}

}  // namespace mold::wire
