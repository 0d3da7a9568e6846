#pragma once
// A pool's identity: a short text that its first host puts on the storage, so that another pool, or
// the emptiness below a missing mount, is never taken for it. The same text on every medium. Pure,
// no allocation, any thread.
#include <array>
#include <cstring>
#include <string_view>

#include "agentd/heartbeat/pool_protocol.h"

namespace mold::heartbeat {

inline constexpr std::size_t kIdentitySize = 160;  // more than the longest one

class PoolIdentity {
 public:
  explicit PoolIdentity(const PoolChildSetup& setup) {
    put("mold-pool 1\ncluster ");
    put(setup.cluster);
    put("\npool ");
    put(setup.pool);
    put("\n");
  }
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

 private:
  void put(std::string_view part) {
    std::memcpy(text_.data() + size_, part.data(), part.size());
    size_ += part.size();
  }
  void put(const Uuid& uuid) {
    uuid.write(text_.data() + size_);
    size_ += kUuidTextSize;
  }
  std::array<char, kIdentitySize> text_{};
  std::size_t size_ = 0;
};

}  // namespace mold::heartbeat
