#include "lib/runtime/dbus_values.h"

#include <cerrno>
#include <string>
#include <utility>

namespace mold::runtime {
namespace {

Error wrong_type(char type) {
  return {ErrorKind::kInternal, std::string("a D-Bus value does not fit type '") + type + "'"};
}

template <class T>
Status append_basic(sd_bus_message* m, char type, const DbusValue& value) {
  const T* const held = std::get_if<T>(&value);
  if (held == nullptr) return fail(wrong_type(type));
  const int r = sd_bus_message_append_basic(m, type, held);
  if (r < 0) return fail(bus_error(r, "writing a D-Bus message"));
  return {};
}

Status append_strings(sd_bus_message* m, const DbusValue& value) {
  const auto* const list = std::get_if<std::vector<std::string>>(&value);
  if (list == nullptr) return fail(wrong_type('a'));
  int r = sd_bus_message_open_container(m, 'a', "s");
  for (const auto& text : *list) {
    if (r >= 0) r = sd_bus_message_append_basic(m, 's', text.c_str());
  }
  if (r >= 0) r = sd_bus_message_close_container(m);
  if (r < 0) return fail(bus_error(r, "writing a D-Bus message"));
  return {};
}

Status append_one(sd_bus_message* m, char type, const DbusValue& value) {
  switch (type) {
    case 'b': {
      const bool* const held = std::get_if<bool>(&value);
      if (held == nullptr) return fail(wrong_type(type));
      const int as_int = *held ? 1 : 0;
      const int r = sd_bus_message_append_basic(m, 'b', &as_int);
      if (r < 0) return fail(bus_error(r, "writing a D-Bus message"));
      return {};
    }
    case 'i':
      return append_basic<std::int32_t>(m, type, value);
    case 'u':
      return append_basic<std::uint32_t>(m, type, value);
    case 'x':
      return append_basic<std::int64_t>(m, type, value);
    case 't':
      return append_basic<std::uint64_t>(m, type, value);
    case 'd':
      return append_basic<double>(m, type, value);
    case 's':
    case 'o': {
      const auto* const text = std::get_if<std::string>(&value);
      if (text == nullptr) return fail(wrong_type(type));
      const int r = sd_bus_message_append_basic(m, type, text->c_str());
      if (r < 0) return fail(bus_error(r, "writing a D-Bus message"));
      return {};
    }
    default:
      return fail(wrong_type(type));
  }
}

template <class T>
int read_basic(sd_bus_message* m, char type, DbusValues& values) {
  T value{};
  const int r = sd_bus_message_read_basic(m, type, &value);
  if (r > 0) values.emplace_back(value);
  return r;
}

int read_text(sd_bus_message* m, char type, DbusValues& values) {
  const char* text = nullptr;
  const int r = sd_bus_message_read_basic(m, type, &text);
  if (r > 0) values.emplace_back(std::string(text));
  return r;
}

int read_strings(sd_bus_message* m, DbusValues& values) {
  std::vector<std::string> list;
  int r = sd_bus_message_enter_container(m, 'a', "s");
  const char* text = nullptr;
  while (r > 0 && (r = sd_bus_message_read_basic(m, 's', &text)) > 0) list.emplace_back(text);
  if (r >= 0) r = sd_bus_message_exit_container(m);
  if (r >= 0) values.emplace_back(std::move(list));
  return r;
}

int read_one(sd_bus_message* m, char type, std::string_view contents, DbusValues& values) {
  switch (type) {
    case 'b': {
      int flag = 0;
      const int r = sd_bus_message_read_basic(m, 'b', &flag);
      if (r > 0) values.emplace_back(flag != 0);
      return r;
    }
    case 'i':
      return read_basic<std::int32_t>(m, type, values);
    case 'u':
      return read_basic<std::uint32_t>(m, type, values);
    case 'x':
      return read_basic<std::int64_t>(m, type, values);
    case 't':
      return read_basic<std::uint64_t>(m, type, values);
    case 'd':
      return read_basic<double>(m, type, values);
    case 's':
    case 'o':
      return read_text(m, type, values);
    case 'a':
      return contents == "s" ? read_strings(m, values) : -EOPNOTSUPP;
    default:
      return -EOPNOTSUPP;
  }
}

}  // namespace

Status append_values(sd_bus_message* m, std::string_view signature, const DbusValues& values) {
  std::size_t next = 0;
  while (!signature.empty()) {
    if (next >= values.size()) return fail(ErrorKind::kInternal, "too few D-Bus values");
    const DbusValue& value = values[next++];
    if (signature.starts_with("as")) {
      MOLD_TRY_VOID(append_strings(m, value));
      signature.remove_prefix(2);
    } else {
      MOLD_TRY_VOID(append_one(m, signature.front(), value));
      signature.remove_prefix(1);
    }
  }
  if (next != values.size()) return fail(ErrorKind::kInternal, "too many D-Bus values");
  return {};
}

Result<DbusValues> read_dbus_values(sd_bus_message* message) {
  DbusValues values;
  while (true) {
    char type = 0;
    const char* contents = nullptr;
    int r = sd_bus_message_peek_type(message, &type, &contents);
    if (r == 0) return values;
    if (r > 0) r = read_one(message, type, contents == nullptr ? "" : contents, values);
    if (r < 0) return fail(bus_error(r, "reading a D-Bus message"));
  }
}

}  // namespace mold::runtime
