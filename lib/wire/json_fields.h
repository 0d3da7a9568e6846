#pragma once
// Inside of lib/wire: reading fields out of a parsed JSON object without an exception and without
// ever trusting a type. The first problem is kept with the path of its field; after that every
// getter gives its default, so a decoder reads straight through and looks once at the end.
// Lives on the stack of one decode call.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/time.h"

namespace mold::wire {

struct Problem {
  std::optional<std::string> text;  // "vms[3].uuid: missing"
};

class Fields {
 public:
  Fields(const nlohmann::json& value, Problem& problem) : value_(value), problem_(problem) {}

  // Whole numbers in [0, most]; required.
  [[nodiscard]] std::uint64_t number(std::string_view name, std::uint64_t most = UINT64_MAX) const;
  [[nodiscard]] std::uint32_t number32(std::string_view name,
                                       std::uint32_t most = UINT32_MAX) const;
  [[nodiscard]] Duration duration(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name) const;
  [[nodiscard]] bool flag_or(std::string_view name, bool fallback) const;
  // A text of at most `most` bytes, without zero bytes; required, may be empty.
  [[nodiscard]] std::string text(std::string_view name, std::size_t most) const;
  [[nodiscard]] std::string text_or(std::string_view name, std::size_t most,
                                    std::string_view fallback) const;
  // A text that must not be empty.
  [[nodiscard]] std::string name(std::string_view name, std::size_t most) const;
  // Lower case.
  [[nodiscard]] std::string uuid(std::string_view name) const;
  // Starts with '/', no "..", no control characters.
  [[nodiscard]] std::string path(std::string_view name) const;
  // A text that `parse` turns into an enumerator.
  template <class E>
  [[nodiscard]] E choice(std::string_view name,
                         std::optional<E> (*parse)(std::string_view text)) const;

  [[nodiscard]] bool has(std::string_view name) const;  // there and not null
  [[nodiscard]] bool failed() const { return problem_.text.has_value(); }
  // Calls `read` with the fields of each element of a required array of objects.
  void each(std::string_view name, std::size_t most,
            const std::function<void(const Fields&)>& read) const;
  // A required array of texts.
  void each_text(std::string_view name, std::size_t most, std::size_t most_bytes,
                 const std::function<void(std::string)>& read) const;
  // The fields of a required object.
  void object(std::string_view name, const std::function<void(const Fields&)>& read) const;
  [[nodiscard]] std::map<std::string, std::string> text_map(std::string_view name, std::size_t most,
                                                            std::size_t most_bytes) const;
  [[nodiscard]] std::map<std::string, std::uint64_t> number_map(std::string_view name,
                                                                std::size_t most) const;
  // Notes a problem of that field, unless there is one already.
  void refuse(std::string_view name, std::string_view why) const;

 private:
  Fields(const nlohmann::json& value, const Fields& parent, std::string_view name,
         std::size_t index)
      : value_(value), problem_(parent.problem_), parent_(&parent), name_(name), index_(index) {}
  [[nodiscard]] const nlohmann::json* find(std::string_view name) const;
  [[nodiscard]] const nlohmann::json* find_array(std::string_view name, std::size_t most) const;
  [[nodiscard]] std::string where() const;
  [[nodiscard]] std::string checked_text(const nlohmann::json& value, std::string_view name,
                                         std::size_t most) const;

  static constexpr std::size_t kNoIndex = SIZE_MAX;
  const nlohmann::json& value_;
  Problem& problem_;
  const Fields* parent_ = nullptr;
  std::string_view name_;
  std::size_t index_ = kNoIndex;
};

template <class E>
E Fields::choice(std::string_view name, std::optional<E> (*parse)(std::string_view text)) const {
  const std::string given = text(name, 64);
  const std::optional<E> value = parse(given);
  if (!value) refuse(name, "not a known name");
  return value.value_or(E{});
}

// Parses `body` (an object of at most `most` bytes), lets `read` take it apart, tells the problem.
Status read_message(std::string_view body, std::size_t most,
                    const std::function<void(const Fields&)>& read);

// Compact text; bytes that are not UTF-8 become U+FFFD.
std::string write_json(const nlohmann::json& value);
// At most `most` bytes, cut between characters: what the other side would refuse for its length.
std::string clipped(std::string_view text, std::size_t most);

}  // namespace mold::wire
