#include "manager/store/schema.h"

#include <array>

namespace mold::manager {
namespace {

// What the HA brain decides on. Written only from its turns.
constexpr std::string_view kCore = R"sql(
CREATE TABLE core_hosts (
  id INTEGER PRIMARY KEY, cluster INTEGER NOT NULL, name TEXT NOT NULL, ha TEXT NOT NULL,
  reason TEXT NOT NULL, ha_enabled INTEGER NOT NULL, admits_vms INTEGER NOT NULL,
  has_power_control INTEGER NOT NULL, epoch INTEGER NOT NULL, boot_id TEXT NOT NULL,
  incarnation INTEGER NOT NULL, cpus INTEGER NOT NULL, cpu_mhz INTEGER NOT NULL,
  memory_bytes INTEGER NOT NULL, fence_op INTEGER NOT NULL, fence_off_sent INTEGER NOT NULL,
  fence_attempts INTEGER NOT NULL, fence_last_outcome TEXT NOT NULL,
  proof_method TEXT NOT NULL, proof_epoch INTEGER NOT NULL, proof_whole_host INTEGER NOT NULL,
  proof_pools TEXT NOT NULL, proof_at INTEGER NOT NULL, proof_reading TEXT NOT NULL,
  recover_attempts INTEGER NOT NULL) STRICT;
CREATE TABLE core_vms (
  id INTEGER PRIMARY KEY, cluster INTEGER NOT NULL, name TEXT NOT NULL, uuid TEXT NOT NULL,
  cpus INTEGER NOT NULL, cpu_mhz INTEGER NOT NULL, memory_bytes INTEGER NOT NULL,
  state TEXT NOT NULL, reason TEXT NOT NULL, desired TEXT NOT NULL, ha INTEGER NOT NULL,
  host INTEGER NOT NULL, last_host INTEGER NOT NULL, pinned_host INTEGER NOT NULL,
  generation INTEGER NOT NULL, op INTEGER NOT NULL, op_host INTEGER NOT NULL,
  job INTEGER NOT NULL, force_stop INTEGER NOT NULL, reboot INTEGER NOT NULL,
  expunge INTEGER NOT NULL, attempts INTEGER NOT NULL) STRICT;
CREATE TABLE core_vm_disks (
  vm INTEGER NOT NULL REFERENCES core_vms (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  position INTEGER NOT NULL, pool INTEGER NOT NULL, path TEXT NOT NULL, format TEXT NOT NULL,
  template_path TEXT NOT NULL, size_bytes INTEGER NOT NULL,
  PRIMARY KEY (vm, position)) STRICT, WITHOUT ROWID;
CREATE TABLE core_pools (
  id INTEGER PRIMARY KEY, cluster INTEGER NOT NULL, uuid TEXT NOT NULL, name TEXT NOT NULL,
  path TEXT NOT NULL, heartbeat INTEGER NOT NULL) STRICT;
CREATE TABLE core_jobs (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, status INTEGER NOT NULL, vm INTEGER NOT NULL,
  host INTEGER NOT NULL, op INTEGER NOT NULL, error_code INTEGER NOT NULL,
  error_text TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
)sql";

constexpr std::string_view kInventory = R"sql(
CREATE TABLE zones (
  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  description TEXT NOT NULL, network_type TEXT NOT NULL, dns1 TEXT NOT NULL, dns2 TEXT NOT NULL,
  internal_dns1 TEXT NOT NULL, internal_dns2 TEXT NOT NULL, enabled INTEGER NOT NULL,
  local_storage INTEGER NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE TABLE pods (
  id INTEGER PRIMARY KEY, zone INTEGER NOT NULL REFERENCES zones (id) DEFERRABLE INITIALLY DEFERRED,
  uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, gateway TEXT NOT NULL, netmask TEXT NOT NULL,
  start_ip TEXT NOT NULL, end_ip TEXT NOT NULL, enabled INTEGER NOT NULL,
  created INTEGER NOT NULL) STRICT;
CREATE TABLE clusters (
  id INTEGER PRIMARY KEY, pod INTEGER NOT NULL REFERENCES pods (id) DEFERRABLE INITIALLY DEFERRED,
  uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, hypervisor TEXT NOT NULL, type TEXT NOT NULL,
  arch TEXT NOT NULL, enabled INTEGER NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE TABLE hosts (
  id INTEGER PRIMARY KEY, cluster INTEGER NOT NULL, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  address TEXT NOT NULL, tags TEXT NOT NULL, enabled INTEGER NOT NULL,
  oobm_configured INTEGER NOT NULL, oobm_enabled INTEGER NOT NULL, oobm_driver TEXT NOT NULL,
  oobm_address TEXT NOT NULL, oobm_port TEXT NOT NULL, oobm_username TEXT NOT NULL,
  oobm_sealed_password TEXT NOT NULL, ha_provider TEXT NOT NULL, facts_json TEXT NOT NULL,
  agent_version TEXT NOT NULL, details TEXT NOT NULL, created INTEGER NOT NULL,
  last_hello INTEGER, removed INTEGER) STRICT;
CREATE TABLE service_offerings (
  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  display_text TEXT NOT NULL, cpus INTEGER NOT NULL, cpu_mhz INTEGER NOT NULL,
  memory_bytes INTEGER NOT NULL, root_disk_bytes INTEGER NOT NULL, offer_ha INTEGER NOT NULL,
  limit_cpu_use INTEGER NOT NULL, host_tags TEXT NOT NULL, storage_tags TEXT NOT NULL,
  created INTEGER NOT NULL, removed INTEGER) STRICT;
CREATE TABLE templates (
  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  display_text TEXT NOT NULL, zone INTEGER NOT NULL, url TEXT NOT NULL, path TEXT NOT NULL,
  format TEXT NOT NULL, os_type TEXT NOT NULL, hypervisor TEXT NOT NULL, checksum TEXT NOT NULL,
  size_bytes INTEGER NOT NULL, is_public INTEGER NOT NULL, is_featured INTEGER NOT NULL,
  is_ready INTEGER NOT NULL, requires_hvm INTEGER NOT NULL, account INTEGER NOT NULL,
  created INTEGER NOT NULL, removed INTEGER) STRICT;
CREATE TABLE storage_pools (
  id INTEGER PRIMARY KEY,
  cluster INTEGER NOT NULL REFERENCES clusters (id) DEFERRABLE INITIALLY DEFERRED,
  uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, type TEXT NOT NULL, scope TEXT NOT NULL,
  url TEXT NOT NULL, path TEXT NOT NULL, tags TEXT NOT NULL, capacity_bytes INTEGER NOT NULL,
  heartbeat INTEGER NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, domain TEXT NOT NULL,
  domain_uuid TEXT NOT NULL, type INTEGER NOT NULL, enabled INTEGER NOT NULL,
  created INTEGER NOT NULL) STRICT;
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED,
  uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, api_key TEXT NOT NULL,
  sealed_secret TEXT NOT NULL, enabled INTEGER NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX users_by_key ON users (api_key) WHERE api_key <> '';
CREATE TABLE vms (
  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  display_name TEXT NOT NULL, instance_name TEXT NOT NULL, vm_group TEXT NOT NULL,
  account INTEGER NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED,
  zone INTEGER NOT NULL, cluster INTEGER NOT NULL,
  offering INTEGER NOT NULL REFERENCES service_offerings (id) DEFERRABLE INITIALLY DEFERRED,
  template INTEGER NOT NULL REFERENCES templates (id) DEFERRABLE INITIALLY DEFERRED,
  pool INTEGER NOT NULL, user_data TEXT NOT NULL, details TEXT NOT NULL,
  created INTEGER NOT NULL, removed INTEGER) STRICT;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
)sql";

constexpr std::string_view kStory = R"sql(
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, command TEXT NOT NULL, kind TEXT NOT NULL,
  status INTEGER NOT NULL, vm INTEGER NOT NULL, host INTEGER NOT NULL, account INTEGER NOT NULL,
  user INTEGER NOT NULL, instance_type TEXT NOT NULL, instance_uuid TEXT NOT NULL,
  start_event_uuid TEXT NOT NULL, result_code INTEGER NOT NULL, result_json TEXT NOT NULL,
  created INTEGER NOT NULL, completed INTEGER) STRICT;
CREATE TABLE events (
  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, type TEXT NOT NULL, level TEXT NOT NULL,
  description TEXT NOT NULL, state TEXT NOT NULL, account INTEGER NOT NULL, user INTEGER NOT NULL,
  resource_type TEXT NOT NULL, resource_uuid TEXT NOT NULL, parent_uuid TEXT NOT NULL,
  created INTEGER NOT NULL) STRICT;
CREATE INDEX events_by_resource ON events (resource_uuid, id) WHERE resource_uuid <> '';
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY, host INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
  text TEXT NOT NULL) STRICT;
CREATE INDEX evidence_by_host ON evidence (host, id);
CREATE TABLE certificates (
  serial TEXT PRIMARY KEY, host_uuid TEXT NOT NULL, fingerprint TEXT NOT NULL,
  purpose TEXT NOT NULL, issued INTEGER NOT NULL, expires INTEGER NOT NULL,
  revoked INTEGER) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_by_host ON certificates (host_uuid);
CREATE TABLE enrol_tokens (
  hash TEXT PRIMARY KEY, host INTEGER NOT NULL, created INTEGER NOT NULL,
  expires INTEGER NOT NULL, used INTEGER) STRICT, WITHOUT ROWID;
)sql";

constexpr std::string_view kFenceDevices = R"sql(
ALTER TABLE hosts ADD COLUMN oobm_pending_password TEXT NOT NULL DEFAULT '';
ALTER TABLE hosts ADD COLUMN oobm_options TEXT NOT NULL DEFAULT '{}';
CREATE TABLE fence_devices (
  id INTEGER PRIMARY KEY,
  host INTEGER NOT NULL REFERENCES hosts (id) DEFERRABLE INITIALLY DEFERRED,
  uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, level INTEGER NOT NULL, driver TEXT NOT NULL,
  address TEXT NOT NULL, port TEXT NOT NULL, username TEXT NOT NULL,
  sealed_password TEXT NOT NULL, options TEXT NOT NULL, enabled INTEGER NOT NULL,
  created INTEGER NOT NULL) STRICT;
)sql";

