#include "fencing/ceph/program/disks.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <rbd/librbd.hpp>
#include <utility>

#include "fencing/ceph/program/image_state.h"
#include "fencing/ceph/program/template_import.h"

namespace mold::ceph {
namespace {

// Open for as long as it lives; closed on every way out, for what stays open is a watcher.
class OpenImage {
 public:
  static Result<std::unique_ptr<OpenImage>> open(librados::IoCtx& io, const std::string& name,
                                                 const char* snapshot, bool to_change) {
    auto image = std::make_unique<OpenImage>();
    librbd::RBD rbd;
    const int rc = to_change ? rbd.open(io, image->image_, name.c_str(), snapshot)
                             : rbd.open_read_only(io, image->image_, name.c_str(), snapshot);
    if (rc < 0)
      return fail(
          ceph_error(rc, "opening " + name + (snapshot ? "@" : "") + (snapshot ? snapshot : "")));
    return image;
  }
  OpenImage() = default;
  OpenImage(const OpenImage&) = delete;
  OpenImage& operator=(const OpenImage&) = delete;
  ~OpenImage() { image_.close(); }

  Result<std::uint64_t> size() {
    std::uint64_t bytes = 0;
    if (const int rc = image_.size(&bytes); rc < 0) return fail(ceph_error(rc, "reading a size"));
    return bytes;
  }
  librbd::Image& get() { return image_; }

 private:
  librbd::Image image_;
};

Result<std::uint64_t> size_of(librados::IoCtx& io, const std::string& name,
                              const char* snapshot = nullptr) {
  MOLD_TRY(const auto image, OpenImage::open(io, name, snapshot, false));
  return image->size();
}

struct Parent {
  std::string image;  // empty: none
  std::string snapshot;
  std::uint64_t size = 0;
};

class DiskMaking {
 public:
  DiskMaking(Cluster& cluster, const CephRequest& request, Guard& guard)
      : cluster_(cluster), disk_(request.disk), request_(request), guard_(guard) {}

  Result<std::string> run() {
    MOLD_TRY(io_, cluster_.pool(request_.access.pool));
    MOLD_TRY_VOID(find_parent());
    const std::uint64_t wanted = std::max(disk_.size_bytes, parent_.size);
    guard_.doing("making " + disk_.image);
    MOLD_TRY(const ImageState before, read_image(io_, disk_.image));
    if (!before.exists) MOLD_TRY_VOID(make(wanted));
    MOLD_TRY(std::uint64_t size, size_of(io_, disk_.image));
    if (size < wanted) {
      MOLD_TRY_VOID(grow(wanted));
      MOLD_TRY(size, size_of(io_, disk_.image));
    }
    if (size < wanted)
      return fail(ErrorKind::kUnknown, disk_.image + " does not read back as grown");
    return disk_.image + (before.exists ? " was there" : " was made") + ", " +
           std::to_string(size) + " bytes";
  }

 private:
  Status find_parent() {
    if (disk_.from.empty()) return {};
    if (disk_.from.front() == '/') {
      MOLD_TRY(parent_.image, import_template(cluster_, io_, disk_.from, guard_));
      parent_.snapshot = kTemplateSnapshot;
    } else {
      const auto at = disk_.from.find('@');
      parent_.image = disk_.from.substr(0, at);
      parent_.snapshot = disk_.from.substr(at + 1);
    }
    guard_.doing("opening " + parent_.image);
    MOLD_TRY(parent_.size, size_of(io_, parent_.image, parent_.snapshot.c_str()));
    return {};
  }

  // Whole in one step: an empty disk has its size from the start, a clone that of its parent.
  Status make(std::uint64_t wanted) {
    librbd::RBD rbd;
    librbd::ImageOptions options;
    cluster_.changes().begin();
    const int rc = parent_.image.empty()
                       ? rbd.create4(io_, disk_.image.c_str(), wanted, options)
                       : rbd.clone3(io_, parent_.image.c_str(), parent_.snapshot.c_str(), io_,
                                    disk_.image.c_str(), options);
    // -EEXIST: another delivery of this order was quicker.
    if (rc < 0 && is_refusal(rc)) cluster_.changes().refused();
    if (rc < 0 && rc != -EEXIST) return fail(ceph_error(rc, "making " + disk_.image));
    return {};
  }

  // The second half of a clone's making. Only what nobody uses yet, and only what is a clone of the
  // same parent: else the name is taken by something else.
  Status grow(std::uint64_t wanted) {
    MOLD_TRY(const ImageState state, read_image(io_, disk_.image));
    MOLD_TRY(const auto image, OpenImage::open(io_, disk_.image, nullptr, true));
    librbd::linked_image_spec_t parent;
    librbd::snap_spec_t snapshot;
    const bool ours = !parent_.image.empty() && state.clients().empty() &&
                      image->get().get_parent(&parent, &snapshot) == 0 &&
                      parent.image_name == parent_.image && snapshot.name == parent_.snapshot;
    if (!ours)
      return fail(ErrorKind::kConflict, disk_.image + " is there already, smaller than ordered");
    cluster_.changes().begin();
    if (const int rc = image->get().resize(wanted); rc < 0)
      return fail(ceph_error(rc, "growing " + disk_.image));
    return {};
  }

  Cluster& cluster_;
  const port::DiskOrder& disk_;
  const CephRequest& request_;
  Guard& guard_;
  librados::IoCtx io_;
  Parent parent_;
};

Error in_use(const std::string& image, const ImageState& state) {
  return {ErrorKind::kConflict, image + " is open at " + *state.watchers.begin()};
}

Result<std::string> removed(Cluster& cluster, const CephRequest& request, Guard& guard) {
  const std::string& name = request.disk.image;
  guard.doing("removing " + name);
  MOLD_TRY(auto io, cluster.pool(request.access.pool));
  MOLD_TRY(ImageState state, read_image(io, name));
  if (!state.exists) return name + " is not there";
  if (!state.watchers.empty()) return fail(in_use(name, state));
  librbd::RBD rbd;
  cluster.changes().begin();
  const int rc = rbd.remove(io, name.c_str());
  if (rc < 0 && is_refusal(rc)) cluster.changes().refused();
  if (rc == -EBUSY || rc == -ENOTEMPTY) {
    // Found out before anything is taken away.
    MOLD_TRY(state, read_image(io, name));
    if (!state.watchers.empty()) return fail(in_use(name, state));
    return fail(ErrorKind::kConflict, name + " has snapshots or clones");
  }
  if (rc < 0 && rc != -ENOENT) return fail(ceph_error(rc, "removing " + name));
  MOLD_TRY(state, read_image(io, name));
  if (state.exists) return fail(ErrorKind::kUnknown, name + " is there again");
  return name + " was removed";
}

port::CephAnswer told(Cluster& cluster, Result<std::string> result) {
  if (!result) return cluster.answer_for(result.error());
  return {core::Outcome::kConfirmed, ErrorKind::kUnknown, std::move(*result)};
}

}  // namespace

port::CephAnswer create_disk(Cluster& cluster, const CephRequest& request, Guard& guard) {
  return told(cluster, DiskMaking(cluster, request, guard).run());
}

port::CephAnswer remove_disk(Cluster& cluster, const CephRequest& request, Guard& guard) {
  return told(cluster, removed(cluster, request, guard));
}

}  // namespace mold::ceph
