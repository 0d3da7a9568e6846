#include "manager/store/mark.h"

#include <charconv>

#include "lib/runtime/files.h"

namespace mold::manager {

Result<StoreMark> StoreMark::open(const std::string& directory) {
  MOLD_TRY_VOID(runtime::make_dirs(directory, 0700));
  return StoreMark(directory + "/next-op");
}

std::string StoreMark::doubt(OpId next_op, bool is_new) const {
  const auto text = runtime::read_file(path_, 32);
  if (!text && is_new) return {};
  if (!text) return "no mark says how far it was: " + text.error().text();
  OpId marked;
  const char* const end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, marked.value);
  if (error != std::errc{} || rest == end || *rest != '\n')
    return "the mark that says how far it was cannot be read";
  if (next_op >= marked) return {};
  const std::string known =
      next_op <= OpId{1} ? "no orders" : "orders up to " + std::to_string(next_op.value - 1);
  return "it knows of " + known + ", the manager gave out " + std::to_string(marked.value - 1);
}

bool StoreMark::is_there() const {
  return runtime::file_exists(path_);
}

Status StoreMark::keep(OpId next_op) {
  return runtime::write_file_atomic(path_, std::to_string(next_op.value) + "\n", 0600);
}

}  // namespace mold::manager
