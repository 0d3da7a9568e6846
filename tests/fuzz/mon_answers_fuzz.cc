// What monitors answer: nothing is thrown, and what is read names single clients only.
#include <cstdlib>

#include "fencing/ceph/client_name.h"
#include "fencing/ceph/mon_answers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mold::ceph;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto list = parse_blocklist(text)) {
    for (const auto& [client, until] : *list) {
      if (client_name(client) != client) std::abort();
    }
  }
  if (const auto user = parse_user(text, "h"); user && user->key.empty()) std::abort();
  if (const auto space = parse_space(text, "vms"); space && space->free_bytes > space->total_bytes)
    std::abort();
  return 0;
}
