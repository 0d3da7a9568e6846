#include "inode_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace mold_lab {

bool InodeTable::open_root(const std::string& directory) {
  const int fd = open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  struct stat attributes = {};
  if (fd < 0 || fstat(fd, &attributes) < 0) return false;
  const std::pair key(attributes.st_dev, attributes.st_ino);
  entries_[kRoot] = Entry{fd, 1, key};
  number_of_[key] = kRoot;
  return true;
}

int InodeTable::handle(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(number);
  return found == entries_.end() ? -1 : found->second.fd;
}

std::string InodeTable::path(uint64_t number) const {
  return "/proc/self/fd/" + std::to_string(handle(number));
}

int InodeTable::look_up(uint64_t parent, const char* name, uint64_t& number,
                        struct stat& attributes) {
  const int fd = openat(handle(parent), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  if (fstatat(fd, "", &attributes, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0) {
    const int error = errno;
    close(fd);
    return error;
  }
  const std::pair key(attributes.st_dev, attributes.st_ino);
  const std::lock_guard lock(mutex_);
  const auto [known, is_new] = number_of_.try_emplace(key, next_);
  number = known->second;
  if (is_new) {
    entries_[next_++] = Entry{fd, 1, key};
  } else {
    close(fd);
    ++entries_[number].lookups;
  }
  return 0;
}

void InodeTable::forget(uint64_t number, uint64_t lookups) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(number);
  if (found == entries_.end() || number == kRoot) return;
  Entry& entry = found->second;
  entry.lookups -= lookups < entry.lookups ? lookups : entry.lookups;
  if (entry.lookups > 0) return;
  close(entry.fd);
  number_of_.erase(entry.key);
  entries_.erase(found);
}

}  // namespace mold_lab
