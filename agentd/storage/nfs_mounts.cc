#include "agentd/storage/nfs_mounts.h"

#include <utility>

#include "lib/base/check.h"
#include "lib/runtime/files.h"
#include "lib/runtime/journal_log.h"

namespace mold::agentd {
namespace {

constexpr std::size_t kTableLimit = 4 * 1024 * 1024;
constexpr Duration kTableDeadline{3'000};
constexpr Duration kDirectoryDeadline{10'000};

// A guest's write must fail only when the storage is given up, and that is mold-heartbeat's to say:
// "soft" would turn a slow server into a guest with a broken file system.
std::vector<std::string> mount_arguments(const NfsSource& source, const std::string& path) {
  std::string options = "hard,nosuid,nodev,proto=tcp";
  if (!source.port.empty()) options += ",port=" + source.port;
  return {"-t", "nfs", "-o", options, source.device(), path};
}

}  // namespace

NfsMounts::NfsMounts(runtime::EventLoop& loop, Options options)
    : loop_(loop), options_(std::move(options)), lane_(loop, "mounts", 1, 64), timer_(loop) {
  lane_.set_grace(Duration{50});
}

NfsMounts::~NfsMounts() = default;

void NfsMounts::start(UseOf use) {
  use_ = std::move(use);
  timer_.start_periodic(options_.look_every, [this] { look(); });
}

void NfsMounts::set_pools(const std::vector<wire::PoolInfo>& pools) {
  for (auto& [uuid, watched] : watched_) watched.wanted = core::Wanted::kNo;
  for (const wire::PoolInfo& pool : pools) {
    if (pool.kind != core::PoolKind::kNfs) continue;
    Watched& watched = watched_[pool.uuid];
    watched.wanted = core::Wanted::kYes;
    if (watched.pool == pool) continue;
    watched.pool = pool;
    const auto source = parse_nfs_source(pool.source);
    watched.trouble = source ? "" : source.error().what;
    watched.source = source.value_or(NfsSource{});
    watched.state = core::MountState::kUnknown;  // of another path or source, for all we know
  }
  look();
}

void NfsMounts::note_health(const std::string& uuid, core::MountHealth health) {
  if (const auto found = watched_.find(uuid); found != watched_.end()) {
    found->second.health = health;
  }
}

NfsMounts::View NfsMounts::view(const std::string& uuid) const {
  const auto found = watched_.find(uuid);
  if (found == watched_.end()) return {core::MountState::kUnknown, "not looked at yet"};
  const Watched& watched = found->second;
  const std::string from = watched.source.device();
  const std::string why = watched.trouble.empty() ? "" : ": " + watched.trouble;
  switch (watched.state) {
    case core::MountState::kUnknown:
      return {watched.state, "not known whether it is mounted" + why};
    case core::MountState::kNothing:
      return {watched.state, "not mounted from " + from + why};
    case core::MountState::kWrong:
      return {watched.state, "something else than " + from + " is mounted there"};
    case core::MountState::kRight:
      return {watched.state, watched.health == core::MountHealth::kStale
                                 ? "mounted from " + from + ", but the server forgot it" + why
                                 : "mounted from " + from};
  }
  MOLD_UNREACHABLE();
}

void NfsMounts::look() {
  if (looking_ || watched_.empty()) return;
  looking_ = true;
  lane_.submit(
      [table = options_.table]() -> Result<std::vector<Mount>> {
        MOLD_TRY(const std::string text, runtime::read_file(table, kTableLimit));
        return parse_mountinfo(text);
      },
      [this](const Result<std::vector<Mount>>& mounts) {
        looking_ = false;
        looked(mounts);
      },
      kTableDeadline);
}

void NfsMounts::looked(const Result<std::vector<Mount>>& mounts) {
  for (auto& [uuid, watched] : watched_) {
    const bool known = mounts.has_value() && !watched.source.path.empty();
    watched.state = known ? state_of(mounted_at(*mounts, watched.pool.path), watched.source)
                          : core::MountState::kUnknown;
    if (!mounts) watched.trouble = mounts.error().what;
    if (watched.state == core::MountState::kRight && watched.health != core::MountHealth::kStale) {
      watched.trouble.clear();
    }
    judge(watched);
  }
  // What is not wanted and not there is of no concern any more.
  std::erase_if(watched_, [](const auto& entry) {
    const Watched& watched = entry.second;
    return watched.wanted == core::Wanted::kNo && !watched.under_way &&
           watched.state != core::MountState::kRight &&
           (watched.state != core::MountState::kUnknown || watched.source.path.empty());
  });
}

void NfsMounts::judge(Watched& watched) {
  if (watched.under_way || loop_.now() < watched.not_before) return;
  const core::PoolUse use = use_ ? use_(watched.pool) : core::PoolUse::kUnknown;
  switch (core::next_mount_step(watched.wanted, watched.state, watched.health, use)) {
    case core::MountStep::kNothing:
      return;
    case core::MountStep::kMount:
      return mount(watched);
    case core::MountStep::kUnmount:
      return unmount(watched);
  }
  MOLD_UNREACHABLE();
}

void NfsMounts::mount(Watched& watched) {
  watched.under_way = true;
  const std::string uuid = watched.pool.uuid;
  runtime::log_info("mounting " + watched.source.device() + " at " + watched.pool.path);
  lane_.submit(
      [path = watched.pool.path]() -> Result<bool> {
        MOLD_TRY_VOID(runtime::make_dirs(path));
        return true;
      },
      [this, uuid](const Result<bool>& made) {
        const auto found = watched_.find(uuid);
        if (found == watched_.end()) return;
        if (!made) return stepped(uuid, made.error().what);
        const Watched& ready = found->second;
        run(uuid, "mount",
            outside(options_.how, options_.mount, mount_arguments(ready.source, ready.pool.path),
                    options_.deadline));
      },
      kDirectoryDeadline);
}

void NfsMounts::unmount(Watched& watched) {
  watched.under_way = true;
  runtime::log_info("unmounting " + watched.pool.path);
  run(watched.pool.uuid, "umount",
      outside(options_.how, options_.umount, {watched.pool.path}, options_.deadline));
}

void NfsMounts::run(const std::string& uuid, const std::string& what, runtime::ChildSpec spec) {
  const auto place = children_.emplace(children_.end());
  *place = runtime::run_child(loop_, std::move(spec), [this, uuid, what, place](const auto& ran) {
    children_.erase(place);
    const Status good = ran ? runtime::child_status(*ran, what) : Status(fail(ran.error()));
    stepped(uuid, good ? "" : good.error().what);
  });
}

// What came of it is for the next look to say.
void NfsMounts::stepped(const std::string& uuid, const std::string& trouble) {
  const auto found = watched_.find(uuid);
  if (found == watched_.end()) return;
  Watched& watched = found->second;
  watched.under_way = false;
  watched.trouble = trouble;
  watched.health = core::MountHealth::kUnknown;
  if (!trouble.empty()) {
    watched.not_before = loop_.now() + options_.try_again;
    runtime::log_warning("pool " + watched.pool.path + ": " + trouble);
  }
  look();
}

}  // namespace mold::agentd
