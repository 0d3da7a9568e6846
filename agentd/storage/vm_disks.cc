#include "agentd/storage/vm_disks.h"

#include <algorithm>
#include <utility>

#include "agentd/storage/disk_paths.h"
#include "lib/base/check.h"

namespace mold::agentd {
namespace {

using core::Outcome;
using port::HypervisorResult;

constexpr const char* kNoCeph = "this agent has no Ceph support";

HypervisorResult failed_with(ErrorKind kind, std::string text) {
  return {Outcome::kFailed, false, kind, std::move(text)};
}

HypervisorResult from_ceph(const core::Disk& disk, const port::CephAnswer& answer) {
  const bool done = answer.outcome == Outcome::kConfirmed;
  return {answer.outcome, false,
          done                                  ? ErrorKind::kInternal
          : answer.outcome == Outcome::kUnknown ? ErrorKind::kUnknown
                                                : answer.error,
          disk.path + ": " + answer.text};
}

core::Liveness presence_of(const port::ImageClients& image) {
  if (!image.problem.empty()) return core::Liveness::kUnknown;
  return image.exists ? core::Liveness::kAlive : core::Liveness::kSilent;
}

}  // namespace

struct VmDisks::Order {
  core::VmSpec spec;
  bool create = true;
  std::size_t at = 0;
  Done done;
};

// All disks first that need something done, then one question per pool.
struct VmDisks::Reading {
  core::VmSpec spec;
  std::size_t at = 0;
  std::vector<PoolId> asked;
  core::DiskReading out;
  Read done;

