#pragma once
// Who has an image open, read from its header object itself: what librbd would tell, without
// opening the image, which takes twenty times as long. Blocking; any thread.
#include <rados/librados.hpp>
#include <set>
#include <string>
#include <vector>

#include "lib/base/result.h"

namespace mold::ceph {

struct LockOwner {
  std::string client;   // "client.4173", as the lock has it
  std::string cookie;   // "auto 139..."
  std::string address;  // as client_name()
};

struct ImageState {
  bool exists = true;
  std::string header;              // its object
  std::set<std::string> watchers;  // as client_name()
  std::vector<LockOwner> owners;

  [[nodiscard]] std::set<std::string> clients() const;  // both
};

// kUnsupported: an image of the old format. kCorrupt: something there cannot be read.
Result<ImageState> read_image(librados::IoCtx& io, const std::string& image);
// Of any object; none when it is not there.
Result<std::set<std::string>> read_watchers(librados::IoCtx& io, const std::string& object);
// One that is gone is broken.
Status break_lock(librados::IoCtx& io, const std::string& header, const LockOwner& owner);

}  // namespace mold::ceph
