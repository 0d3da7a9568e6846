#pragma once
// page and pagesize, as the peers rule them: both or neither, page counts from 1, at most 500 per
// page (also the default), pagesize=-1 means everything. `count` in the answer is of all matches.
// Loop thread; pure.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "manager/api/api_error.h"

namespace mold::manager::api {

inline constexpr std::int64_t kDefaultPageSize = 500;
inline constexpr std::int64_t kMaxPageSize = 500;

struct Page {
  std::size_t offset = 0;
  std::size_t limit = static_cast<std::size_t>(kDefaultPageSize);

  // True for the index-th match (from 0).
  [[nodiscard]] bool holds(std::size_t index) const {
    return index >= offset && index - offset < limit;
  }
};

ApiResult<Page> read_page(std::optional<std::int64_t> page, std::optional<std::int64_t> page_size);

}  // namespace mold::manager::api