  void end(Outcome outcome, ErrorKind error, std::string text) {
    out.outcome = outcome;
    out.error = error;
    out.text = std::move(text);
    done(std::move(out));
  }
};

VmDisks::VmDisks(runtime::EventLoop& loop, Options options, port::CephStorage* clients,
                 port::CephStorage* images)
    : loop_(loop),
      options_(std::move(options)),
      clients_(clients),
      images_(images),
      files_(loop, options_.files),
      lvm_(loop, options_.lvm) {}

VmDisks::~VmDisks() {
  *alive_ = false;
}

// ---- making and removing ------------------------------------------------------------------------

void VmDisks::create(const core::VmSpec& spec, Done done) {
  const auto order = std::make_shared<Order>(Order{spec, true, 0, std::move(done)});
  loop_.post([this, alive = alive_, order] {
    if (*alive) next(order);
  });
}

void VmDisks::remove(const core::VmSpec& spec, Done done) {
  const auto order = std::make_shared<Order>(Order{spec, false, 0, std::move(done)});
  loop_.post([this, alive = alive_, order] {
    if (*alive) next(order);
  });
}

void VmDisks::next(const std::shared_ptr<Order>& order) {
  if (order->at == order->spec.disks.size()) {
    return order->done(
        {Outcome::kConfirmed, false, ErrorKind::kInternal, order->create ? "made" : "removed"});
  }
  const core::Disk& disk = order->spec.disks[order->at++];
  const wire::PoolInfo* const pool = hooks_.pool ? hooks_.pool(disk.pool) : nullptr;
  if (pool == nullptr) {
    return order->done(failed_with(ErrorKind::kNotFound, disk.path + ": its pool is not known"));
  }
  carry_out(order, disk, *pool);
}

void VmDisks::carry_out(const std::shared_ptr<Order>& order, const core::Disk& disk,
                        const wire::PoolInfo& pool) {
  const auto go_on = [this, order, alive = alive_](HypervisorResult result) {
    if (!*alive) return;
    if (result.outcome != Outcome::kConfirmed) return order->done(std::move(result));
    next(order);
  };
  switch (pool.kind) {
    case core::PoolKind::kDirectory:
    case core::PoolKind::kNfs:
    case core::PoolKind::kLocal: {
      if (const Status ready = hooks_.ready ? hooks_.ready(pool) : Status{}; !ready) {
        return order->done(failed_with(ready.error().kind, ready.error().what));
      }
      core::VmSpec one;
      one.disks = {disk};
      if (order->create) return files_.create(one, go_on);
      return files_.remove(one, go_on);
    }
    case core::PoolKind::kClvm:
      if (order->create) return lvm_.create(disk, pool, go_on);
      return lvm_.remove(disk, pool, go_on);
    case core::PoolKind::kRbd:
      return image(order, disk, pool);
  }
  MOLD_UNREACHABLE();
}

void VmDisks::image(const std::shared_ptr<Order>& order, const core::Disk& disk,
                    const wire::PoolInfo& pool) {
  if (images_ == nullptr) return order->done(failed_with(ErrorKind::kUnsupported, kNoCeph));
  const auto go_on = [this, order, disk, alive = alive_](const port::CephAnswer& answer) {
    if (!*alive) return;
    if (answer.outcome != Outcome::kConfirmed) return order->done(from_ceph(disk, answer));
    next(order);
  };
  const std::string name = name_in_pool(disk, pool);
  if (!order->create) {
    return images_->remove_disk(ceph_access(pool), name, options_.remove_deadline, go_on);
  }
  images_->create_disk(ceph_access(pool), {name, disk.size_bytes, disk.template_path},
                       options_.image_deadline, go_on);
}

// ---- before a start -----------------------------------------------------------------------------

void VmDisks::read(const core::VmSpec& spec, Read done) {
  const auto reading = std::make_shared<Reading>();
  reading->spec = spec;
  reading->done = std::move(done);
  if (hooks_.own_addresses) reading->out.own_addresses = hooks_.own_addresses();
  loop_.post([this, alive = alive_, reading] {
    if (*alive) next_reading(reading);
  });
}

void VmDisks::next_reading(const std::shared_ptr<Reading>& reading) {
  while (reading->at < reading->spec.disks.size()) {
    const core::Disk& disk = reading->spec.disks[reading->at++];
    const wire::PoolInfo* const pool = hooks_.pool ? hooks_.pool(disk.pool) : nullptr;
    if (pool == nullptr) {
      return reading->end(Outcome::kFailed, ErrorKind::kNotFound,
                          disk.path + ": its pool is not known");
    }
    if (pool->kind == core::PoolKind::kClvm) return activate(reading, disk, *pool);
    const auto& asked = reading->asked;
    if (pool->kind == core::PoolKind::kRbd &&
        std::find(asked.begin(), asked.end(), pool->id) == asked.end()) {
      return ask_clients(reading, *pool);
    }
  }
  reading->end(Outcome::kConfirmed, ErrorKind::kInternal, "read");
}

void VmDisks::activate(const std::shared_ptr<Reading>& reading, const core::Disk& disk,
                       const wire::PoolInfo& pool) {
  lvm_.activate(disk, pool, [this, reading, alive = alive_](const HypervisorResult& result) {
    if (!*alive) return;
    if (result.outcome != Outcome::kConfirmed) {
      return reading->end(result.outcome, result.error, result.text);
    }
    next_reading(reading);
  });
}

void VmDisks::ask_clients(const std::shared_ptr<Reading>& reading, const wire::PoolInfo& pool) {
  if (clients_ == nullptr) {
    return reading->end(Outcome::kFailed, ErrorKind::kUnsupported, kNoCeph);
  }
  reading->asked.push_back(pool.id);
  std::vector<std::string> images;
  for (const core::Disk& disk : reading->spec.disks) {
    if (disk.pool == pool.id) images.push_back(name_in_pool(disk, pool));
  }
  const auto take = [this, reading, alive = alive_,
                     path = pool.path](const port::CephClients& answer) {
    if (!*alive) return;
    if (answer.outcome != Outcome::kConfirmed) {
      return reading->end(answer.outcome, answer.error, answer.text);
    }
    for (const port::ImageClients& image : answer.images) {
      reading->out.disks.push_back({path + "/" + image.image, presence_of(image), image.watching});
    }
    next_reading(reading);
  };
  clients_->clients(ceph_access(pool), images, options_.clients_deadline, take);
}

}  // namespace mold::agentd
