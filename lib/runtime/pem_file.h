#pragma once
// A PEM text as something with a path, for libraries that read their certificates and keys from
// files only (curl on GnuTLS): a sealed memory file that never touches a disk and is readable by
// this process alone. The path is good for as long as the object lives. Made on any thread,
// immutable.
#include <map>
#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/runtime/tls_config.h"

namespace mold::runtime {

class PemFile {
 public:
  // kBusy: no descriptors or memory left.
  static Result<PemFile> create(const std::string& text);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  UniqueFd fd_;
  std::string path_;
};

// The parts of one TlsMaterial as files; parts that are empty have an empty path.
struct PemFiles {
  PemFile ca;
  PemFile cert;
  PemFile key;

  static Result<std::shared_ptr<const PemFiles>> create(const TlsMaterial& material);
};

// One set of files per material, so that the path of a certificate stays the same from request to
// request (curl reuses a connection only then). One owner, one thread.
class PemCache {
 public:
  // Null for no material.
  Result<std::shared_ptr<const PemFiles>> of(const std::shared_ptr<const TlsMaterial>& material);

 private:
  struct Entry {
    std::weak_ptr<const TlsMaterial> material;
    std::shared_ptr<const PemFiles> files;
  };
  std::map<const TlsMaterial*, Entry> entries_;
};

}  // namespace mold::runtime