// Device 0 is the BMC. No REFERENCES: a row more than there are devices harms nobody, one that is
// missing may.
constexpr std::string_view kDeviceDoubts = R"sql(
CREATE TABLE device_doubts (
  host INTEGER NOT NULL, device INTEGER NOT NULL, other_machine INTEGER NOT NULL,
  contradicted INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (host, device)) STRICT, WITHOUT ROWID;
)sql";

constexpr std::string_view kIsolations = R"sql(
ALTER TABLE core_vms ADD COLUMN clients TEXT NOT NULL DEFAULT '[]';
CREATE TABLE core_isolations (
  host INTEGER NOT NULL REFERENCES core_hosts (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  pool INTEGER NOT NULL, clients TEXT NOT NULL, proven INTEGER NOT NULL, in_doubt INTEGER NOT NULL,
  lifting INTEGER NOT NULL,
  PRIMARY KEY (host, pool)) STRICT, WITHOUT ROWID;
)sql";

// Pools of before were shared directories. A host's key on one Ceph cluster is for all its pools.
constexpr std::string_view kPoolKinds = R"sql(
ALTER TABLE core_pools ADD COLUMN kind TEXT NOT NULL DEFAULT 'directory';
ALTER TABLE core_pools ADD COLUMN policy TEXT NOT NULL DEFAULT 'kill-vms';
ALTER TABLE core_pools ADD COLUMN host INTEGER NOT NULL DEFAULT 0;
ALTER TABLE core_pools ADD COLUMN admits_vms INTEGER NOT NULL DEFAULT 1;
ALTER TABLE storage_pools ADD COLUMN kind TEXT NOT NULL DEFAULT 'directory';
ALTER TABLE storage_pools ADD COLUMN policy TEXT NOT NULL DEFAULT 'kill-vms';
ALTER TABLE storage_pools ADD COLUMN state TEXT NOT NULL DEFAULT 'Up';
ALTER TABLE storage_pools ADD COLUMN host INTEGER NOT NULL DEFAULT 0;
ALTER TABLE storage_pools ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE storage_pools ADD COLUMN user TEXT NOT NULL DEFAULT '';
ALTER TABLE storage_pools ADD COLUMN sealed_key TEXT NOT NULL DEFAULT '';
ALTER TABLE storage_pools ADD COLUMN ceph_fsid TEXT NOT NULL DEFAULT '';
ALTER TABLE storage_pools ADD COLUMN cephx INTEGER NOT NULL DEFAULT 1;
ALTER TABLE storage_pools ADD COLUMN stopped_vms TEXT NOT NULL DEFAULT '[]';
CREATE TABLE pool_keys (
  host INTEGER NOT NULL, fsid TEXT NOT NULL, user TEXT NOT NULL, sealed_key TEXT NOT NULL,
  pools TEXT NOT NULL, granted INTEGER NOT NULL,
  PRIMARY KEY (host, fsid)) STRICT, WITHOUT ROWID;
)sql";

