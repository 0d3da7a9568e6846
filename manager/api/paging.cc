#include "manager/api/paging.h"

#include <limits>
#include <string>

namespace mold::manager::api {

ApiResult<Page> read_page(std::optional<std::int64_t> page, std::optional<std::int64_t> page_size) {
  if (page && !page_size) {
    return refuse(
        invalid_parameter("\"pagesize\" parameter is required when \"page\" is specified"));
  }
  if (page_size && *page_size == -1) {
    return Page{0, std::numeric_limits<std::size_t>::max()};
  }
  if (page_size && !page) {
    return refuse(
        invalid_parameter("\"page\" parameter is required when \"pagesize\" is specified"));
  }
  if (!page) return Page{};
  if (*page < 1) return refuse(invalid_parameter("page must be greater than 0"));
  if (*page_size < 1) return refuse(invalid_parameter("pagesize must be greater than 0"));
  if (*page_size > kMaxPageSize) {
    return refuse(invalid_parameter("Page size can not exceed max allowed page size of " +
                                    std::to_string(kMaxPageSize)));
  }
  constexpr std::int64_t kLastPage = std::numeric_limits<std::int64_t>::max() / kMaxPageSize;
  if (*page > kLastPage) return refuse(invalid_parameter("page is out of range"));
  return Page{static_cast<std::size_t>((*page - 1) * *page_size),
              static_cast<std::size_t>(*page_size)};
}

}  // namespace mold::manager::api
