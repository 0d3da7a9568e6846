#pragma once
// Parameters of one call, read once and in full against the command's own table, so that a handler
// starts with typed values and never meets a malformed one. Every failure is 430 or 431 with the
// peers' words. Names are matched in lower case. Loop thread; a value.
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/base/time.h"
#include "manager/api/api_error.h"

namespace mold::manager::api {

enum class ParamType : std::uint8_t {
  kText,
  kUuid,
  kBool,
  kInteger,
  kDate,
  kEndDate,  // a bare date means the end of that day
  kList,     // comma separated
  kUuidList,
  kMap,  // name[0].key=k&name[0].value=v, or name[0].k=v
};
std::string_view to_string(ParamType type);  // as listApis names it

inline constexpr bool kRequired = true;
inline constexpr bool kOptional = false;
inline constexpr std::size_t kUsualLength = 255;

struct ParamSpec {
  std::string_view name;
  ParamType type = ParamType::kText;
  bool required = kOptional;
  std::string_view description;
  std::size_t length = kUsualLength;
  bool secret = false;    // never repeated in an error text
  bool userinfo = false;  // a URL that may have a key in it: "scheme://user:key@.."; the same
};
inline constexpr bool kSecret = true;
// Whether that text is a URL that may: one of RBD is, however it is written.
bool may_hold_key(std::string_view url);

using ParamMap = std::map<std::string, std::string>;

class Params {
 public:
  // `given` by lower-case name. Unknown parameters are ignored, as the peers do.
  static ApiResult<Params> read(std::string_view command, std::span<const ParamSpec> specs,
                                const std::map<std::string, std::string>& given);

  // Asking for a name that the command did not declare, or with the wrong type, is a fault of the
  // program: CHECK.
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] std::string text(std::string_view name) const;  // kText, kUuid; empty when absent
  [[nodiscard]] std::optional<std::string> maybe_text(std::string_view name) const;
  [[nodiscard]] std::optional<bool> flag(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name, bool fallback) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const;
  [[nodiscard]] std::optional<WallTime> date(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const;
  [[nodiscard]] ParamMap map(std::string_view name) const;

  [[nodiscard]] const std::string& command() const { return command_; }
  // 431 with our words about one of the parameters.
  [[nodiscard]] ApiError wrong(std::string_view name, std::string_view why) const;
  // 431: the id given in `name` names nothing.
  [[nodiscard]] ApiError unknown(std::string_view name) const;

 private:
  using Typed =
      std::variant<std::string, bool, std::int64_t, WallTime, std::vector<std::string>, ParamMap>;
  struct Entry {
    ParamType type = ParamType::kText;
    std::string raw;             // as error texts may repeat it
    std::optional<Typed> value;  // nothing: not given
  };
  static ApiResult<Typed> typed(std::string_view command, const ParamSpec& spec,
                                const std::string& raw);
  [[nodiscard]] const Entry& entry(std::string_view name) const;

  std::string command_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace mold::manager::api
