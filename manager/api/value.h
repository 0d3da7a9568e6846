#pragma once
// The body of an answer as a small ordered tree, so that JSON and XML come from one source and can
// never disagree. Null members are left out, as CloudStack does. Loop thread; plain values.
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mold::manager::api {

class Value;

// Members in the order in which they were set; a name is set once.
class Object {
 public:
  Object() = default;

  // Leaves null out. Chainable.
  Object& set(std::string_view name, Value value);
  // Leaves empty texts out: CloudStack sends no empty fields for what is not known.
  Object& set_text(std::string_view name, std::string_view text);
  [[nodiscard]] const std::vector<std::pair<std::string, Value>>& members() const {
    return members_;
  }
  [[nodiscard]] bool empty() const { return members_.empty(); }
  [[nodiscard]] const Value* find(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, Value>> members_;
};

using Array = std::vector<Value>;

class Value {
 public:
  using Data = std::variant<std::monostate, bool, std::int64_t, double, std::string, Object, Array>;

  Value() = default;
  Value(bool flag) : data_(flag) {}
  Value(int number) : data_(std::int64_t{number}) {}
  Value(std::int64_t number) : data_(number) {}
  Value(std::uint32_t number) : data_(std::int64_t{number}) {}
  Value(std::uint64_t number) : data_(static_cast<std::int64_t>(number)) {}
  Value(double number) : data_(number) {}
  Value(const char* text) : data_(std::string(text)) {}
  Value(std::string_view text) : data_(std::string(text)) {}
  Value(std::string text) : data_(std::move(text)) {}
  Value(Object object) : data_(std::move(object)) {}
  Value(Array array) : data_(std::move(array)) {}

  [[nodiscard]] const Data& data() const { return data_; }
  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  [[nodiscard]] const std::string* text() const { return std::get_if<std::string>(&data_); }
  [[nodiscard]] const Object* object() const { return std::get_if<Object>(&data_); }

 private:
  Data data_;
};

// One line of JSON. Bytes that are no UTF-8 come out as U+FFFD.
std::string to_json(const Value& value);
// JSON text back into the tree (job results are kept as text). Null when it is no JSON; never
// throws.
Value from_json(std::string_view text);
// <name attribute>...</name>; an array repeats its element. Characters that XML 1.0 cannot carry
// come out as U+FFFD, characters that a name cannot have as '_'.
std::string to_xml(std::string_view name, const Value& value, std::string_view attributes = {});

}  // namespace mold::manager::api
