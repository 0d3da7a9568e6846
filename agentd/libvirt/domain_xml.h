#pragma once
// libvirt's domain XML for our VMs: built from a VmSpec, and read back as far as we need it. All
// through libxml2's tree, so no text of a user can become markup. Pure functions, any thread.
//
// A domain of ours carries its identity in <metadata>, so that a restarted agent knows VM and
// generation of whatever runs:
//   <mold:vm xmlns:mold="urn:mold-ha:domain:1" id="7" generation="3"/>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agentd/libvirt/disk_source.h"
#include "core/model/vm.h"
#include "lib/base/ids.h"
#include "lib/base/result.h"

namespace mold::agentd {

inline constexpr const char* kMetadataUri = "urn:mold-ha:domain:1";
inline constexpr const char* kMetadataPrefix = "mold";

struct DomainIdentity {
  VmId vm;
  Generation generation;

  friend bool operator==(const DomainIdentity&, const DomainIdentity&) = default;
};

// What is the same for all VMs of a host.
struct DomainDefaults {
  std::string type = "qemu";        // kvm | qemu | test
  std::string machine = "pc";       // i440fx: boots everything
  std::string disk_bus = "virtio";  // virtio | ide | scsi | sata
  std::string disk_cache = "none";  // of files; other disks are never cached by the host
};

// A whole, transient domain. `sources`: one for each disk, or none at all when all are files.
// kInvalid: a name, path or number that no domain can have. No key is in it, only the UUID of the
// libvirt secret that has it.
Result<std::string> build_domain_xml(const core::VmSpec& spec, const DomainIdentity& identity,
                                     const DomainDefaults& defaults,
                                     const std::vector<DiskSource>& sources = {});

struct DomainDescription {
  std::string name;
  std::string uuid;
  std::uint64_t memory_bytes = 0;
  std::uint32_t cpus = 0;
  std::vector<std::string> disk_paths;
  std::optional<DomainIdentity> identity;  // nothing: not one of ours

  friend bool operator==(const DomainDescription&, const DomainDescription&) = default;
};

// kInvalid: not a domain, or an identity that cannot be understood.
Result<DomainDescription> parse_domain_xml(std::string_view xml);

// The metadata element alone, as virDomainGetMetadata() gives it (it takes the namespace away).
Result<DomainIdentity> parse_identity_xml(std::string_view xml);

}  // namespace mold::agentd
