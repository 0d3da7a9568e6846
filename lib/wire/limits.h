#pragma once
// The greatest sizes and counts of every message. A decoder refuses what is over; an encoder's
// caller keeps below (an agent has no more VMs, a manager no more pools). Both sides also give the
// body limits to their HTTP library, so that a hostile peer cannot make them buffer more.
#include <cstddef>
#include <cstdint>

namespace mold::wire::limits {

inline constexpr std::size_t kBodyBytes = 4 * 1024 * 1024;  // hello, report, orders, results
inline constexpr std::size_t kSmallBodyBytes = 256 * 1024;  // enrol, errors
inline constexpr std::size_t kBeatBodyBytes = 2 * 1024 * 1024;
inline constexpr std::size_t kDepth = 8;  // nesting of objects and arrays

inline constexpr std::size_t kVms = 4096;
inline constexpr std::size_t kPools = 32;
inline constexpr std::size_t kManagers = 16;
inline constexpr std::size_t kFacts = 64;
inline constexpr std::size_t kStats = 64;
inline constexpr std::size_t kOrders = 1024;
inline constexpr std::size_t kResults = 1024;
inline constexpr std::size_t kPowerOrders = 64;
inline constexpr std::size_t kOptions = 64;
inline constexpr std::size_t kDisks = 64;
inline constexpr std::size_t kReadings = kPools * 128;

inline constexpr std::size_t kName = 255;  // host and VM names, versions, enum names, URLs
inline constexpr std::size_t kUuid = 36;
inline constexpr std::size_t kPath = 1024;
inline constexpr std::size_t kText = 2048;  // what a person reads
inline constexpr std::size_t kPem = 64 * 1024;
inline constexpr std::size_t kToken = 512;
inline constexpr std::size_t kSecret = 1024;
inline constexpr std::size_t kStory = 8192;  // a power request, step by step

// Numbers. Durations travel as milliseconds.
inline constexpr std::uint64_t kDurationMs = 1'000ULL * 60 * 60 * 24 * 365;
inline constexpr std::uint64_t kMemoryBytes = 1ULL << 50;
inline constexpr std::uint64_t kDiskBytes = 1ULL << 60;
inline constexpr std::uint32_t kCpus = 65'536;

}  // namespace mold::wire::limits
