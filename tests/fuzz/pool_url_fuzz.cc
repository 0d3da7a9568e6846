// URLs of pools: total; one that is taken can be shown, and what is shown means the same pool and
// holds no key; monitors that are taken here are taken by mold-ceph, too.
#include <cstdlib>

#include "fencing/ceph/ceph_messages.h"
#include "lib/base/text.h"
#include "manager/storage/pool_url.h"

namespace {

void check(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mold;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ceph::CephRequest request;
  request.access = {std::string(text), "vms", "mold", {}};
  request.deadline = Duration{1'000};
  if (ceph::check_request(request)) check(text.find_first_of("\n\r\t=\"'{}") == text.npos);

  const auto url = manager::parse_pool_url(text);
  if (!url) {
    check(url.error().kind == ErrorKind::kInvalid);
    return 0;
  }
  const std::string& key = url->key.reveal();
  check(key.size() < 16 || url->shown.find(key) == std::string::npos);
  if (url->kind != core::PoolKind::kRbd) {
    if (trim(url->shown) != url->shown) return 0;  // a directory's name may end with a blank
    const auto again = manager::parse_pool_url(url->shown);
    check(again && again->kind == url->kind && again->path == url->path &&
          again->source == url->source);
    return 0;
  }
  request.access.mon_host = url->source;
  check(ceph::check_request(request).has_value());
  return 0;
}
