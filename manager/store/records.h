#pragma once
// What the manager knows about things besides what the HA brain needs: names, addresses, sizes, who
// made them and when. Plain values, one struct per table row; lists and facts are kept as they are
// shown. Ids are given out by the Inventory and never used twice; UUIDs are what the API shows.
// Records with `removed` stay as tombstones, so that old jobs, events and certificates still have a
// name. Any thread; no shared state.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/pool.h"
#include "lib/base/ids.h"
#include "lib/base/time.h"

namespace mold::manager {

using ZoneId = StrongId<struct ZoneTag>;
using PodId = StrongId<struct PodTag>;
using OfferingId = StrongId<struct OfferingTag>;
using TemplateId = StrongId<struct TemplateTag>;
using AccountId = StrongId<struct AccountTag>;
using UserId = StrongId<struct UserTag>;

using Details = std::map<std::string, std::string>;

struct Zone {
  ZoneId id;
  std::string uuid;
  std::string name;
  std::string description;
  std::string network_type = "Basic";  // Basic | Advanced
  std::string dns1;
  std::string dns2;
  std::string internal_dns1;
  std::string internal_dns2;
  bool enabled = true;
  bool local_storage = false;
  WallTime created;

  friend bool operator==(const Zone&, const Zone&) = default;
};

struct Pod {
  PodId id;
  ZoneId zone;
  std::string uuid;
  std::string name;
  std::string gateway;
  std::string netmask;
  std::string start_ip;
  std::string end_ip;
  bool enabled = true;
  WallTime created;

  friend bool operator==(const Pod&, const Pod&) = default;
};

struct Cluster {
  ClusterId id;
  PodId pod;
  std::string uuid;
  std::string name;
  std::string hypervisor = "KVM";
  std::string type = "CloudManaged";
  std::string arch = "x86_64";
  bool enabled = true;
  WallTime created;

  friend bool operator==(const Cluster&, const Cluster&) = default;
};

// Out-of-band management of one host. Passwords are sealed (SecretBox); only manager/power opens
// them. While a change of the password on the BMC is not settled there are two, of which one holds.
struct OobmSettings {
  bool configured = false;
  bool enabled = false;
  std::string driver;  // ipmitool, redfish, ...
  std::string address;
  std::string port;
  std::string username;
  std::string sealed_password;   // empty: none
  std::string pending_password;  // sealed; empty unless a change is not settled
  Details options;               // of the driver (port::PowerTarget)

  friend bool operator==(const OobmSettings&, const OobmSettings&) = default;
};

struct HostRecord {
  HostId id;
  ClusterId cluster;
  std::string uuid;
  std::string name;
  std::string address;
  std::vector<std::string> tags;
  bool enabled = true;  // resource state Enabled | Disabled
  OobmSettings oobm;
  std::string ha_provider;  // configureHAForHost; empty: not configured
  std::string facts_json;   // as told by agentd at hello (a JSON object); empty before the first
  std::string agent_version;
  Details details;
  WallTime created;
  std::optional<WallTime> last_hello;
  std::optional<WallTime> removed;

  friend bool operator==(const HostRecord&, const HostRecord&) = default;
};

// Another device that can cut a host's power: the second feed, a switched outlet, a cluster's
// fencer. Devices of one level must all be off before the host is; the BMC belongs to level 1.
struct FenceDevice {
  DeviceId id;
  HostId host;
  std::string uuid;
  std::string name;
  int level = 2;
  std::string driver;
  std::string address;
  std::string port;
  std::string username;
  std::string sealed_password;  // empty: none
  Details options;
  bool enabled = true;
  WallTime created;

  friend bool operator==(const FenceDevice&, const FenceDevice&) = default;
};

struct ServiceOffering {
  OfferingId id;
  std::string uuid;
  std::string name;
  std::string display_text;
  std::uint32_t cpus = 1;
  std::uint32_t cpu_mhz = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t root_disk_bytes = 0;  // 0: as large as the template
  bool offer_ha = false;
  bool limit_cpu_use = false;
  std::string host_tags;
  std::string storage_tags;
  WallTime created;
  std::optional<WallTime> removed;

