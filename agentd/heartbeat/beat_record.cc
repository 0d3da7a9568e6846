#include "agentd/heartbeat/beat_record.h"

#include <array>
#include <charconv>
#include <cstring>

#include "lib/base/check.h"
#include "lib/base/text.h"

namespace mold::heartbeat {
namespace {

constexpr std::string_view kMagic = "MOLD-BEAT ";
constexpr std::string_view kHealthNames[] = {"ok", "slow", "failing"};

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    table[i] = crc;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

// Appends text to the block; the longest record is far below the block's size.
class Writer {
 public:
  explicit Writer(BeatBlock block)
      : begin_(reinterpret_cast<char*>(block.data())), at_(begin_), end_(begin_ + block.size()) {}

  Writer& text(std::string_view text) {
    MOLD_CHECK(text.size() <= left(), "a beat record fits its block");
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  Writer& number(std::uint64_t value) {
    const auto [next, error] = std::to_chars(at_, end_, value);
    MOLD_CHECK(error == std::errc{}, "a beat record fits its block");
    at_ = next;
    return *this;
  }
  Writer& uuid(const Uuid& uuid) {
    MOLD_CHECK(kUuidTextSize <= left(), "a beat record fits its block");
    at_ = uuid.write(at_);
    return *this;
  }
  Writer& hex32(std::uint32_t value) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (unsigned shift = 32; shift != 0; shift -= 4) {
      const char digit = kDigits[(value >> (shift - 4)) & 15U];
      text({&digit, 1});
    }
    return *this;
  }
  void pad() {
    MOLD_CHECK(left() > 0, "a beat record fits its block");
    std::memset(at_, ' ', left());
    end_[-1] = '\n';
  }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  char* begin_;
  char* at_;
  char* end_;
};

// Takes "key value\n" lines from the front of the text; anything else sets failed().
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::string_view value(std::string_view key) {
    const auto end = rest_.find('\n');
    if (failed_ || end == std::string_view::npos || !rest_.substr(0, end).starts_with(key)) {
      failed_ = true;
      return {};
    }
    const auto found = rest_.substr(key.size(), end - key.size());
    rest_.remove_prefix(end + 1);
    return found;
  }
  template <class T>
  void number(std::string_view key, T& out) {
    const auto parsed = parse_number<T>(value(key));
    if (parsed)
      out = *parsed;
    else
      failed_ = true;
  }
  void uuid(std::string_view key, Uuid& out) {
    const auto parsed = Uuid::parse(value(key));
    if (parsed)
      out = *parsed;
    else
      failed_ = true;
  }
  [[nodiscard]] bool failed() const { return failed_; }
  void fail() { failed_ = true; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

bool parse_fields(std::string_view text, BeatRecord& record) {
  Reader reader(text);
  reader.value(kMagic);
  reader.uuid("cluster ", record.cluster);
  reader.uuid("pool ", record.pool);
  reader.uuid("host ", record.host);
  reader.uuid("boot ", record.boot);
  reader.number("epoch ", record.epoch);
  reader.number("incarnation ", record.incarnation);
  reader.number("counter ", record.counter);
  reader.number("deadline_ms ", record.deadline_ms);
  record.armed = reader.value("armed ") == "yes";
  const auto health = reader.value("health ");
  for (std::size_t i = 0; i < std::size(kHealthNames); ++i) {
    if (health == kHealthNames[i]) {
      record.health = static_cast<PoolHealth>(i);
      return !reader.failed();
    }
  }
  return false;
}

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> data) {
  std::uint32_t crc = 0xffffffffU;
  for (const std::byte b : data) {
    crc = (crc >> 8U) ^ kCrcTable[(crc ^ static_cast<std::uint32_t>(b)) & 0xffU];
  }
  return crc ^ 0xffffffffU;
}

void encode_beat(const BeatRecord& record, BeatBlock out) {
  Writer w(out);
  w.text(kMagic).number(kBeatVersion);
  w.text("\ncluster ").uuid(record.cluster);
  w.text("\npool ").uuid(record.pool);
  w.text("\nhost ").uuid(record.host);
  w.text("\nboot ").uuid(record.boot);
  w.text("\nepoch ").number(record.epoch);
  w.text("\nincarnation ").number(record.incarnation);
  w.text("\ncounter ").number(record.counter);
  w.text("\ndeadline_ms ").number(record.deadline_ms);
  w.text("\narmed ").text(record.armed ? "yes" : "no");
  w.text("\nhealth ").text(kHealthNames[static_cast<std::size_t>(record.health)]);
  w.text("\n");
  const auto crc = crc32c(out.first(w.size()));
  w.text("crc32c ").hex32(crc).text("\n").pad();
}

std::string_view to_string(BeatVerdict verdict) {
  switch (verdict) {
    case BeatVerdict::kOk:
      return "ok";
    case BeatVerdict::kTruncated:
      return "truncated";
    case BeatVerdict::kNotARecord:
      return "not a beat record";
    case BeatVerdict::kOtherVersion:
      return "other format version";
    case BeatVerdict::kDamaged:
      return "damaged";
  }
  MOLD_UNREACHABLE();
}

BeatVerdict decode_beat(std::span<const std::byte> block, BeatRecord& out) {
  const std::string_view text(reinterpret_cast<const char*>(block.data()), block.size());
  if (!text.starts_with(kMagic)) {
    return block.size() < kMagic.size() ? BeatVerdict::kTruncated : BeatVerdict::kNotARecord;
  }
  const auto version_end = text.find('\n');
  const auto version = parse_number<std::uint32_t>(text.substr(
      kMagic.size(), version_end == std::string_view::npos ? std::string_view::npos
                                                           : version_end - kMagic.size()));
  if (version && *version != kBeatVersion) return BeatVerdict::kOtherVersion;
  if (block.size() != kBeatBlockSize) return BeatVerdict::kTruncated;
  BeatRecord record;
  if (!parse_fields(text, record)) return BeatVerdict::kDamaged;
  // The canonical form is the proof: checksum, padding, letter case and leading zeros at once.
  std::array<std::byte, kBeatBlockSize> again{};
  encode_beat(record, again);
  if (std::memcmp(again.data(), block.data(), kBeatBlockSize) != 0) return BeatVerdict::kDamaged;
  out = record;
  return BeatVerdict::kOk;
}

bool is_foreign(const BeatRecord& record, const Uuid& cluster, const Uuid& pool, const Uuid& host) {
  return record.cluster != cluster || record.pool != pool || record.host != host;
}

}  // namespace mold::heartbeat
