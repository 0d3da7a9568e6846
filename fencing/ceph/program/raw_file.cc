#include "fencing/ceph/program/raw_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "lib/runtime/child_process.h"

namespace mold::ceph {
namespace {

using nlohmann::json;

constexpr std::size_t kChunk = std::size_t{4} * 1024 * 1024;
constexpr std::string_view kQcow = "QFI\xfb";
constexpr const char* kWorkFolder = "/var/tmp";

Result<std::string> qemu_img(std::vector<std::string> args, Duration limit) {
  MOLD_TRY(const auto loop, runtime::EventLoop::create());
  runtime::ChildSpec spec;
  spec.program = "qemu-img";
  spec.args = std::move(args);
  spec.deadline = limit;
  std::optional<Result<runtime::ChildResult>> result;
  const auto child = runtime::run_child(*loop, std::move(spec),
                                        [&](auto ended) { result.emplace(std::move(ended)); });
  loop->run_until([&] { return result.has_value(); }, limit + Duration{5'000});
  if (!result) return fail(ErrorKind::kInternal, "qemu-img does not end");
  if (!*result) return fail(result->error());
  // It only writes a file of ours: whatever came of it, the cluster was not touched by it.
  if (const Status ok = runtime::child_status(**result, "qemu-img"); !ok)
    return fail(ErrorKind::kInvalid, ok.error().what);
  return std::move((*result)->out);
}

Result<std::uint64_t> qcow_size(const std::string& path, Duration limit) {
  MOLD_TRY(const std::string out,
           qemu_img({"info", "-f", "qcow2", "--output", "json", path}, limit));
  const json info = json::parse(out, nullptr, /*allow_exceptions=*/false);
  if (!info.is_object() || !info.contains("virtual-size") ||
      !info["virtual-size"].is_number_unsigned())
    return fail(ErrorKind::kInvalid, path + ": qemu-img says nothing of its size");
  const json specific = info.value("format-specific", json::object());
  const json data = specific.is_object() ? specific.value("data", json::object()) : json::object();
  if (info.contains("backing-filename") || (data.is_object() && data.contains("data-file")))
    return fail(ErrorKind::kInvalid, path + ": refers to another file; flatten it first");
  return info["virtual-size"].get<std::uint64_t>();
}

Result<RawFile> from_qcow(const std::string& path, Duration limit) {
  RawFile raw;
  MOLD_TRY(raw.size, qcow_size(path, limit));
  raw.fd = UniqueFd(::open(kWorkFolder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!raw.fd) return fail(errno_error(errno, std::string("a file in ") + kWorkFolder));
  if (::ftruncate(raw.fd.get(), static_cast<off_t>(raw.size)) != 0)
    return fail(errno_error(errno, "a file as large as the template"));
  const std::string target =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(raw.fd.get());
  MOLD_TRY_VOID(qemu_img({"convert", "-n", "-f", "qcow2", "-O", "raw", path, target}, limit));
  return raw;
}

bool only_zeros(std::string_view part) {
  return part.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

Result<FileMark> mark_of(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return fail(errno_error(errno, path));
  if (!S_ISREG(about.st_mode)) return fail(ErrorKind::kInvalid, path + ": not a file");
  FileMark mark;
  mark.path = path;
  mark.inode = about.st_ino;
  mark.size = static_cast<std::uint64_t>(about.st_size);
  mark.changed_ns = about.st_mtim.tv_sec * 1'000'000'000 + about.st_mtim.tv_nsec;
  return mark;
}

Result<RawFile> open_raw(const std::string& path, Duration limit) {
  RawFile raw;
  raw.fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!raw.fd) return fail(errno_error(errno, path));
  std::string head(kQcow.size(), '\0');
  if (::pread(raw.fd.get(), head.data(), head.size(), 0) == static_cast<ssize_t>(head.size()) &&
      head == kQcow)
    return from_qcow(path, limit);
  MOLD_TRY(const FileMark mark, mark_of(path));
  if (mark.size == 0) return fail(ErrorKind::kInvalid, path + ": empty");
  raw.size = (mark.size + 511) / 512 * 512;
  return raw;
}

Status each_part(const RawFile& file,
                 const std::function<Status(std::uint64_t, std::string_view)>& write) {
  const auto buffer = std::make_unique<char[]>(kChunk);
  off_t at = 0;
  while (true) {
    // Over holes; a file system that knows none calls all of it data.
    at = ::lseek(file.fd.get(), at, SEEK_DATA);
    if (at < 0 && errno == ENXIO) return {};
    if (at < 0) return fail(errno_error(errno, "reading the template"));
    at = at / static_cast<off_t>(kChunk) * static_cast<off_t>(kChunk);
    const ssize_t size = ::pread(file.fd.get(), buffer.get(), kChunk, at);
    if (size < 0) return fail(errno_error(errno, "reading the template"));
    if (size == 0) return {};
    const std::string_view part(buffer.get(), static_cast<std::size_t>(size));
    if (!only_zeros(part)) MOLD_TRY_VOID(write(static_cast<std::uint64_t>(at), part));
    at += static_cast<off_t>(kChunk);
  }
}

}  // namespace mold::ceph
