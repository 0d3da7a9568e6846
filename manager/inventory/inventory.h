#pragma once
// Everything that has a name: zones down to VMs, accounts, settings. In memory and complete; the
// store is read once, at start. A change is checked, applied to memory and put into the engine's
// open batch, all at once: so everything that one API handler changes in one go (records, brain
// events, jobs, events) is one transaction. Memory leads the store by that one batch; whoever tells
// a person "done" waits for it (Engine::submit / Engine::when_durable).
//
//   auto vm = inventory.create(VmRecord{...});               // Result<VmRecord>
//   auto job = engine.open_job({.command = "deployVirtualMachine", ...});
//   engine.submit(core::VmDeployed{...vm->id..., job->id}, [reply](Status s) { ... });
//
// Inventory knows nothing of the brain: who creates a HostRecord also submits core::HostAdded, who
// creates a PoolRecord core::PoolAdded, and so on.
//
// Loop thread only. Lives as long as the engine. Errors: kInvalid (a field is malformed; the text
// names it), kConflict (name taken, still in use), kNotFound, kUnavailable (store cannot write).
// Pointers handed out live until the next change of that table.
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "manager/inventory/table.h"
#include "manager/store/records.h"
#include "manager/store/rows.h"

namespace mold::manager {

class Inventory {
 public:
  // `now` tells the creation time of new records.
  Inventory(RowSink& sink, std::function<WallTime()> now, InventoryData data);

  // Ids, and empty uuids, are given here; `created` too. The record as stored is returned.
  Result<Zone> create(Zone zone);
  Result<Pod> create(Pod pod);
  Result<Cluster> create(Cluster cluster);
  Result<HostRecord> create(HostRecord host);      // name unique among live hosts
  Result<FenceDevice> create(FenceDevice device);  // name unique on its host, made up when empty
  Result<ServiceOffering> create(ServiceOffering offering);
  Result<Template> create(Template tmpl);
  Result<PoolRecord> create(PoolRecord pool);  // path and source unique in the cluster
  Result<VmRecord> create(VmRecord vm);        // empty names are made up from the uuid
  Result<Account> create(Account account);
  Result<User> create(User user);

  // The record with that id becomes this; id, uuid and created must be the old ones.
  Status update(const Zone& zone);
  Status update(const Pod& pod);
  Status update(const Cluster& cluster);
  Status update(const HostRecord& host);
  Status update(const FenceDevice& device);
  Status update(const ServiceOffering& offering);
  Status update(const Template& tmpl);
  Status update(const PoolRecord& pool);
  Status update(const VmRecord& vm);
  Status update(const User& user);

  // kConflict while something live stands on it.
  Status remove(ZoneId id);
  Status remove(PodId id);
  Status remove(ClusterId id);
  // Tombstone, its fence devices go; the brain's say (HostRemoved) is the caller's business.
  // kConflict while it has local pools.
  Status remove(HostId id);
  Status remove(DeviceId id);
  Status remove(OfferingId id);  // tombstone; VMs made from it stay
  Status remove(TemplateId id);  // tombstone
  Status remove(PoolId id);
  Status remove(VmId id);  // tombstone: expunged

  [[nodiscard]] const RecordTable<ZoneId, Zone>& zones() const { return zones_; }
  [[nodiscard]] const RecordTable<PodId, Pod>& pods() const { return pods_; }
  [[nodiscard]] const RecordTable<ClusterId, Cluster>& clusters() const { return clusters_; }
  // Tombstones included: see is_live().
  [[nodiscard]] const RecordTable<HostId, HostRecord>& hosts() const { return hosts_; }
  [[nodiscard]] const RecordTable<DeviceId, FenceDevice>& fence_devices() const {
    return fence_devices_;
  }
  // Those that are switched off too.
  [[nodiscard]] std::vector<const FenceDevice*> fence_devices_of(HostId host) const;
  [[nodiscard]] const RecordTable<OfferingId, ServiceOffering>& offerings() const {
    return offerings_;
  }
  [[nodiscard]] const RecordTable<TemplateId, Template>& templates() const { return templates_; }
  [[nodiscard]] const RecordTable<PoolId, PoolRecord>& pools() const { return pools_; }
  [[nodiscard]] const RecordTable<VmId, VmRecord>& vms() const { return vms_; }
  [[nodiscard]] const RecordTable<AccountId, Account>& accounts() const { return accounts_; }
  [[nodiscard]] const RecordTable<UserId, User>& users() const { return users_; }

  [[nodiscard]] const User* find_user_by_api_key(std::string_view api_key) const;
  [[nodiscard]] const Account& root_account() const;  // made at first start
  // Grows with every change of pools; agents are told, and fetch the list when it moved.
  [[nodiscard]] std::uint64_t pools_version() const;
  // What agents are told of their pools changed without a change of the records: a key came.
  void pools_changed();
  [[nodiscard]] std::vector<const PoolRecord*> pools_of(ClusterId cluster) const;
  [[nodiscard]] const Zone* zone_of(ClusterId cluster) const;

  // Settings that the API may change. Empty text when unset.
  [[nodiscard]] const std::map<std::string, std::string>& settings() const { return settings_; }
  [[nodiscard]] std::string setting(std::string_view name) const;
  Status set_setting(const std::string& name, const std::string& value);
  // What create() would say of it, its cluster aside: for a host whose cluster is still to be made.
  [[nodiscard]] Status check_but_cluster(const HostRecord& host) const;

 private:
  template <class Id, class Record>
  Result<Record> add(RecordTable<Id, Record>& table, Record record, const char* counter);
  template <class Id, class Record>
  Status replace(RecordTable<Id, Record>& table, const Record& record);
  template <class Id, class Record>
  Status bury(RecordTable<Id, Record>& table, Id id);
  template <class Id, class Record>
  Status erase(RecordTable<Id, Record>& table, Id id, Table store_table);
  std::uint64_t take_number(const std::string& counter);
  // What take_number() would return.
  [[nodiscard]] std::uint64_t next_number(const std::string& counter) const;
  [[nodiscard]] Status check(const Zone& zone) const;
  [[nodiscard]] Status check(const Pod& pod) const;
  [[nodiscard]] Status check(const Cluster& cluster) const;
  [[nodiscard]] Status check(const HostRecord& host) const;
  [[nodiscard]] Status check(const FenceDevice& device) const;
  [[nodiscard]] Status check(const ServiceOffering& offering) const;
  [[nodiscard]] Status check(const Template& tmpl) const;
  [[nodiscard]] Status check(const PoolRecord& pool) const;
  [[nodiscard]] Status check_kind(const PoolRecord& pool) const;
  [[nodiscard]] Status check(const VmRecord& vm) const;
  [[nodiscard]] Status check(const Account& account) const;
  [[nodiscard]] Status check(const User& user) const;

  RowSink& sink_;
  std::function<WallTime()> now_;
  RecordTable<ZoneId, Zone> zones_;
  RecordTable<PodId, Pod> pods_;
  RecordTable<ClusterId, Cluster> clusters_;
  RecordTable<HostId, HostRecord> hosts_;
  RecordTable<DeviceId, FenceDevice> fence_devices_;
  RecordTable<OfferingId, ServiceOffering> offerings_;
  RecordTable<TemplateId, Template> templates_;
  RecordTable<PoolId, PoolRecord> pools_;
  RecordTable<VmId, VmRecord> vms_;
  RecordTable<AccountId, Account> accounts_;
  RecordTable<UserId, User> users_;
  std::map<std::string, std::string> settings_;
  std::map<std::string, std::uint64_t> counters_;
};

}  // namespace mold::manager
