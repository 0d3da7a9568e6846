#include "agentd/heartbeat/domain_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "agentd/heartbeat/proc_dir.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace mold::heartbeat {
namespace {

constexpr std::string_view kEnding = ".xml";

// Of one tag as libvirt writes it: <source protocol='rbd' name='vms/a'>.
std::optional<std::string_view> attribute(std::string_view tag, std::string_view name) {
  for (auto at = tag.find(name); at != std::string_view::npos; at = tag.find(name, at + 1)) {
    const auto after = at + name.size();
    if (at == 0 || tag[at - 1] != ' ' || after + 1 >= tag.size() || tag[after] != '=') continue;
    const char quote = tag[after + 1];
    if (quote != '\'' && quote != '"') continue;
    const auto end = tag.find(quote, after + 2);
    if (end == std::string_view::npos) return std::nullopt;
    return tag.substr(after + 2, end - after - 2);
  }
  return std::nullopt;
}

struct Said {
  int pid = 0;
  PoolMask pools = 0;
  bool whole = false;
  bool odd = false;  // something that cannot be told
};

void take_tag(std::string_view tag, const DomainFiles::CephPools& pools, Said& said) {
  if (tag.starts_with("domstatus ")) {
    said.pid = parse_number<int>(attribute(tag, "pid").value_or("")).value_or(0);
  } else if (tag == "/domstatus") {
    said.whole = true;
  } else if (tag.starts_with("source ") && attribute(tag, "protocol") == "rbd") {
    const auto name = attribute(tag, "name").value_or("");
    const auto slash = name.find('/');
    said.odd = said.odd || slash == std::string_view::npos || slash == 0;
    said.pools |= pools.ceph_pools(name.substr(0, slash));
  }
}

}  // namespace

// libvirt writes a file whole and renames it, so what is read is of one moment.
bool DomainFiles::read(int fd, const CephPools& pools, File& out) {
  static char text[32 * 1024];
  Said said;
  std::size_t kept = 0;
  while (true) {
    const auto n = ::read(fd, text + kept, sizeof text - kept);
    if (n < 0) return false;
    if (n == 0) break;
    std::string_view rest(text, kept + static_cast<std::size_t>(n));
    for (auto open = rest.find('<'); open != std::string_view::npos; open = rest.find('<')) {
      rest.remove_prefix(open);
      const auto close = rest.find('>');  // never in a value: written as &gt; there
      if (close == std::string_view::npos) break;
      take_tag(rest.substr(1, close - 1), pools, said);
      rest.remove_prefix(close + 1);
    }
    if (rest.empty() || rest.front() != '<') rest = {};
    kept = rest.size();
    if (kept == sizeof text) return false;
    std::memmove(text, rest.data(), kept);
  }
  out.pid = said.pid;
  out.pools = said.pools;
  return said.whole && !said.odd && said.pid > 0;
}

void DomainFiles::visit(int directory, const char* name, const CephPools& pools) {
  const UniqueFd fd(::openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  struct stat now = {};
  if (!fd) {
    unclear_ = unclear_ || errno != ENOENT;  // a VM that just ended
    return;
  }
  if (::fstat(fd.get(), &now) != 0 || !S_ISREG(now.st_mode)) {
    unclear_ = true;
    return;
  }
  File* free = nullptr;
  for (File& file : files_) {
    if (file.inode == now.st_ino && file.size == now.st_size &&
        file.changed.tv_sec == now.st_mtim.tv_sec && file.changed.tv_nsec == now.st_mtim.tv_nsec) {
      file.seen = true;
      return;
    }
    if (file.inode == 0 && free == nullptr) free = &file;
  }
  if (free == nullptr) {
    unclear_ = true;
    return;
  }
  *free = {now.st_ino, now.st_mtim, now.st_size, 0, 0, true};
  if (!read(fd.get(), pools, *free)) free->pid = 0;
}

void DomainFiles::look(const CephPools& pools) {
  unclear_ = false;
  for (File& file : files_) file.seen = false;
  const UniqueFd directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    unclear_ = errno != ENOENT;
  } else {
    const int error = for_each_entry(directory_.c_str(), [&](const char* name) {
      if (std::string_view(name).ends_with(kEnding)) visit(directory.get(), name, pools);
    });
    unclear_ = unclear_ || error != 0;
  }
  for (File& file : files_) {
    if (!file.seen) file = {};
    unclear_ = unclear_ || (file.inode != 0 && file.pid == 0);
  }
}

bool DomainFiles::find(int pid, PoolMask& pools) const {
  bool found = false;
  for (const File& file : files_) {
    if (file.inode == 0 || file.pid != pid) continue;
    pools |= file.pools;
    found = true;
  }
  return found;
}

}  // namespace mold::heartbeat
