// mold-ceph: one request to a Ceph cluster. CephTool (ceph/ceph_tool.h) runs it; by hand, see
// docs/OPERATIONS.md:
//
//   mold-ceph <request.json 3<key-file
//
// The answer is JSON on standard output and the exit code 0, whatever the answer says; 2: the
// request could not be read, and nothing was done.
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>

#include "fencing/ceph/ceph_messages.h"
#include "fencing/ceph/program/run.h"
#include "lib/base/text.h"

namespace {

using namespace mold;

Result<std::string> read_all(int fd, std::size_t most) {
  std::string text;
  std::string part(64 * 1024, '\0');
  while (true) {
    const ssize_t size = ::read(fd, part.data(), part.size());
    if (size < 0) return fail(errno_error(errno, "descriptor " + std::to_string(fd)));
    if (size == 0) break;
    text.append(part, 0, static_cast<std::size_t>(size));
    if (text.size() > most) return fail(ErrorKind::kInvalid, "far too long");
  }
  mold::wipe(part);
  return text;
}

int refuse(const Error& error) {
  std::fprintf(stderr, "mold-ceph: %s\n", error.what.c_str());
  return 2;
}

}  // namespace

int main(int argc, char**) {
  try {
    if (argc > 1) {
      std::fprintf(stderr, "usage: mold-ceph <request.json 3<key-file\n");
      return 2;
    }
    // A core would hold the key.
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    const auto body = read_all(STDIN_FILENO, ceph::kMostBytes);
    if (!body) return refuse(body.error().context("the request"));
    const auto request = ceph::decode_request(*body);
    if (!request) return refuse(request.error().context("the request"));
    auto text = read_all(3, 4096);
    if (!text) return refuse(text.error().context("the key"));
    const Secret key{std::string(trim(*text))};
    wipe(*text);
    if (key.empty()) return refuse({ErrorKind::kInvalid, "the key is empty"});
    ceph::run_request(*request, key);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mold-ceph: %s\n", error.what());
    return 1;
  }
}
