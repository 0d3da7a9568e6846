#pragma once
// What goes between CephTool and the program mold-ceph: one request on its standard input, one
// answer on its standard output, both JSON. Both come from one build and are no promise to anybody
// else. Decoding takes whatever bytes there are and gives a message or kInvalid. The key is not in
// a request; only an answer to kGrant holds one. Values; any thread.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/port/ceph_storage.h"

namespace mold::ceph {

inline constexpr std::size_t kMostImages = 4096;
inline constexpr std::size_t kMostClients = 16384;
inline constexpr std::size_t kMostPools = 64;
inline constexpr std::size_t kMostBytes = std::size_t{4} * 1024 * 1024;
inline constexpr std::size_t kMostText = 4096;

enum class CephVerb : std::uint8_t {
  kProbe,
  kClients,
  kGrant,
  kRemoveUser,
  kIsolate,
  kRenew,
  kLift,
  kCreateDisk,
  kRemoveDisk,
};
inline constexpr int kCephVerbs = 9;
std::string_view to_string(CephVerb verb);
std::optional<CephVerb> parse_ceph_verb(std::string_view text);

// Fields that a verb does not use stay empty.
struct CephRequest {
  CephVerb verb = CephVerb::kProbe;
  port::CephAccess access;
  Duration deadline{0};
  std::vector<std::string> images;   // clients
  std::string user;                  // grant, remove_user, renew (may be empty)
  std::vector<std::string> pools;    // grant
  port::IsolationOrder isolation;    // isolate
  std::vector<std::string> clients;  // renew, lift
  Duration expiry{0};                // renew
  port::DiskOrder disk;              // create_disk; remove_disk has only its image
};

// Whether all of it can be meant: names that cannot become options, JSON or another object's name,
// clients that are single handles and never a whole host. kInvalid names the field.
Status check_request(const CephRequest& request);

std::string encode_request(const CephRequest& request);
Result<CephRequest> decode_request(std::string_view body);  // checked

std::string encode_answer(const port::CephAnswer& answer);
std::string encode_answer(const port::CephPoolFacts& answer);
std::string encode_answer(const port::CephClients& answer);
std::string encode_answer(const port::CephStorage::Key& answer);
std::string encode_answer(const port::IsolationAnswer& answer);

// Held against the request: images are those asked for, a confirmed isolation lists every client
// that was to be listed, a confirmed grant has a key.
Status decode_answer(const CephRequest& request, std::string_view body, port::CephAnswer& answer);
Status decode_answer(const CephRequest& request, std::string_view body,
                     port::CephPoolFacts& answer);
Status decode_answer(const CephRequest& request, std::string_view body, port::CephClients& answer);
Status decode_answer(const CephRequest& request, std::string_view body,
                     port::CephStorage::Key& answer);
Status decode_answer(const CephRequest& request, std::string_view body,
                     port::IsolationAnswer& answer);

}  // namespace mold::ceph
