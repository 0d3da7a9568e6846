#include "manager/inventory/inventory.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/runtime/files.h"

namespace mold::manager {
namespace {

constexpr const char* kPoolsVersion = "pools_version";

tl::unexpected<Error> missing(std::string_view what) {
  return fail(ErrorKind::kNotFound, "no such " + std::string(what));
}

template <class Id, class Record>
void fill(RecordTable<Id, Record>& table, std::vector<Record> records) {
  for (Record& record : records) table.put(std::move(record));
}

// True when a live record other than `self` satisfies it.
template <class Id, class Record, class Predicate>
bool any_live(const RecordTable<Id, Record>& table, Id self, Predicate predicate) {
  return std::any_of(table.all().begin(), table.all().end(), [&](const auto& entry) {
    return entry.first != self && is_live(entry.second) && predicate(entry.second);
  });
}

tl::unexpected<Error> in_use(std::string_view what, std::string_view by) {
  return fail(ErrorKind::kConflict, std::string(what) + " still has " + std::string(by));
}

}  // namespace

Inventory::Inventory(RowSink& sink, std::function<WallTime()> now, InventoryData data)
    : sink_(sink),
      now_(std::move(now)),
      settings_(std::move(data.settings)),
      counters_(std::move(data.counters)) {
  fill(zones_, std::move(data.zones));
  fill(pods_, std::move(data.pods));
  fill(clusters_, std::move(data.clusters));
  fill(hosts_, std::move(data.hosts));
  fill(fence_devices_, std::move(data.fence_devices));
  fill(offerings_, std::move(data.offerings));
  fill(templates_, std::move(data.templates));
  fill(pools_, std::move(data.pools));
  fill(vms_, std::move(data.vms));
  fill(accounts_, std::move(data.accounts));
  fill(users_, std::move(data.users));
}

std::uint64_t Inventory::next_number(const std::string& counter) const {
  for (const std::string& name : {counter, std::string(kFirstNumber)}) {
    if (const auto found = counters_.find(name); found != counters_.end()) return found->second;
  }
  return 1;
}

std::uint64_t Inventory::take_number(const std::string& counter) {
  const std::uint64_t number = next_number(counter);
  counters_[counter] = number + 1;
  sink_.put(Counter{counter, number + 1});
  return number;
}

template <class Id, class Record>
Result<Record> Inventory::add(RecordTable<Id, Record>& table, Record record, const char* counter) {
  MOLD_TRY_VOID(sink_.admits());
  record.id = Id{};
  if (record.uuid.empty()) record.uuid = runtime::new_uuid();
  if (!is_uuid(record.uuid)) return fail(ErrorKind::kInvalid, "uuid: not a UUID");
  record.uuid = to_lower(record.uuid);
  if (table.find_uuid(record.uuid) != nullptr)
    return fail(ErrorKind::kConflict, "uuid: taken already");
  MOLD_TRY_VOID(check(record));
  record.id = Id{take_number(counter)};
  record.created = now_();
  table.put(record);
  sink_.put(record);
  return record;
}

template <class Id, class Record>
Status Inventory::replace(RecordTable<Id, Record>& table, const Record& record) {
  MOLD_TRY_VOID(sink_.admits());
  const Record* const old = table.find(record.id);
  if (old == nullptr) return missing("record");
  MOLD_CHECK(old->uuid == record.uuid && old->created == record.created,
             "uuid and creation time of a record never change");
  MOLD_TRY_VOID(check(record));
  table.put(record);
  sink_.put(record);
  return {};
}

template <class Id, class Record>
Status Inventory::bury(RecordTable<Id, Record>& table, Id id) {
  MOLD_TRY_VOID(sink_.admits());
  const Record* const old = table.find_live(id);
  if (old == nullptr) return missing("record");
  Record record = *old;
  record.removed = now_();
  table.put(record);
  sink_.put(std::move(record));
  return {};
}

template <class Id, class Record>
Status Inventory::erase(RecordTable<Id, Record>& table, Id id, Table store_table) {
  MOLD_TRY_VOID(sink_.admits());
  if (table.find(id) == nullptr) return missing("record");
  table.erase(id);
  sink_.put(RowRemoved{store_table, id.value});
  return {};
}

Result<Zone> Inventory::create(Zone zone) {
  return add(zones_, std::move(zone), "next_zone");
}
Result<Pod> Inventory::create(Pod pod) {
  return add(pods_, std::move(pod), "next_pod");
}
Result<Cluster> Inventory::create(Cluster cluster) {
  return add(clusters_, std::move(cluster), "next_cluster");
}
Result<HostRecord> Inventory::create(HostRecord host) {
  return add(hosts_, std::move(host), "next_host");
}
Result<FenceDevice> Inventory::create(FenceDevice device) {
  if (device.name.empty())
    device.name = "device-" + std::to_string(next_number("next_fence_device"));
  return add(fence_devices_, std::move(device), "next_fence_device");
}
Result<ServiceOffering> Inventory::create(ServiceOffering offering) {
  return add(offerings_, std::move(offering), "next_offering");
}
Result<Template> Inventory::create(Template tmpl) {
  return add(templates_, std::move(tmpl), "next_template");
}
Result<PoolRecord> Inventory::create(PoolRecord pool) {
  auto made = add(pools_, std::move(pool), "next_pool");
  if (made) pools_changed();
  return made;
}
Result<Account> Inventory::create(Account account) {
  return add(accounts_, std::move(account), "next_account");
}
Result<User> Inventory::create(User user) {
  return add(users_, std::move(user), "next_user");
}

Result<VmRecord> Inventory::create(VmRecord vm) {
  if (vm.uuid.empty()) vm.uuid = runtime::new_uuid();
  if (vm.name.empty()) vm.name = "VM-" + vm.uuid;
  if (vm.display_name.empty()) vm.display_name = vm.name;
  if (vm.instance_name.empty()) {
    // As the peers name domains: i-<account>-<vm>-VM; the number is the one add() takes.
    vm.instance_name = "i-" + std::to_string(vm.account.value) + "-" +
                       std::to_string(next_number("next_vm")) + "-VM";
  }
  return add(vms_, std::move(vm), "next_vm");
}

Status Inventory::update(const Zone& zone) {
  return replace(zones_, zone);
}
Status Inventory::update(const Pod& pod) {
  return replace(pods_, pod);
}
Status Inventory::update(const Cluster& cluster) {
  return replace(clusters_, cluster);
}
Status Inventory::update(const HostRecord& host) {
  return replace(hosts_, host);
}
Status Inventory::update(const FenceDevice& device) {
  return replace(fence_devices_, device);
}
Status Inventory::update(const ServiceOffering& offering) {
  return replace(offerings_, offering);
}
Status Inventory::update(const Template& tmpl) {
  return replace(templates_, tmpl);
}
Status Inventory::update(const VmRecord& vm) {
  return replace(vms_, vm);
}
Status Inventory::update(const User& user) {
  return replace(users_, user);
}
Status Inventory::update(const PoolRecord& pool) {
  MOLD_TRY_VOID(replace(pools_, pool));
  pools_changed();
  return {};
}

Status Inventory::remove(ZoneId id) {
  if (any_live(pods_, PodId{}, [id](const Pod& pod) { return pod.zone == id; }))
    return in_use("the zone", "pods");
  return erase(zones_, id, Table::kZones);
}

Status Inventory::remove(PodId id) {
  if (any_live(clusters_, ClusterId{}, [id](const Cluster& c) { return c.pod == id; }))
    return in_use("the pod", "clusters");
  return erase(pods_, id, Table::kPods);
}

Status Inventory::remove(ClusterId id) {
  if (any_live(hosts_, HostId{}, [id](const HostRecord& h) { return h.cluster == id; }))
    return in_use("the cluster", "hosts");
  if (any_live(pools_, PoolId{}, [id](const PoolRecord& p) { return p.cluster == id; }))
    return in_use("the cluster", "storage pools");
  return erase(clusters_, id, Table::kClusters);
}

Status Inventory::remove(HostId id) {
  if (any_live(pools_, PoolId{}, [id](const PoolRecord& p) { return p.host && p.host == id; }))
    return in_use("the host", "local storage pools");
  MOLD_TRY_VOID(bury(hosts_, id));
  std::vector<DeviceId> orphans;
  for (const FenceDevice* const device : fence_devices_of(id)) orphans.push_back(device->id);
  for (const DeviceId orphan : orphans) MOLD_TRY_VOID(remove(orphan));
  return {};
}
Status Inventory::remove(DeviceId id) {
  return erase(fence_devices_, id, Table::kFenceDevices);
}
Status Inventory::remove(OfferingId id) {
  return bury(offerings_, id);
}
Status Inventory::remove(TemplateId id) {
  return bury(templates_, id);
}
Status Inventory::remove(VmId id) {
  return bury(vms_, id);
}

Status Inventory::remove(PoolId id) {
  if (any_live(vms_, VmId{}, [id](const VmRecord& vm) { return vm.pool == id; }))
    return in_use("the storage pool", "disks of VMs");
  MOLD_TRY_VOID(erase(pools_, id, Table::kPools));
  pools_changed();
  return {};
}

void Inventory::pools_changed() {
  take_number(kPoolsVersion);
}

std::uint64_t Inventory::pools_version() const {
  const auto version = counters_.find(kPoolsVersion);
  return version == counters_.end() ? 1 : version->second;
}

const User* Inventory::find_user_by_api_key(std::string_view api_key) const {
  if (api_key.empty()) return nullptr;
  for (const auto& [id, user] : users_.all()) {
    if (user.api_key == api_key) return &user;
  }
  return nullptr;
}

const Account& Inventory::root_account() const {
  for (const auto& [id, account] : accounts_.all()) {
    if (account.type == 1) return account;
  }
  check_failed("root_account", "the first start makes one", __FILE__, __LINE__);
}

std::vector<const PoolRecord*> Inventory::pools_of(ClusterId cluster) const {
  std::vector<const PoolRecord*> found;
  for (const auto& [id, pool] : pools_.all()) {
    if (pool.cluster == cluster) found.push_back(&pool);
  }
  return found;
}

std::vector<const FenceDevice*> Inventory::fence_devices_of(HostId host) const {
  std::vector<const FenceDevice*> found;
  for (const auto& [id, device] : fence_devices_.all()) {
    if (device.host == host) found.push_back(&device);
  }
  return found;
}

const Zone* Inventory::zone_of(ClusterId cluster) const {
  const Cluster* const found = clusters_.find(cluster);
  const Pod* const pod = found == nullptr ? nullptr : pods_.find(found->pod);
  return pod == nullptr ? nullptr : zones_.find(pod->zone);
}

std::string Inventory::setting(std::string_view name) const {
  const auto found = settings_.find(std::string(name));
  return found == settings_.end() ? std::string{} : found->second;
}

Status Inventory::set_setting(const std::string& name, const std::string& value) {
  MOLD_TRY_VOID(sink_.admits());
  if (name.empty() || name.size() > 255) return fail(ErrorKind::kInvalid, "name: bad setting name");
  settings_[name] = value;
  sink_.put(Setting{name, value});
  return {};
}

}  // namespace mold::manager
