// The files of the backing store that the kernel knows by number.
//
// Why not by path: locks belong to open files and inodes, and a path may be renamed under an open
// file. Each entry holds an O_PATH handle, so its number cannot be reused while the kernel
// remembers it.
//
// Lifetime: an entry lives as long as the kernel's lookups of it; the root for ever.
// Thread safety: all functions may be called from any thread.
#ifndef TESTS_LAB_INODE_TABLE_H_
#define TESTS_LAB_INODE_TABLE_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace mold_lab {

class InodeTable {
 public:
  static constexpr uint64_t kRoot = 1;

  bool open_root(const std::string& directory);  // false: errno says why

  // The O_PATH handle behind a number the kernel gave us.
  int handle(uint64_t number) const;
  // The same as a path, for calls that want one and would not take an O_PATH handle.
  std::string path(uint64_t number) const;

  // Finds `name` in `parent`, counts one lookup, fills number and attributes. 0 or an errno.
  int look_up(uint64_t parent, const char* name, uint64_t& number, struct stat& attributes);
  void forget(uint64_t number, uint64_t lookups);

 private:
  struct Entry {
    int fd = -1;
    uint64_t lookups = 0;
    std::pair<dev_t, ino_t> key;
  };

  mutable std::mutex mutex_;
  std::map<uint64_t, Entry> entries_;                      // by our number
  std::map<std::pair<dev_t, ino_t>, uint64_t> number_of_;  // by the backing store's identity
  uint64_t next_ = kRoot + 1;
};

}  // namespace mold_lab

#endif  // TESTS_LAB_INODE_TABLE_H_
