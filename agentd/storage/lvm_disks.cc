#include "agentd/storage/lvm_disks.h"

#include <algorithm>
#include <utility>

#include "agentd/storage/disk_files.h"
#include "agentd/storage/disk_paths.h"
#include "lib/base/text.h"
#include "lib/runtime/files.h"
#include "lib/runtime/journal_log.h"

namespace mold::agentd {
namespace {

using core::Outcome;
using port::HypervisorResult;

constexpr const char* kTag = "mold-ha";
constexpr std::size_t kColumns = 5;
constexpr Duration kTemplateDeadline{60'000};

HypervisorResult lvm_done(std::string text) {
  return {Outcome::kConfirmed, false, ErrorKind::kInternal, std::move(text)};
}
HypervisorResult lvm_failed(ErrorKind kind, std::string text) {
  return {Outcome::kFailed, false, kind, std::move(text)};
}
HypervisorResult lvm_unknown(std::string text) {
  return {Outcome::kUnknown, false, ErrorKind::kUnknown, std::move(text)};
}

Status ran_well(const Result<runtime::ChildResult>& ran, const std::string& what) {
  if (!ran) return fail(ran.error().kind, what + ": " + ran.error().what);
  return runtime::child_status(*ran, what);
}

const LvmVolume* find_volume(const std::vector<LvmVolume>& volumes, const std::string& name) {
  const auto found = std::find_if(volumes.begin(), volumes.end(),
                                  [&name](const LvmVolume& v) { return v.name == name; });
  return found == volumes.end() ? nullptr : &*found;
}

}  // namespace

// "  name,size,active,open,tag:tag": separators and units as asked for.
Result<std::vector<LvmVolume>> parse_volumes(const std::string& text) {
  std::vector<LvmVolume> out;
  for (const std::string& line : split(text, '\n')) {
    const std::string_view row = trim(line);
    if (row.empty()) continue;
    const std::vector<std::string> columns = split(row, '|');
    const auto size =
        columns.size() == kColumns ? parse_number<std::uint64_t>(columns[1]) : std::nullopt;
    if (!size || columns[0].empty()) {
      return fail(ErrorKind::kInvalid, "lvs: '" + std::string(row) + "' makes no sense");
    }
    const std::vector<std::string> tags = split(columns[4], ',');
    out.push_back({columns[0], *size, columns[2] == "active", columns[3] == "open",
                   std::find(tags.begin(), tags.end(), kTag) != tags.end()});
  }
  return out;
}

// One volume on its way to its name.
struct LvmDisks::Making {
  core::Disk disk;
  std::string group;
  std::string pool_path;
  std::string name;
  std::string partial;
  std::vector<std::string> leftovers;
  struct Step {
    std::string program;
    std::vector<std::string> arguments;
    bool long_one = false;
  };
  std::vector<Step> steps;
  std::size_t next = 0;
  Done done;
};

LvmDisks::LvmDisks(runtime::EventLoop& loop, Options options)
    : loop_(loop), options_(std::move(options)), lane_(loop, "lvm", 1, 64) {
  lane_.set_grace(Duration{300});
}

LvmDisks::~LvmDisks() = default;

void LvmDisks::run(const std::string& program, const std::vector<std::string>& arguments,
                   Duration deadline, Ran ran) {
  const auto place = children_.emplace(children_.end());
  *place = runtime::run_child(loop_, outside(options_.how, program, arguments, deadline),
                              [this, place, ran = std::move(ran)](const auto& result) {
                                children_.erase(place);
                                ran(result);
                              });
}

void LvmDisks::lvm(std::vector<std::string> arguments, Ran ran) {
  run(options_.lvm, arguments, options_.deadline, std::move(ran));
}

void LvmDisks::list(const std::string& group, Listed listed) {
  lvm({"lvs", "--noheadings", "--nosuffix", "--units", "b", "--separator", "|", "-o",
       "lv_name,lv_size,lv_active,lv_device_open,lv_tags", group},
      [listed = std::move(listed)](const Result<runtime::ChildResult>& ran) {
        if (const Status good = ran_well(ran, "lvs"); !good) return listed(fail(good.error()));
        listed(parse_volumes(ran->out));
      });
}

// ---- making -------------------------------------------------------------------------------------

void LvmDisks::create(const core::Disk& disk, const wire::PoolInfo& pool, Done done) {
  auto making = std::make_shared<Making>();
  making->disk = disk;
  making->group = volume_group(pool);
  making->pool_path = pool.path;
  making->name = name_in_pool(disk, pool);
  making->done = std::move(done);
  list(making->group, [this, making](Result<std::vector<LvmVolume>> volumes) {
    if (!volumes) {  // nothing was asked for yet
      return making->done(lvm_failed(ErrorKind::kUnavailable, volumes.error().what));
    }
    plan(making, *volumes);
  });
}

void LvmDisks::plan(const std::shared_ptr<Making>& making, const std::vector<LvmVolume>& volumes) {
  if (const LvmVolume* const there = find_volume(volumes, making->name)) {
    return making->done(there->size_bytes >= making->disk.size_bytes
                            ? lvm_done("was there already")
                            : lvm_failed(ErrorKind::kConflict, making->disk.path +
                                                                   ": is there already and is "
                                                                   "smaller"));
  }
  // Of this host's own earlier attempts, those that are over.
  const std::string prefix = partial_prefix(making->name, options_.tag);
  for (const LvmVolume& volume : volumes) {
    const bool busy = std::find(partials_.begin(), partials_.end(), volume.name) != partials_.end();
    if (volume.name.starts_with(prefix) && !busy) making->leftovers.push_back(volume.name);
  }
  making->partial = prefix + runtime::new_uuid().substr(0, 4) + std::to_string(++attempts_);
  const std::string& from = making->disk.template_path;
  if (from.empty()) return fill(making, making->disk.size_bytes);
  lane_.submit(
      [from] { return template_size(from); },
      [this, making](Result<std::uint64_t> least) {
        if (!least) {
          const Error& error = least.error();
          const bool unknown = error.kind == ErrorKind::kUnknown;
          return making->done(lvm_failed(unknown ? ErrorKind::kTimeout : error.kind, error.what));
        }
        fill(making, std::max(*least, making->disk.size_bytes));
      },
      kTemplateDeadline);
}

void LvmDisks::fill(const std::shared_ptr<Making>& making, std::uint64_t size_bytes) {
  if (size_bytes == 0) {
    return making->done(lvm_failed(ErrorKind::kInvalid, "a disk without size and template"));
  }
  const std::string volume = making->group + "/" + making->partial;
  const std::string device = making->pool_path + "/" + making->partial;
  const std::string& from = making->disk.template_path;
  for (const std::string& leftover : making->leftovers) {
    making->steps.push_back(
        {options_.lvm, {"lvremove", "--yes", making->group + "/" + leftover}, false});
  }
  making->steps.push_back(
      {options_.lvm,
       {"lvcreate", "--yes", "--activate", "ey", "--addtag", kTag, "--name", making->partial,
        "--size", std::to_string(size_bytes) + "b", making->group},
       false});
  // A volume begins with what lay there before: another VM's data.
  making->steps.push_back({options_.blkdiscard, {"--zeroout", device}, true});
  if (!from.empty()) {
    making->steps.push_back(
        {options_.qemu_img,
         {"convert", "-n", "-f", format_of_template(from), "-O", "raw", from, device},
         true});
  }
  making->steps.push_back({options_.lvm, {"lvchange", "--activate", "n", volume}, false});
  partials_.push_back(making->partial);
  next_step(making);
}

void LvmDisks::next_step(const std::shared_ptr<Making>& making) {
  if (making->next == making->steps.size()) return publish(making);
  const Making::Step step = making->steps[making->next++];
  run(step.program, step.arguments, step.long_one ? options_.fill_deadline : options_.deadline,
      [this, making, step](const Result<runtime::ChildResult>& ran) {
        const Status good = ran_well(ran, step.program + " " + step.arguments.front());
        // Whatever it did lies under the partial name only.
        if (!good) return give_up(making, lvm_failed(ErrorKind::kInternal, good.error().what));
        next_step(making);
      });
}

void LvmDisks::publish(const std::shared_ptr<Making>& making) {
  lvm({"lvrename", making->group, making->partial, making->name},
      [this, making](const Result<runtime::ChildResult>& ran) {
        const Status good = ran_well(ran, "lvrename");
        list(making->group, [this, making, good](Result<std::vector<LvmVolume>> volumes) {
          if (!volumes) return give_up(making, lvm_unknown(volumes.error().what));
          const LvmVolume* const there = find_volume(*volumes, making->name);
          if (there != nullptr && there->size_bytes >= making->disk.size_bytes) {
            std::erase(partials_, making->partial);
            return making->done(lvm_done("made"));
          }
          const std::string why = good ? "it is not there" : good.error().what;
          const bool unknown = !good && good.error().kind == ErrorKind::kUnknown;
          give_up(making, unknown
                              ? lvm_unknown(why)
                              : lvm_failed(ErrorKind::kConflict, making->disk.path + ": " + why));
        });
      });
}

void LvmDisks::give_up(const std::shared_ptr<Making>& making, HypervisorResult result) {
  lvm({"lvremove", "--yes", making->group + "/" + making->partial},
      [this, making](const auto&) { std::erase(partials_, making->partial); });
  making->done(std::move(result));
}

// ---- removing, activating -----------------------------------------------------------------------

void LvmDisks::remove(const core::Disk& disk, const wire::PoolInfo& pool, Done done) {
  const std::string group = volume_group(pool);
  const std::string name = name_in_pool(disk, pool);
  list(group, [this, group, name, done](Result<std::vector<LvmVolume>> volumes) {
    if (!volumes) return done(lvm_failed(ErrorKind::kUnavailable, volumes.error().what));
    if (find_volume(*volumes, name) == nullptr) return done(lvm_done("was not there"));
    lvm({"lvremove", "--yes", group + "/" + name},
        [this, group, name, done](const Result<runtime::ChildResult>& ran) {
          const Status good = ran_well(ran, "lvremove");
          list(group, [name, good, done](Result<std::vector<LvmVolume>> after) {
            if (!after) return done(lvm_unknown(after.error().what));
            if (find_volume(*after, name) == nullptr) return done(lvm_done("removed"));
            const bool unknown = !good && good.error().kind == ErrorKind::kUnknown;
            const std::string why = good ? name + " is still there" : good.error().what;
            done(unknown ? lvm_unknown(why) : lvm_failed(ErrorKind::kConflict, why));
          });
        });
  });
}

void LvmDisks::activate(const core::Disk& disk, const wire::PoolInfo& pool, Done done) {
  activated_[disk.path] = loop_.now();
  lvm({"lvchange", "--activate", "ey", volume_group(pool) + "/" + name_in_pool(disk, pool)},
      [this, path = disk.path, done = std::move(done)](const Result<runtime::ChildResult>& ran) {
        activated_[path] = loop_.now();
        const Status good = ran_well(ran, path);
        if (good) return done(lvm_done("active"));
        const bool unknown = good.error().kind == ErrorKind::kUnknown;
        done(unknown ? lvm_unknown(good.error().what)
                     : lvm_failed(ErrorKind::kConflict,
                                  "could not be activated here: " + good.error().what));
      });
}

void LvmDisks::sweep(const wire::PoolInfo& pool) {
  const std::string group = volume_group(pool);
  if (sweeping_[group]) return;
  sweeping_[group] = true;
  list(group, [this, group, path = pool.path](Result<std::vector<LvmVolume>> volumes) {
    sweeping_[group] = false;
    if (!volumes) return;
    std::erase_if(activated_, [this](const auto& entry) {
      return loop_.now() - entry.second > options_.keep_active;
    });
    for (const LvmVolume& volume : *volumes) {
      if (!volume.ours || !volume.active || volume.open) continue;
      if (activated_.count(path + "/" + volume.name) != 0) continue;
      if (std::find(partials_.begin(), partials_.end(), volume.name) != partials_.end()) continue;
      lvm({"lvchange", "--activate", "n", group + "/" + volume.name},
          [name = volume.name](const Result<runtime::ChildResult>& ran) {
            const Status good = ran_well(ran, "lvchange");
            if (!good) runtime::log_warning("volume " + name + ": " + good.error().what);
          });
    }
  });
}

void LvmDisks::space(const wire::PoolInfo& pool, std::function<void(Result<Space>)> done) {
  lvm({"vgs", "--noheadings", "--nosuffix", "--units", "b", "--separator", "|", "-o",
       "vg_size,vg_free", volume_group(pool)},
      [done = std::move(done)](const Result<runtime::ChildResult>& ran) {
        if (const Status good = ran_well(ran, "vgs"); !good) return done(fail(good.error()));
        const std::vector<std::string> columns = split(trim(ran->out), '|');
        const auto total =
            columns.size() == 2 ? parse_number<std::uint64_t>(columns[0]) : std::nullopt;
        const auto free =
            columns.size() == 2 ? parse_number<std::uint64_t>(columns[1]) : std::nullopt;
        if (!total || !free) return done(fail(ErrorKind::kInvalid, "vgs: no sizes"));
        done(Space{*total, *free});
      });
}

}  // namespace mold::agentd
