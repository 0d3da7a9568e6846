#pragma once
// Result<T>: a value or an Error. The only way in which failure is told inside this house.
// Uses only the part of tl::expected that std::expected has too, so that a later compiler is a
// one-line change (docs/adr/0002-libraries.md).
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "lib/base/error.h"

namespace mold {

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorKind kind, std::string what) {
  return tl::unexpected<Error>(Error{kind, std::move(what)});
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace mold

#define MOLD_CONCAT_INNER(a, b) a##b
#define MOLD_CONCAT(a, b) MOLD_CONCAT_INNER(a, b)

// MOLD_TRY(auto config, load(path)): declares config or returns the error to the caller.
#define MOLD_TRY(declaration, expression) \
  MOLD_TRY_INNER(MOLD_CONCAT(mold_try_, __LINE__), declaration, expression)
#define MOLD_TRY_INNER(temp, declaration, expression)      \
  auto temp = (expression);                                \
  if (!temp) return ::mold::fail(std::move(temp).error()); \
  declaration = std::move(*temp)

// MOLD_TRY_VOID(write(fd)): returns the error of a Status to the caller.
#define MOLD_TRY_VOID(expression)                          \
  do {                                                     \
    if (auto mold_status = (expression); !mold_status)     \
      return ::mold::fail(std::move(mold_status).error()); \
  } while (false)