// Users in Ceph outlive the last pool of their cluster until they are removed there.
constexpr std::string_view kCephWays = R"sql(
ALTER TABLE pool_keys ADD COLUMN way_pool_uuid TEXT NOT NULL DEFAULT '';
ALTER TABLE pool_keys ADD COLUMN way_source TEXT NOT NULL DEFAULT '';
ALTER TABLE pool_keys ADD COLUMN way_path TEXT NOT NULL DEFAULT '';
ALTER TABLE pool_keys ADD COLUMN way_user TEXT NOT NULL DEFAULT '';
ALTER TABLE pool_keys ADD COLUMN way_sealed_key TEXT NOT NULL DEFAULT '';
)sql";

constexpr std::string_view kClientFences = R"sql(
CREATE TABLE core_client_fences (
  vm INTEGER NOT NULL REFERENCES core_vms (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  position INTEGER NOT NULL, pool INTEGER NOT NULL, host INTEGER NOT NULL,
  generation INTEGER NOT NULL, clients TEXT NOT NULL, wanted INTEGER NOT NULL,
  gone INTEGER NOT NULL, proven INTEGER NOT NULL,
  PRIMARY KEY (vm, position)) STRICT, WITHOUT ROWID;
)sql";

constexpr std::string_view kPoolCeph = R"sql(
ALTER TABLE core_pools ADD COLUMN ceph_fsid TEXT NOT NULL DEFAULT '';
UPDATE core_pools SET ceph_fsid =
  coalesce((SELECT ceph_fsid FROM storage_pools WHERE storage_pools.id = core_pools.id), '');
)sql";

constexpr std::string_view kAwaited = R"sql(
ALTER TABLE core_hosts ADD COLUMN awaited INTEGER NOT NULL DEFAULT 0;
)sql";

constexpr std::array kSteps{
    runtime::Migration{1, "state of the brain", kCore},
    runtime::Migration{2, "inventory", kInventory},
    runtime::Migration{3, "jobs, events, evidence, certificates", kStory},
    runtime::Migration{4, "fence devices, changes of BMC passwords", kFenceDevices},
    runtime::Migration{5, "power devices that are not trusted", kDeviceDoubts},
    runtime::Migration{6, "kinds of pools, keys of hosts", kPoolKinds},
    runtime::Migration{7, "isolation from Ceph pools", kIsolations},
    runtime::Migration{8, "ways to Ceph clusters without a pool", kCephWays},
    runtime::Migration{9, "fencing of single VMs", kClientFences},
    runtime::Migration{10, "Ceph clusters of pools", kPoolCeph},
    runtime::Migration{11, "hosts that are awaited by a store of before", kAwaited},
};

}  // namespace

std::span<const runtime::Migration> schema_steps() {
  return kSteps;
}

}  // namespace mold::manager
