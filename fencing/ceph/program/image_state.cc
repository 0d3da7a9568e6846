#include "fencing/ceph/program/image_state.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <list>

#include "fencing/ceph/client_name.h"
#include "fencing/ceph/program/cluster.h"

namespace mold::ceph {
namespace {

constexpr const char* kLock = "rbd_lock";  // librbd's exclusive lock, and the older ones of people

// "rbd_id.NAME" holds a length (32 bits, little endian) and that many bytes.
Result<std::string> image_id(librados::IoCtx& io, const std::string& image) {
  librados::bufferlist data;
  const int rc = io.read("rbd_id." + image, data, 4096, 0);
  if (rc < 0) return fail(ceph_error(rc, "image " + image));
  const std::string bytes = data.to_str();
  if (bytes.size() < 4) return fail(ErrorKind::kCorrupt, "image " + image + ": no id");
  std::size_t size = 0;
  for (std::size_t i = 4; i-- > 0;) size = size << 8U | static_cast<unsigned char>(bytes[i]);
  if (size == 0 || size > bytes.size() - 4)
    return fail(ErrorKind::kCorrupt, "image " + image + ": a broken id");
  return bytes.substr(4, size);
}

Result<std::string> known_client(const std::string& text, const std::string& object) {
  auto name = client_name(text);
  if (!name)
    return fail(ErrorKind::kCorrupt, object + ": a client without address: " + text.substr(0, 80));
  return std::move(*name);
}

Result<std::vector<LockOwner>> read_owners(librados::IoCtx& io, const std::string& header) {
  std::list<librados::locker_t> lockers;
  int exclusive = 0;
  std::string tag;
  const int rc = io.list_lockers(header, kLock, &exclusive, &tag, &lockers);
  std::vector<LockOwner> owners;
  if (rc == -ENOENT) return owners;
  if (rc < 0) return fail(ceph_error(rc, "reading the lock of " + header));
  for (const librados::locker_t& locker : lockers) {
    MOLD_TRY(auto address, known_client(locker.address, header));
    owners.push_back({locker.client, locker.cookie, std::move(address)});
  }
  return owners;
}

}  // namespace

std::set<std::string> ImageState::clients() const {
  std::set<std::string> all = watchers;
  for (const LockOwner& owner : owners) all.insert(owner.address);
  return all;
}

Result<std::set<std::string>> read_watchers(librados::IoCtx& io, const std::string& object) {
  std::list<obj_watch_t> watches;
  const int rc = io.list_watchers(object, &watches);
  std::set<std::string> clients;
  if (rc == -ENOENT) return clients;
  if (rc < 0) return fail(ceph_error(rc, "reading who watches " + object));
  for (const obj_watch_t& watch : watches) {
    const std::size_t size = ::strnlen(watch.addr, sizeof(watch.addr));
    MOLD_TRY(auto client, known_client(std::string(watch.addr, size), object));
    clients.insert(std::move(client));
  }
  return clients;
}

Result<ImageState> read_image(librados::IoCtx& io, const std::string& image) {
  ImageState state;
  auto id = image_id(io, image);
  if (!id && id.error().kind == ErrorKind::kNotFound) {
    std::uint64_t size = 0;
    std::time_t changed = 0;
    const int rc = io.stat(image + ".rbd", &size, &changed);
    if (rc == 0) return fail(ErrorKind::kUnsupported, "image " + image + " is of the old format");
    if (rc != -ENOENT) return fail(ceph_error(rc, "image " + image));
    state.exists = false;
    return state;
  }
  if (!id) return fail(id.error());
  state.header = "rbd_header." + *id;
  MOLD_TRY(state.watchers, read_watchers(io, state.header));
  MOLD_TRY(state.owners, read_owners(io, state.header));
  return state;
}

Status break_lock(librados::IoCtx& io, const std::string& header, const LockOwner& owner) {
  const int rc = io.break_lock(header, kLock, owner.client, owner.cookie);
  if (rc < 0 && rc != -ENOENT) return fail(ceph_error(rc, "breaking the lock of " + header));
  return {};
}

}  // namespace mold::ceph
