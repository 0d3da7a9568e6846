#include "lib/wire/convert.h"

namespace mold::wire {

Order to_wire(const core::Order& order, const std::function<std::string(PoolId)>& uuid_of) {
  Order out;
  out.kind = order.kind;
  out.op = order.op;
  out.epoch = order.epoch;
  out.vm = order.vm;
  out.generation = order.generation;
  out.grace = order.grace;
  out.forced = order.forced;
  out.name = order.spec.name;
  out.uuid = order.spec.uuid;
  out.cpus = order.spec.cpus;
  out.cpu_mhz = order.spec.cpu_mhz;
  out.memory_bytes = order.spec.memory_bytes;
  for (const core::Disk& disk : order.spec.disks) {
    out.disks.push_back(
        OrderDisk{uuid_of(disk.pool), disk.path, disk.format, disk.template_path, disk.size_bytes});
  }
  return out;
}

core::Order to_core(const Order& order,
                    const std::function<std::optional<PoolId>(std::string_view)>& pool_of) {
  core::Order out;
  out.kind = order.kind;
  out.op = order.op;
  out.epoch = order.epoch;
  out.vm = order.vm;
  out.generation = order.generation;
  out.grace = order.grace;
  out.forced = order.forced;
  out.spec.name = order.name;
  out.spec.uuid = order.uuid;
  out.spec.cpus = order.cpus;
  out.spec.cpu_mhz = order.cpu_mhz;
  out.spec.memory_bytes = order.memory_bytes;
  for (const OrderDisk& disk : order.disks) {
    core::Disk made;
    made.pool = pool_of(disk.pool_uuid).value_or(PoolId{});
    made.path = disk.path;
    made.format = disk.format;
    made.template_path = disk.template_path;
    made.size_bytes = disk.size_bytes;
    out.spec.disks.push_back(std::move(made));
  }
  return out;
}

}  // namespace mold::wire
