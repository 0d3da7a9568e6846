#include "manager/store/writer.h"

#include <type_traits>
#include <utility>

#include "lib/base/check.h"
#include "manager/store/row_columns.h"

namespace mold::manager {
namespace {

// How many rows may gather beyond a bound before the oldest are thrown away.
constexpr std::uint64_t kTrimEvery = 128;

std::int64_t as_sql(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

std::string_view table_name(Table table) {
  switch (table) {
    case Table::kZones:
      return "zones";
    case Table::kPods:
      return "pods";
    case Table::kClusters:
      return "clusters";
    case Table::kHosts:
      return "hosts";
    case Table::kOfferings:
      return "service_offerings";
    case Table::kTemplates:
      return "templates";
    case Table::kPools:
      return "storage_pools";
    case Table::kVms:
      return "vms";
    case Table::kUsers:
      return "users";
    case Table::kJobs:
      return "jobs";
    case Table::kFenceDevices:
      return "fence_devices";
  }
  MOLD_UNREACHABLE();
}

CoreHostRow flat(const core::Host& host) {
  CoreHostRow row;
  row.host = host;
  if (host.proof) {
    row.proof = *host.proof;
    row.proof_method = std::string(stored_name(host.proof->method));
    row.proof_pools = ids_text(host.proof->pools);
  }
  return row;
}

}  // namespace

Status RowWriter::write(const WriteSet& set) {
  MOLD_TRY(runtime::Transaction transaction, runtime::Transaction::begin(db_));
  MOLD_TRY_VOID(write_core(set.core));
  for (const RowChange& change : set.rows) MOLD_TRY_VOID(write_row(change));
  MOLD_TRY_VOID(trim());
  return transaction.commit();
}

Status RowWriter::write_core(const CoreRows& rows) {
  for (const core::Host& host : rows.hosts) MOLD_TRY_VOID(write_core_host(host));
  for (const core::Vm& vm : rows.vms) MOLD_TRY_VOID(write_core_vm(vm));
  for (const core::Pool& pool : rows.pools) MOLD_TRY_VOID(put(pool));
  for (const core::Job& job : rows.jobs) MOLD_TRY_VOID(put(job));
  for (const HostId id : rows.hosts_gone) MOLD_TRY_VOID(erase("core_hosts", id.value));
  for (const VmId id : rows.vms_gone) MOLD_TRY_VOID(erase("core_vms", id.value));
  for (const PoolId id : rows.pools_gone) MOLD_TRY_VOID(erase("core_pools", id.value));
  for (const JobId id : rows.jobs_gone) MOLD_TRY_VOID(erase("core_jobs", id.value));
  if (rows.next_op) MOLD_TRY_VOID(put(Counter{"next_op", rows.next_op->value}));
  if (!rows.min_generation) return {};
  return put(Counter{"min_generation", rows.min_generation->value});
}

Status RowWriter::write_core_host(const core::Host& host) {
  MOLD_TRY_VOID(put(flat(host)));
  MOLD_TRY_VOID(erase("core_isolations", host.id.value, "host"));
  for (const core::PoolIsolation& isolation : host.isolations)
    MOLD_TRY_VOID(put(CoreIsolationRow{host.id, isolation}));
  return {};
}

Status RowWriter::write_core_vm(const core::Vm& vm) {
  MOLD_TRY_VOID(put(vm));
  MOLD_TRY_VOID(erase("core_vm_disks", vm.id.value, "vm"));
  std::uint32_t position = 0;
  for (const core::Disk& disk : vm.spec.disks) {
    MOLD_TRY_VOID(put(CoreDiskRow{.vm = vm.id, .position = position, .disk = disk}));
    ++position;
  }
  MOLD_TRY_VOID(erase("core_client_fences", vm.id.value, "vm"));
  position = 0;
  for (const core::ClientFence& fence : vm.fences) {
    MOLD_TRY_VOID(put(CoreClientFenceRow{.vm = vm.id, .position = position, .fence = fence}));
    ++position;
  }
  return {};
}

Status RowWriter::write_row(const RowChange& change) {
  return std::visit(
      [this](const auto& row) -> Status {
        using Row = std::decay_t<decltype(row)>;
        if constexpr (std::is_same_v<Row, RowRemoved>) {
          return remove_row(row);
        } else if constexpr (std::is_same_v<Row, TokensPurged>) {
          return purge_tokens(row);
        } else if constexpr (std::is_same_v<Row, DoubtEnded>) {
          return end_doubt(row);
        } else if constexpr (std::is_same_v<Row, PoolKeyRemoved>) {
          return remove_pool_key(row);
        } else {
          if constexpr (std::is_same_v<Row, EvidenceRecord>) ++evidence_since_trim_[row.host];
          if constexpr (std::is_same_v<Row, EventRecord>) {
            ++events_since_trim_;
            newest_event_ = std::max(newest_event_, row.id);
          }
          return put(row);
        }
      },
      change);
}

Status RowWriter::remove_row(const RowRemoved& removed) {
  return erase(table_name(removed.table), removed.id);
}

Status RowWriter::purge_tokens(const TokensPurged& purge) {
  MOLD_TRY(runtime::Statement * purging,
           statement("DELETE FROM enrol_tokens WHERE expires < ?1 OR used < ?1"));
  return purging->bind(1, purge.before.ms).run();
}

Status RowWriter::end_doubt(const DoubtEnded& ended) {
  MOLD_TRY(runtime::Statement * ending,
           statement("DELETE FROM device_doubts WHERE host = ?1 AND device = ?2"));
  return ending->bind(1, as_sql(ended.host.value)).bind(2, as_sql(ended.device.value)).run();
}

Status RowWriter::remove_pool_key(const PoolKeyRemoved& removed) {
  MOLD_TRY(runtime::Statement * removing,
           statement("DELETE FROM pool_keys WHERE host = ?1 AND fsid = ?2"));
  return removing->bind(1, as_sql(removed.host.value))
      .bind(2, std::string_view(removed.fsid))
      .run();
}

// Old history goes in lots, so that an ordinary line costs one row and no search.
Status RowWriter::trim() {
  for (auto& [host, since] : evidence_since_trim_) {
    if (since < kTrimEvery) continue;
    MOLD_TRY(runtime::Statement * trimming,
             statement("DELETE FROM evidence WHERE host = ?1 AND id <= (SELECT id FROM evidence "
                       "WHERE host = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"));
    trimming->bind(1, as_sql(host.value)).bind(2, as_sql(bounds_.evidence_per_host));
    MOLD_TRY_VOID(trimming->run());
    since = 0;
  }
  if (events_since_trim_ < kTrimEvery || newest_event_ <= bounds_.events_kept) return {};
  MOLD_TRY(runtime::Statement * trimming, statement("DELETE FROM events WHERE id <= ?1"));
  MOLD_TRY_VOID(trimming->bind(1, as_sql(newest_event_ - bounds_.events_kept)).run());
  events_since_trim_ = 0;
  return {};
}

template <class Record>
Status RowWriter::put(const Record& record) {
  std::string& sql = upserts_[RowOf<Record>::kTable];
  if (sql.empty()) {
    constexpr bool kPair =
        std::is_same_v<Record, CoreDiskRow> || std::is_same_v<Record, CoreIsolationRow> ||
        std::is_same_v<Record, CoreClientFenceRow> || std::is_same_v<Record, DeviceDoubt> ||
        std::is_same_v<Record, PoolKeyRecord>;
    constexpr std::size_t kKeys = kPair ? 2 : 1;
    sql = upsert_sql(RowOf<Record>::kTable, column_names<Record>(), kKeys);
  }
  MOLD_TRY(runtime::Statement * upsert, statement(sql));
  Binder binder(*upsert);
  RowOf<Record>::columns(binder, record);
  return upsert->run();
}

Status RowWriter::erase(std::string_view table, std::uint64_t id, std::string_view key) {
  MOLD_TRY(runtime::Statement * erasing,
           statement("DELETE FROM " + std::string(table) + " WHERE " + std::string(key) + " = ?1"));
  return erasing->bind(1, as_sql(id)).run();
}

Result<runtime::Statement*> RowWriter::statement(const std::string& sql) {
  const auto known = statements_.find(sql);
  if (known != statements_.end()) {
    known->second.reset();
    return &known->second;
  }
  MOLD_TRY(runtime::Statement made, db_.prepare(sql));
  return &statements_.emplace(sql, std::move(made)).first->second;
}

}  // namespace mold::manager
