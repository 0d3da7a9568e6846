#include "agentd/storage/disk_store.h"

#include <utility>

#include "lib/runtime/files.h"

namespace mold::agentd {
namespace {

using core::Outcome;
using port::HypervisorResult;

constexpr std::size_t kFileThreads = 2;
constexpr std::size_t kFileQueue = 256;
constexpr Duration kFileGrace{300};

HypervisorResult files_done(std::string text) {
  return {Outcome::kConfirmed, false, ErrorKind::kInternal, std::move(text)};
}

HypervisorResult files_refused(Error error) {
  const bool unknown = error.kind == ErrorKind::kUnknown;
  return {unknown ? Outcome::kUnknown : Outcome::kFailed, false, error.kind, std::move(error.what)};
}

std::vector<std::string> tool_arguments(const core::Disk& disk, const std::string& partial,
                                        std::uint64_t size_bytes) {
  const std::string from = format_of_template(disk.template_path);
  if (disk.format == "raw") {
    return {"convert", "-f", from, "-O", "raw", disk.template_path, partial};
  }
  std::vector<std::string> arguments = {"create", "-q", "-f", "qcow2"};
  if (!disk.template_path.empty()) {
    arguments.insert(arguments.end(), {"-F", from, "-b", disk.template_path});
  }
  arguments.insert(arguments.end(), {partial, std::to_string(size_bytes)});
  return arguments;
}

}  // namespace

struct DiskStore::Making {
  core::VmSpec spec;
  std::size_t next = 0;
  std::size_t made = 0;
  std::string partial;
  Done done;

  [[nodiscard]] const core::Disk& disk() const { return spec.disks[next]; }
};

DiskStore::DiskStore(runtime::EventLoop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      lane_(loop, "storage", kFileThreads, kFileQueue),
      life_(runtime::new_uuid().substr(0, 8)),
      alive_(std::make_shared<bool>(true)) {
  lane_.set_grace(kFileGrace);
}

DiskStore::~DiskStore() {
  *alive_ = false;
}

void DiskStore::create(const core::VmSpec& spec, Done done) {
  auto making = std::make_shared<Making>();
  making->spec = spec;
  making->done = std::move(done);
  loop_.post([this, alive = alive_, making] {
    if (*alive) make_next(making);
  });
}

void DiskStore::make_next(const std::shared_ptr<Making>& making) {
  if (making->next == making->spec.disks.size()) {
    making->done(files_done(making->made == 0 ? "was there already" : "made"));
    return;
  }
  const std::string prefix = partial_prefix(making->disk().path, options_.tag);
  making->partial = prefix + life_ + "-" + std::to_string(++attempts_);
  partials_.insert(making->partial);
  lane_.submit([disk = making->disk(), prefix,
                in_use = partials_] { return plan_disk(disk, prefix, in_use); },
               [this, making](Result<DiskPlan> plan) {
                 if (!plan) return give_up(making, std::move(plan).error());
                 if (plan->there) {
                   partials_.erase(making->partial);
                   ++making->next;
                   return make_next(making);
                 }
                 if (plan->needs_tool) return fill(making, *plan);
                 publish(making, *plan);
               },
               options_.file_deadline);
}

void DiskStore::fill(const std::shared_ptr<Making>& making, const DiskPlan& plan) {
  runtime::ChildSpec spec;
  spec.program = options_.qemu_img;
  spec.args = tool_arguments(making->disk(), making->partial, plan.size_bytes);
  spec.deadline = options_.tool_deadline;
  spec.output_cap = 16 * 1024;
  const auto place = children_.emplace(children_.end());
  *place = runtime::run_child(
      loop_, std::move(spec),
      [this, making, plan, place](const Result<runtime::ChildResult>& result) {
        children_.erase(place);
        if (!result) return give_up(making, result.error());
        // Killed or failed: what it wrote lies under the partial name only.
        const Status status = runtime::child_status(*result, "qemu-img");
        if (!status) {
          return give_up(making, Error{ErrorKind::kInternal, status.error().what});
        }
        publish(making, plan);
      });
}

void DiskStore::publish(const std::shared_ptr<Making>& making, const DiskPlan& plan) {
  lane_.submit(
      [disk = making->disk(), partial = making->partial, plan]() -> Result<bool> {
        MOLD_TRY_VOID(publish_disk(disk, partial, plan));
        return true;
      },
      [this, making](Result<bool> result) {
        if (!result) return give_up(making, std::move(result).error());
        partials_.erase(making->partial);
        ++making->next;
        ++making->made;
        make_next(making);
      },
      options_.file_deadline);
}

void DiskStore::give_up(const std::shared_ptr<Making>& making, Error error) {
  if (error.kind != ErrorKind::kUnknown) {
    lane_.submit(
        [partial = making->partial]() -> Result<bool> {
          static_cast<void>(remove_disk(partial));
          return true;
        },
        [this, partial = making->partial](const Result<bool>&) { partials_.erase(partial); },
        options_.file_deadline);
  }
  making->done(files_refused(std::move(error)));
}

void DiskStore::remove(const core::VmSpec& spec, Done done) {
  lane_.submit(
      [disks = spec.disks]() -> Result<bool> {
        for (const core::Disk& disk : disks) MOLD_TRY_VOID(remove_disk(disk.path));
        return true;
      },
      [done = std::move(done)](Result<bool> result) {
        done(result ? files_done("removed") : files_refused(std::move(result).error()));
      },
      options_.file_deadline);
}

}  // namespace mold::agentd
