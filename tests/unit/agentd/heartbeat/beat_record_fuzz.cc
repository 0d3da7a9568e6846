// libFuzzer target: the decoder is total, and what it accepts encodes to the very same block.
#include <cstdlib>
#include <cstring>

#include "agentd/heartbeat/beat_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mold::heartbeat;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  BeatRecord record;
  if (decode_beat({bytes, size}, record) == BeatVerdict::kOk) {
    std::byte again[kBeatBlockSize];
    encode_beat(record, again);
    if (size != kBeatBlockSize || std::memcmp(again, bytes, size) != 0) std::abort();
  }
  return 0;
}
