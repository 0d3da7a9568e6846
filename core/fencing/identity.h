#pragma once
// Is the machine behind a power device the host that it is configured for? A BMC of another machine
// would be switched off, read back "off", and taken for proof of a death that never happened: the
// one mistake of an operator that breaks "a VM never runs twice". So it is looked for before it
// matters (fence drill). Three-valued: a device or a host that does not say is kUnknown, never
// kOther. Pure; any thread.
#include <cstdint>
#include <string>
#include <string_view>

namespace mold::core {

struct MachineFacts {
  std::string uuid;    // SMBIOS system UUID, any spelling
  std::string serial;  // of the system
};

enum class IdentityVerdict : std::uint8_t { kSame, kOther, kUnknown };
std::string_view to_string(IdentityVerdict verdict);

// One equal fact is enough for kSame: firmware that invents one of them is common. Placeholders
// ("To be filled by O.E.M.", all zeros) count as not said.
IdentityVerdict compare_identity(const MachineFacts& device, const MachineFacts& host);

// 32 lower-case hexadecimal digits; empty when it is no UUID or a known placeholder.
std::string canonical_uuid(std::string_view text);
// SMBIOS tells the first three fields little-endian, others tell them as they are printed:
// 33221100-5544-7766-8899-... and 00112233-4455-6677-8899-... are the same machine. A BMC that
// keeps to IPMI's own encoding tells the whole thing backwards.
bool same_uuid(std::string_view a, std::string_view b);

// "uuid 4c4c..., serial ABC" or "nothing": for people.
std::string describe(const MachineFacts& facts);

}  // namespace mold::core
