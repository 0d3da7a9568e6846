#include "lib/runtime/pem_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace mold::runtime {

namespace {

// curl takes two requests for the same identity when their paths are equal, and a descriptor number
// comes back after a close. Extra slashes make each path new without meaning anything to the
// kernel.
std::string unique_path(int fd) {
  constexpr unsigned kBeforeRepeating = 500;
  static std::atomic<unsigned> made{0};
  return "/proc/self/fd" + std::string(1 + made++ % kBeforeRepeating, '/') + std::to_string(fd);
}

}  // namespace

Result<PemFile> PemFile::create(const std::string& text) {
  PemFile file;
  if (text.empty()) return file;
  file.fd_ = UniqueFd(::memfd_create("mold-pem", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.fd_) return fail(errno_error(errno, "a memory file for a certificate"));
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(file.fd_.get(), text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return fail(errno_error(errno, "writing a certificate to memory"));
    done += static_cast<std::size_t>(wrote);
  }
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(file.fd_.get(), F_ADD_SEALS, kSeals) != 0)
    return fail(errno_error(errno, "sealing a certificate in memory"));
  file.path_ = unique_path(file.fd_.get());
  return file;
}

Result<std::shared_ptr<const PemFiles>> PemFiles::create(const TlsMaterial& material) {
  auto files = std::make_shared<PemFiles>();
  MOLD_TRY(files->ca, PemFile::create(material.ca_pem));
  MOLD_TRY(files->cert, PemFile::create(material.cert_pem));
  MOLD_TRY(files->key, PemFile::create(material.key_pem.reveal()));
  return files;
}

Result<std::shared_ptr<const PemFiles>> PemCache::of(
    const std::shared_ptr<const TlsMaterial>& material) {
  if (!material) return std::shared_ptr<const PemFiles>{};
  std::erase_if(entries_, [](const auto& entry) { return entry.second.material.expired(); });
  const auto found = entries_.find(material.get());
  if (found != entries_.end()) return found->second.files;
  MOLD_TRY(auto files, PemFiles::create(*material));
  entries_[material.get()] = Entry{material, files};
  return files;
}

}  // namespace mold::runtime
