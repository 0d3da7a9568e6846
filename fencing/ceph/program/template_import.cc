#include "fencing/ceph/program/template_import.h"

#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <utility>
#include <vector>

#include "fencing/ceph/program/image_state.h"
#include "fencing/ceph/program/raw_file.h"
#include "lib/base/text.h"
#include "lib/runtime/crypto.h"
#include "lib/runtime/files.h"

namespace mold::ceph {
namespace {

constexpr std::string_view kPrefix = "mold-template-";
constexpr std::string_view kPart = ".part-";
constexpr const char* kLockObject = "mold-templates.lock";
constexpr time_t kLockSeconds = 60;
constexpr unsigned kLockPauseUs = 20'000;
constexpr std::time_t kAbandoned = 24 * 3'600;  // seconds; no importer takes as long

std::string template_name(const FileMark& mark) {
  const std::string text =
      mark.path + '\0' + std::to_string(mark.size) + ' ' + std::to_string(mark.changed_ns);
  return std::string(kPrefix) + hex_encode(runtime::sha256(text)).substr(0, 40);
}

Result<bool> is_there(librados::IoCtx& io, const std::string& image) {
  MOLD_TRY(const ImageState state, read_image(io, image));
  return state.exists;
}

class Import {
 public:
  Import(Cluster& cluster, librados::IoCtx& io, std::string name)
      : cluster_(cluster), io_(io), name_(std::move(name)) {
    part_ = name_ + std::string(kPart) + hex_encode(runtime::random_bytes(8));
  }

  Status run(const RawFile& file, const FileMark& mark) {
    cluster_.changes().begin();
    Status done = fill(file);
    if (done) done = unchanged(mark);
    if (done) done = publish();
    if (!done) take_away();
    return done;
  }

  // What importers left that died, long ago.
  void clean_up() {
    std::vector<librbd::image_spec_t> all;
    if (rbd_.list2(io_, &all) < 0) return;
    const std::string begin = name_ + std::string(kPart);
    for (const librbd::image_spec_t& one : all) {
      if (!one.name.starts_with(begin)) continue;
      librbd::Image image;
      timespec made{};
      if (rbd_.open_read_only(io_, image, one.name.c_str(), nullptr) < 0) continue;
      const bool old =
          image.get_create_timestamp(&made) == 0 && made.tv_sec < std::time(nullptr) - kAbandoned;
      image.close();
      const auto state = read_image(io_, one.name);
      if (!old || !state || !state->watchers.empty()) continue;
      part_ = one.name;
      take_away();
    }
  }

 private:
  static Status step(int rc, const std::string& doing) {
    if (rc < 0) return fail(ceph_error(rc, doing));
    return {};
  }

  Status fill(const RawFile& file) {
    librbd::ImageOptions options;
    MOLD_TRY_VOID(step(rbd_.create4(io_, part_.c_str(), file.size, options), "making " + part_));
    librbd::Image image;
    MOLD_TRY_VOID(step(rbd_.open(io_, image, part_.c_str()), "opening " + part_));
    Status done =
        each_part(file, [&image, this](std::uint64_t offset, std::string_view part) -> Status {
          librados::bufferlist data;
          data.append(part.data(), static_cast<unsigned>(part.size()));
          const ssize_t rc = image.write(offset, part.size(), data);
          return rc < 0 ? step(static_cast<int>(rc), "writing " + part_) : Status{};
        });
    if (done) done = step(image.flush(), "writing " + part_);
    if (done) done = step(image.snap_create(kTemplateSnapshot), "a snapshot of " + part_);
    if (done) done = step(image.snap_protect(kTemplateSnapshot), "protecting " + part_);
    const Status closed = step(image.close(), "closing " + part_);
    return done ? closed : done;
  }

  static Status unchanged(const FileMark& mark) {
    const auto now = mark_of(mark.path);
    if (now && *now == mark) return {};
    return fail(ErrorKind::kConflict, mark.path + " was changed while it was read");
  }

  // One importer at a time: of two renames to one name at once, librbd lets both succeed, and the
  // image is neither (16.2.15). The lock ends by itself if its holder dies.
  Status publish() {
    const std::string cookie = part_;
    timeval lasts{kLockSeconds, 0};
    int rc = -EBUSY;
    while ((rc = io_.lock_exclusive(kLockObject, "publish", cookie, name_, &lasts, 0)) == -EBUSY)
      ::usleep(kLockPauseUs);  // the Guard ends it, at the latest
    MOLD_TRY_VOID(step(rc, "locking templates"));
    const Status done = publish_locked();
    io_.unlock(kLockObject, "publish", cookie);
    return done;
  }

  Status publish_locked() {
    MOLD_TRY(const bool there, is_there(io_, name_));
    if (!there)
      return step(rbd_.rename(io_, part_.c_str(), name_.c_str()), "giving " + part_ + " its name");
    take_away();  // another importer was quicker
    return {};
  }

  void take_away() {
    librbd::Image image;
    if (rbd_.open(io_, image, part_.c_str()) == 0) {
      image.snap_unprotect(kTemplateSnapshot);
      image.snap_remove(kTemplateSnapshot);
      image.close();
    }
    rbd_.remove(io_, part_.c_str());
  }

  Cluster& cluster_;
  librados::IoCtx& io_;
  librbd::RBD rbd_;
  std::string name_;
  std::string part_;
};

}  // namespace

Result<std::string> import_template(Cluster& cluster, librados::IoCtx& io, const std::string& path,
                                    Guard& guard) {
  MOLD_TRY(const FileMark mark, mark_of(path));
  std::string name = template_name(mark);
  MOLD_TRY(const bool there, is_there(io, name));
  if (there) return name;
  guard.doing("reading " + path);
  MOLD_TRY(const RawFile file, open_raw(path, guard.left() - Duration{500}));
  guard.doing("importing " + path);
  MOLD_TRY_VOID(Import(cluster, io, name).run(file, mark));
  Import(cluster, io, name).clean_up();
  return name;
}

}  // namespace mold::ceph
