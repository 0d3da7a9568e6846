#include "manager/store/loader.h"

#include <map>
#include <string>
#include <utility>

#include "manager/store/row_columns.h"

namespace mold::manager {
namespace {

template <class Record>
Result<std::vector<Record>> load(runtime::Database& db, std::string_view rest = "ORDER BY 1") {
  MOLD_TRY(runtime::Statement statement,
           db.prepare(select_sql(RowOf<Record>::kTable, column_names<Record>(), rest)));
  std::vector<Record> rows;
  for (;;) {
    MOLD_TRY(const bool more, statement.step());
    if (!more) return rows;
    Record record{};
    RowReader reader(statement);
    RowOf<Record>::columns(reader, record);
    if (!reader.problem().empty()) {
      return fail(ErrorKind::kCorrupt, "table " + std::string(RowOf<Record>::kTable) + ", row " +
                                           statement.text(0) + ": column " + reader.problem() +
                                           " makes no sense");
    }
    rows.push_back(std::move(record));
  }
}

Result<core::Host> lifted(CoreHostRow row) {
  if (row.proof_method.empty()) return std::move(row.host);
  row.proof.host = row.host.id;
  if (!parse_stored(row.proof_method, row.proof.method) ||
      !parse_ids(row.proof_pools, row.proof.pools)) {
    return fail(ErrorKind::kCorrupt,
                "table core_hosts, row " + std::to_string(row.host.id.value) + ": proof");
  }
  row.host.proof = std::move(row.proof);
  return std::move(row.host);
}

// Of a row that belongs to another; `orphan` names its table and what it is without that.
template <class Id, class Owner>
Result<Owner*> owner(std::map<Id, Owner>& owners, Id id, const char* orphan) {
  const auto found = owners.find(id);
  if (found == owners.end()) return fail(ErrorKind::kCorrupt, std::string("table ") + orphan);
  return &found->second;
}

Result<core::State> load_core(runtime::Database& db) {
  core::State state;
  MOLD_TRY(auto hosts, load<CoreHostRow>(db));
  for (CoreHostRow& row : hosts) {
    MOLD_TRY(core::Host host, lifted(std::move(row)));
    const HostId id = host.id;
    state.hosts.emplace(id, std::move(host));
  }
  MOLD_TRY(auto vms, load<core::Vm>(db));
  for (core::Vm& vm : vms) {
    const VmId id = vm.id;
    state.vms.emplace(id, std::move(vm));
  }
  MOLD_TRY(auto disks, load<CoreDiskRow>(db, "ORDER BY vm, position"));
  for (CoreDiskRow& row : disks) {
    MOLD_TRY(core::Vm * vm, owner(state.vms, row.vm, "core_vm_disks: a disk without its VM"));
    vm->spec.disks.push_back(std::move(row.disk));
  }
  MOLD_TRY(auto fences, load<CoreClientFenceRow>(db, "ORDER BY vm, position"));
  for (CoreClientFenceRow& row : fences) {
    MOLD_TRY(core::Vm * vm, owner(state.vms, row.vm, "core_client_fences: a fence without its VM"));
    vm->fences.push_back(std::move(row.fence));
  }
  MOLD_TRY(auto isolations, load<CoreIsolationRow>(db, "ORDER BY host, pool"));
  for (CoreIsolationRow& row : isolations) {
    MOLD_TRY(core::Host * host,
             owner(state.hosts, row.host, "core_isolations: an isolation without its host"));
    host->isolations.push_back(std::move(row.isolation));
  }
  MOLD_TRY(auto pools, load<core::Pool>(db));
  for (core::Pool& pool : pools) state.pools.emplace(pool.id, pool);
  MOLD_TRY(auto jobs, load<core::Job>(db));
  for (core::Job& job : jobs) state.jobs.emplace(job.id, job);
  return state;
}

Result<InventoryData> load_inventory(runtime::Database& db) {
  InventoryData data;
  MOLD_TRY(data.zones, load<Zone>(db));
  MOLD_TRY(data.pods, load<Pod>(db));
  MOLD_TRY(data.clusters, load<Cluster>(db));
  MOLD_TRY(data.hosts, load<HostRecord>(db));
  MOLD_TRY(data.fence_devices, load<FenceDevice>(db));
  MOLD_TRY(data.offerings, load<ServiceOffering>(db));
  MOLD_TRY(data.templates, load<Template>(db));
  MOLD_TRY(data.pools, load<PoolRecord>(db));
  MOLD_TRY(data.vms, load<VmRecord>(db));
  MOLD_TRY(data.accounts, load<Account>(db));
  MOLD_TRY(data.users, load<User>(db));
  MOLD_TRY(const auto settings, load<Setting>(db));
  for (const Setting& setting : settings) data.settings[setting.name] = setting.value;
  MOLD_TRY(const auto counters, load<Counter>(db));
  for (const Counter& counter : counters) data.counters[counter.name] = counter.value;
  return data;
}

Result<std::uint64_t> next_number(runtime::Database& db, const std::string& table) {
  MOLD_TRY(runtime::Statement statement, db.prepare("SELECT max(id) FROM " + table));
  MOLD_TRY_VOID(statement.step().transform([](bool) {}));
  return static_cast<std::uint64_t>(statement.optional_integer(0).value_or(0)) + 1;
}

}  // namespace

Result<OpId> load_next_op(runtime::Database& db) {
  MOLD_TRY(runtime::Statement row, db.prepare("SELECT value FROM counters WHERE name = 'next_op'"));
  MOLD_TRY(const bool found, row.step());
  return found ? OpId{static_cast<std::uint64_t>(row.optional_integer(0).value_or(1))} : OpId{1};
}

Result<bool> knows_hosts(runtime::Database& db) {
  MOLD_TRY(runtime::Statement row, db.prepare("SELECT 1 FROM core_hosts LIMIT 1"));
  return row.step();
}

// The brain skips its orders itself. Of what it has none, the world may have some.
Status skip_numbers(runtime::Database& db) {
  MOLD_TRY_VOID(db.execute("INSERT OR IGNORE INTO counters (name, value) VALUES ('" +
                           std::string(kFirstNumber) + "', 1)"));
  return db.execute(
      "UPDATE counters SET value = value + 1000000 "
      "WHERE (name LIKE 'next!_%' ESCAPE '!' OR name = '" +
      std::string(kFirstNumber) + "') AND name <> 'next_op'");
}

Result<Restored> load_all(runtime::Database& db) {
  Restored all;
  MOLD_TRY(all.core, load_core(db));
  MOLD_TRY(all.inventory, load_inventory(db));
  MOLD_TRY(all.jobs, load<JobRecord>(db));
  MOLD_TRY(all.certificates, load<CertificateRecord>(db));
  MOLD_TRY(all.tokens, load<EnrolTokenRecord>(db));
  MOLD_TRY(all.doubts, load<DeviceDoubt>(db, "ORDER BY host, device"));
  MOLD_TRY(all.pool_keys, load<PoolKeyRecord>(db, "ORDER BY host, fsid"));
  const auto& counters = all.inventory.counters;
  if (const auto op = counters.find("next_op"); op != counters.end())
    all.core.next_op = OpId{op->second};
  if (const auto lowest = counters.find("min_generation"); lowest != counters.end())
    all.core.min_generation = Generation{lowest->second};
  for (const char* const name : {kFirstNumber, "next_job"}) {
    if (const auto job = counters.find(name); job != counters.end()) all.next_job = job->second;
  }
  MOLD_TRY(all.next_event, next_number(db, "events"));
  MOLD_TRY(all.next_evidence, next_number(db, "evidence"));
  return all;
}

}  // namespace mold::manager