  friend bool operator==(const ServiceOffering&, const ServiceOffering&) = default;
};

struct Template {
  TemplateId id;
  std::string uuid;
  std::string name;
  std::string display_text;
  ZoneId zone;                 // none: all zones
  std::string url;             // as registered
  std::string path;            // absolute, as hosts see it; or "rbd:<pool>/<image>@<snapshot>"
  std::string format = "RAW";  // RAW | QCOW2
  std::string os_type;
  std::string hypervisor = "KVM";
  std::string checksum;
  std::uint64_t size_bytes = 0;
  bool is_public = true;
  bool is_featured = false;
  bool is_ready = true;
  bool requires_hvm = true;
  AccountId account;
  WallTime created;
  std::optional<WallTime> removed;

  friend bool operator==(const Template&, const Template&) = default;
};

// CloudStack's words, as far as they are ours.
enum class PoolState : std::uint8_t {
  kUp,
  kDisabled,               // no new disks; VMs that are there go on
  kPrepareForMaintenance,  // its VMs are being stopped
  kMaintenance,            // no host has it any more
  kErrorInMaintenance,     // some VM could not be stopped in time; hosts still have it
};

struct PoolRecord {
  PoolId id;
  ClusterId cluster;
  std::string uuid;
  std::string name;
  std::string type = "SharedMountPoint";
  std::string scope = "CLUSTER";  // HOST of a local pool
  std::string url;                // as given, but for the key
  std::string path;               // core::Pool::path
  std::string tags;
  std::uint64_t capacity_bytes = 0;
  bool heartbeat = true;
  WallTime created;
  core::PoolKind kind = core::PoolKind::kDirectory;
  core::PoolPolicy policy = core::PoolPolicy::kKillVms;
  PoolState state = PoolState::kUp;
  HostId host;         // of a local pool; else none
  std::string source;  // wire::PoolInfo::source
  // RBD: as whom the manager goes there (without "client."), which Ceph cluster it found, and
  // whether that one asks for keys at all.
  std::string user;
  std::string sealed_key;  // SecretBox::open_pool_key
  std::string ceph_fsid;
  bool cephx = true;
  // VMs (uuids) that a maintenance stopped and that its end starts again.
  std::vector<std::string> stopped_vms;

  friend bool operator==(const PoolRecord&, const PoolRecord&) = default;
};

struct VmRecord {
  VmId id;
  std::string uuid;
  std::string name;  // host name, as asked for or made from the uuid
  std::string display_name;
  std::string instance_name;  // libvirt domain name, "i-2-<id>-VM"
  std::string group;
  AccountId account;
  ZoneId zone;
  ClusterId cluster;
  OfferingId offering;
  TemplateId template_id;
  PoolId pool;  // where its root disk lives
  std::string user_data;
  Details details;
  WallTime created;
  std::optional<WallTime> removed;  // expunged

  friend bool operator==(const VmRecord&, const VmRecord&) = default;
};

struct Account {
  AccountId id;
  std::string uuid;
  std::string name;
  std::string domain = "ROOT";
  std::string domain_uuid;
  int type = 1;  // CloudStack's: 1 = root admin
  bool enabled = true;
  WallTime created;

  friend bool operator==(const Account&, const Account&) = default;
};

struct User {
  UserId id;
  AccountId account;
  std::string uuid;
  std::string name;
  std::string api_key;        // unique; empty: none
  std::string sealed_secret;  // secret key, sealed (SecretBox::open_user_secret)
  bool enabled = true;
  WallTime created;

  friend bool operator==(const User&, const User&) = default;
};

struct Setting {
  std::string name;
  std::string value;

  friend bool operator==(const Setting&, const Setting&) = default;
};

// Everything of the inventory, as read at start.
struct InventoryData {
  std::vector<Zone> zones;
  std::vector<Pod> pods;
  std::vector<Cluster> clusters;
  std::vector<HostRecord> hosts;
  std::vector<FenceDevice> fence_devices;
  std::vector<ServiceOffering> offerings;
  std::vector<Template> templates;
  std::vector<PoolRecord> pools;
  std::vector<VmRecord> vms;
  std::vector<Account> accounts;
  std::vector<User> users;
  std::map<std::string, std::string> settings;
  std::map<std::string, std::uint64_t> counters;
};

}  // namespace mold::manager
