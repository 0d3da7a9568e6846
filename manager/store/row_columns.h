#pragma once
// The columns of every row type; must agree with schema.cc. Used inside the store only.
#include "core/model/host.h"
#include "core/model/job.h"
#include "core/model/pool.h"
#include "core/model/vm.h"
#include "manager/store/columns.h"
#include "manager/store/records.h"
#include "manager/store/rows.h"

namespace mold::manager {

#define MOLD_ROW(TYPE, TABLE)                         \
  template <>                                         \
  struct RowOf<TYPE> {                                \
    static constexpr std::string_view kTable = TABLE; \
    template <class Visitor, class Record>            \
    static void columns(Visitor& v, Record& r);       \
  };                                                  \
  template <class Visitor, class Record>              \
  void RowOf<TYPE>::columns(Visitor& v, Record& r)

MOLD_ROW(Zone, "zones") {
  v("id", r.id), v("uuid", r.uuid), v("name", r.name), v("description", r.description);
  v("network_type", r.network_type), v("dns1", r.dns1), v("dns2", r.dns2);
  v("internal_dns1", r.internal_dns1), v("internal_dns2", r.internal_dns2);
  v("enabled", r.enabled), v("local_storage", r.local_storage), v("created", r.created);
}
MOLD_ROW(Pod, "pods") {
  v("id", r.id), v("zone", r.zone), v("uuid", r.uuid), v("name", r.name);
  v("gateway", r.gateway), v("netmask", r.netmask), v("start_ip", r.start_ip);
  v("end_ip", r.end_ip), v("enabled", r.enabled), v("created", r.created);
}
MOLD_ROW(Cluster, "clusters") {
  v("id", r.id), v("pod", r.pod), v("uuid", r.uuid), v("name", r.name);
  v("hypervisor", r.hypervisor), v("type", r.type), v("arch", r.arch);
  v("enabled", r.enabled), v("created", r.created);
}
MOLD_ROW(HostRecord, "hosts") {
  v("id", r.id), v("cluster", r.cluster), v("uuid", r.uuid), v("name", r.name);
  v("address", r.address), v("tags", r.tags), v("enabled", r.enabled);
  v("oobm_configured", r.oobm.configured), v("oobm_enabled", r.oobm.enabled);
  v("oobm_driver", r.oobm.driver), v("oobm_address", r.oobm.address);
  v("oobm_port", r.oobm.port), v("oobm_username", r.oobm.username);
  v("oobm_sealed_password", r.oobm.sealed_password), v("ha_provider", r.ha_provider);
  v("facts_json", r.facts_json), v("agent_version", r.agent_version), v("details", r.details);
  v("created", r.created), v("last_hello", r.last_hello), v("removed", r.removed);
  v("oobm_pending_password", r.oobm.pending_password), v("oobm_options", r.oobm.options);
}
MOLD_ROW(FenceDevice, "fence_devices") {
  v("id", r.id), v("host", r.host), v("uuid", r.uuid), v("name", r.name), v("level", r.level);
  v("driver", r.driver), v("address", r.address), v("port", r.port), v("username", r.username);
  v("sealed_password", r.sealed_password), v("options", r.options), v("enabled", r.enabled);
  v("created", r.created);
}
MOLD_ROW(ServiceOffering, "service_offerings") {
  v("id", r.id), v("uuid", r.uuid), v("name", r.name), v("display_text", r.display_text);
  v("cpus", r.cpus), v("cpu_mhz", r.cpu_mhz), v("memory_bytes", r.memory_bytes);
  v("root_disk_bytes", r.root_disk_bytes), v("offer_ha", r.offer_ha);
  v("limit_cpu_use", r.limit_cpu_use), v("host_tags", r.host_tags);
  v("storage_tags", r.storage_tags), v("created", r.created), v("removed", r.removed);
}
MOLD_ROW(Template, "templates") {
  v("id", r.id), v("uuid", r.uuid), v("name", r.name), v("display_text", r.display_text);
  v("zone", r.zone), v("url", r.url), v("path", r.path), v("format", r.format);
  v("os_type", r.os_type), v("hypervisor", r.hypervisor), v("checksum", r.checksum);
  v("size_bytes", r.size_bytes), v("is_public", r.is_public), v("is_featured", r.is_featured);
  v("is_ready", r.is_ready), v("requires_hvm", r.requires_hvm), v("account", r.account);
  v("created", r.created), v("removed", r.removed);
}
MOLD_ROW(PoolRecord, "storage_pools") {
  v("id", r.id), v("cluster", r.cluster), v("uuid", r.uuid), v("name", r.name);
  v("type", r.type), v("scope", r.scope), v("url", r.url), v("path", r.path), v("tags", r.tags);
  v("capacity_bytes", r.capacity_bytes), v("heartbeat", r.heartbeat), v("created", r.created);
  v("kind", r.kind), v("policy", r.policy), v("state", r.state), v("host", r.host);
  v("source", r.source), v("user", r.user), v("sealed_key", r.sealed_key);
  v("ceph_fsid", r.ceph_fsid), v("cephx", r.cephx), v("stopped_vms", r.stopped_vms);
}
MOLD_ROW(VmRecord, "vms") {
  v("id", r.id), v("uuid", r.uuid), v("name", r.name), v("display_name", r.display_name);
  v("instance_name", r.instance_name), v("vm_group", r.group), v("account", r.account);
  v("zone", r.zone), v("cluster", r.cluster), v("offering", r.offering);
  v("template", r.template_id), v("pool", r.pool), v("user_data", r.user_data);
  v("details", r.details), v("created", r.created), v("removed", r.removed);
}
MOLD_ROW(Account, "accounts") {
  v("id", r.id), v("uuid", r.uuid), v("name", r.name), v("domain", r.domain);
  v("domain_uuid", r.domain_uuid), v("type", r.type), v("enabled", r.enabled);
  v("created", r.created);
}
MOLD_ROW(User, "users") {
  v("id", r.id), v("account", r.account), v("uuid", r.uuid), v("name", r.name);
  v("api_key", r.api_key), v("sealed_secret", r.sealed_secret), v("enabled", r.enabled);
  v("created", r.created);
}
MOLD_ROW(Setting, "settings") {
  v("name", r.name), v("value", r.value);
}
MOLD_ROW(Counter, "counters") {
  v("name", r.name), v("value", r.value);
}
MOLD_ROW(JobRecord, "jobs") {
  v("id", r.id), v("uuid", r.uuid), v("command", r.command), v("kind", r.kind);
  v("status", r.status), v("vm", r.vm), v("host", r.host), v("account", r.account);
  v("user", r.user), v("instance_type", r.instance_type), v("instance_uuid", r.instance_uuid);
  v("start_event_uuid", r.start_event_uuid), v("result_code", r.result_code);
  v("result_json", r.result_json), v("created", r.created), v("completed", r.completed);
}
MOLD_ROW(EventRecord, "events") {
  v("id", r.id), v("uuid", r.uuid), v("type", r.type), v("level", r.level);
  v("description", r.description), v("state", r.state), v("account", r.account);
  v("user", r.user), v("resource_type", r.resource_type), v("resource_uuid", r.resource_uuid);
  v("parent_uuid", r.parent_uuid), v("created", r.created);
}
MOLD_ROW(EvidenceRecord, "evidence") {
  v("id", r.id), v("host", r.host), v("at", r.at), v("kind", r.kind), v("text", r.text);
}
MOLD_ROW(CertificateRecord, "certificates") {
  v("serial", r.serial), v("host_uuid", r.host_uuid), v("fingerprint", r.fingerprint);
  v("purpose", r.purpose), v("issued", r.issued), v("expires", r.expires);
  v("revoked", r.revoked);
}
MOLD_ROW(EnrolTokenRecord, "enrol_tokens") {
  v("hash", r.hash), v("host", r.host), v("created", r.created), v("expires", r.expires);
  v("used", r.used);
}
MOLD_ROW(DeviceDoubt, "device_doubts") {
  v("host", r.host), v("device", r.device), v("other_machine", r.other_machine);
  v("contradicted", r.contradicted), v("text", r.text);
}
MOLD_ROW(PoolKeyRecord, "pool_keys") {
  v("host", r.host), v("fsid", r.fsid), v("user", r.user), v("sealed_key", r.sealed_key);
  v("pools", r.pools), v("granted", r.granted), v("way_pool_uuid", r.way.pool_uuid);
  v("way_source", r.way.source), v("way_path", r.way.path), v("way_user", r.way.user);
  v("way_sealed_key", r.way.sealed_key);
}
MOLD_ROW(core::Pool, "core_pools") {
  v("id", r.id), v("cluster", r.cluster), v("uuid", r.uuid), v("name", r.name);
  v("path", r.path), v("heartbeat", r.heartbeat), v("kind", r.kind), v("policy", r.policy);
  v("host", r.host), v("admits_vms", r.admits_vms), v("ceph_fsid", r.ceph_fsid);
}
MOLD_ROW(core::Job, "core_jobs") {
  v("id", r.id), v("kind", r.kind), v("status", r.status), v("vm", r.vm), v("host", r.host);
  v("op", r.op), v("error_code", r.error_code), v("error_text", r.error_text);
  v("detail", r.detail);
}
// Disks are rows of core_vm_disks.
MOLD_ROW(core::Vm, "core_vms") {
  v("id", r.id), v("cluster", r.cluster), v("name", r.spec.name), v("uuid", r.spec.uuid);
  v("cpus", r.spec.cpus), v("cpu_mhz", r.spec.cpu_mhz), v("memory_bytes", r.spec.memory_bytes);
  v("state", r.state), v("reason", r.reason), v("desired", r.desired), v("ha", r.ha);
  v("host", r.host), v("last_host", r.last_host), v("pinned_host", r.pinned_host);
  v("generation", r.generation), v("op", r.op), v("op_host", r.op_host), v("job", r.job);
  v("force_stop", r.force_stop), v("reboot", r.reboot), v("expunge", r.expunge);
  v("attempts", r.attempts), v("clients", r.clients);
}

// A host and its proof, flat.
struct CoreHostRow {
  core::Host host;
  core::Proof proof;
  std::string proof_method;  // empty: no proof
  std::string proof_pools;
};
MOLD_ROW(CoreHostRow, "core_hosts") {
  v("id", r.host.id), v("cluster", r.host.cluster), v("name", r.host.name), v("ha", r.host.ha);
  v("reason", r.host.reason), v("ha_enabled", r.host.ha_enabled);
  v("admits_vms", r.host.admits_vms), v("has_power_control", r.host.has_power_control);
  v("epoch", r.host.epoch), v("boot_id", r.host.boot_id), v("incarnation", r.host.incarnation);
  v("cpus", r.host.capacity.cpus), v("cpu_mhz", r.host.capacity.cpu_mhz);
  v("memory_bytes", r.host.capacity.memory_bytes), v("fence_op", r.host.fence.op);
  v("fence_off_sent", r.host.fence.off_sent), v("fence_attempts", r.host.fence.attempts);
  v("fence_last_outcome", r.host.fence.last_outcome), v("proof_method", r.proof_method);
  v("proof_epoch", r.proof.epoch), v("proof_whole_host", r.proof.whole_host);
  v("proof_pools", r.proof_pools), v("proof_at", r.proof.at);
  v("proof_reading", r.proof.reading), v("recover_attempts", r.host.recover_attempts);
  v("awaited", r.host.awaited);
}

// One disk of a VM.
struct CoreDiskRow {
  VmId vm;
  std::uint32_t position = 0;
  core::Disk disk;
};
MOLD_ROW(CoreDiskRow, "core_vm_disks") {
  v("vm", r.vm), v("position", r.position), v("pool", r.disk.pool), v("path", r.disk.path);
  v("format", r.disk.format), v("template_path", r.disk.template_path);
  v("size_bytes", r.disk.size_bytes);
}

// One Ceph pool that a host is, or may be, isolated from.
struct CoreIsolationRow {
  HostId host;
  core::PoolIsolation isolation;
};
MOLD_ROW(CoreIsolationRow, "core_isolations") {
  v("host", r.host), v("pool", r.isolation.pool), v("clients", r.isolation.clients);
  v("proven", r.isolation.proven), v("in_doubt", r.isolation.in_doubt);
  v("lifting", r.isolation.lifting);
}
struct CoreClientFenceRow {
  VmId vm;
  std::uint32_t position = 0;
  core::ClientFence fence;
};
MOLD_ROW(CoreClientFenceRow, "core_client_fences") {
  v("vm", r.vm), v("position", r.position), v("pool", r.fence.pool), v("host", r.fence.host);
  v("generation", r.fence.generation), v("clients", r.fence.clients);
  v("wanted", r.fence.wanted), v("gone", r.fence.gone), v("proven", r.fence.proven);
}

#undef MOLD_ROW

}  // namespace mold::manager
