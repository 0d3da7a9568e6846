#include "agentd/agent.h"

#include <algorithm>
#include <utility>

#include "agentd/control/status_json.h"
#include "agentd/host/addresses.h"
#include "agentd/host/memory_trim.h"
#include "agentd/lease/pool_lines.h"
#include "agentd/libvirt/event_bridge.h"
#include "lib/runtime/files.h"
#include "lib/runtime/journal_log.h"
#include "lib/runtime/systemd_notify.h"
#include "lib/wire/convert.h"

namespace mold::agentd {
namespace {

constexpr Duration kStallTick{100};
constexpr Duration kStatusEvery{2'000};
constexpr Duration kLookForIdentity{2'000};
constexpr Duration kFileDeadline{30'000};
constexpr Duration kFirstTrim{3'000};
constexpr Duration kTrimEvery{600'000};

// Volumes that nobody has open are let go of, so that another host can take them.
constexpr Duration kVolumesEvery{15'000};
// As long as mold-heartbeat's board is taken for true.
constexpr Duration kBoardFresh{3'000};

VmDisks::Options disk_options(const AgentConfig& config, const std::string& boot_id) {
  VmDisks::Options options;
  // One host's own at any time: partial files of an earlier boot are not in use any more, but then
  // nobody needs their names either.
  options.files.tag = boot_id.substr(0, 8);
  options.lvm.tag = options.files.tag;
  options.lvm.how.runner = config.runner;
  return options;
}

NfsMounts::Options mount_options(const AgentConfig& config) {
  NfsMounts::Options options;
  options.how.runner = config.runner;
  return options;
}

}  // namespace

Agent::Agent(runtime::EventLoop& loop, AgentConfig config, HostFacts facts, Rooms rooms)
    : loop_(loop),
      config_(std::move(config)),
      facts_(std::move(facts)),
      rooms_(std::move(rooms)),
      leases_(config_.board_path),
      stall_(kStallTick),
      files_lane_(loop, "files", 1, 64),
      disks_(loop, disk_options(config_, facts_.boot_id), rooms_.ceph.get(),
             rooms_.ceph_images.get()),
      mounts_(loop, mount_options(config_)),
      gauge_(loop, leases_, {rooms_.ceph.get(), &mounts_, &disks_.lvm()}, {}),
      hypervisor_(loop, config_.hypervisor),
      brain_(loop, hypervisor_, disks_, leases_),
      link_(loop),
      renewal_(loop, files_lane_),
      bus_(loop, config_.bus,
           {[this] { return status_text(); }, [this] { return vms_json(brain_.brain().vms()); },
            [this] {
              leases_.refresh();
              const auto& board = leases_.snapshot();
              return leases_json(board ? &*board : nullptr, loop_.now());
            },
            [this] { link_.reconnect(); }}),
      identity_timer_(loop),
      stall_timer_(loop),
      status_timer_(loop),
      trim_timer_(loop),
      volumes_timer_(loop) {
  wire_storage();
}

Agent::~Agent() {
  EventBridge::detach();
}

Status Agent::start() {
  MOLD_TRY_VOID(EventBridge::install(loop_));
  stall_timer_.start_periodic(kStallTick, [this] { measure_stall(); });
  brain_.start({[this](core::OrderResult result) { link_.send_result(std::move(result)); },
                [this] { link_.send_report(); }, [this] { link_.say_hello(); }});
  mounts_.start([this](const wire::PoolInfo& pool) { return use_of(pool); });
  gauge_.start();
  volumes_timer_.start_periodic(kVolumesEvery, [this] {
    for (const wire::PoolInfo& pool : leases_.pools()) {
      if (pool.kind == core::PoolKind::kClvm) disks_.lvm().sweep(pool);
    }
  });
  bus_.start();
  find_identity();
  status_timer_.start_periodic(kStatusEvery, [this] { tell_systemd(); });
  tell_systemd();
  trim_later(kFirstTrim);
  return {};
}

// ---- storage ------------------------------------------------------------------------------------

void Agent::wire_storage() {
  const auto pool = [this](PoolId id) { return leases_.pool(id); };
  hypervisor_.set_pools(pool);
  VmDisks::Hooks hooks;
  hooks.pool = pool;
  hooks.ready = [this](const wire::PoolInfo& asked) -> Status {
    if (asked.kind != core::PoolKind::kNfs) return {};
    const NfsMounts::View view = mounts_.view(asked.uuid);
    if (view.state == core::MountState::kRight) return {};
    return fail(ErrorKind::kUnavailable, asked.path + ": " + view.text);
  };
  hooks.own_addresses = [] { return own_addresses(); };
  disks_.set_hooks(std::move(hooks));
}

// Which pools a domain uses cannot be told of one that an earlier life of this agent started, nor
// of one that is not ours: any domain at all counts.
core::PoolUse Agent::use_of(const wire::PoolInfo& pool) {
  const Instant now = loop_.now();
  leases_.refresh();
  const auto& board = leases_.snapshot();
  if (!board || board->age(now) > kBoardFresh) return core::PoolUse::kUnknown;
  if (!brain_.brain().ready() || !hypervisor_.connected()) return core::PoolUse::kUnknown;
  if (board->find(pool.uuid) != nullptr || brain_.foreign_domains() != 0) {
    return core::PoolUse::kInUse;
  }
  const std::vector<core::VmReport> vms = brain_.brain().vms();
  const bool any = std::any_of(vms.begin(), vms.end(), [](const core::VmReport& vm) {
    return vm.power != core::DomainPower::kGone;
  });
  return any ? core::PoolUse::kInUse : core::PoolUse::kFree;
}

void Agent::trim_later(Duration delay) {
  trim_timer_.start_after(delay, [this] {
    trim_memory();
    trim_later(kTrimEvery);
  });
}

// ---- identity -----------------------------------------------------------------------------------

void Agent::find_identity() {
  auto identity = load_identity(config_.state_dir);
  if (identity) return adopt(std::move(*identity));
  std::string trouble = identity.error().kind == ErrorKind::kNotFound
                            ? "not enrolled: run mold-agentd enrol"
                            : identity.error().what;
  if (identity_trouble_ != trouble) runtime::log_warning(trouble);
  identity_trouble_ = std::move(trouble);
  identity_timer_.start_after(kLookForIdentity, [this] { find_identity(); });
}

void Agent::adopt(Identity identity) {
  auto tls = runtime::TlsConfig::load(identity.tls_files);
  if (!tls) {
    identity_trouble_ = tls.error().what;
    identity_timer_.start_after(kLookForIdentity, [this] { find_identity(); });
    return;
  }
  tls_ = std::move(*tls);
  identity_trouble_.clear();
  identity_ = std::move(identity);
  leases_.set_host(identity_->host_uuid);
  ManagerLink::Hooks hooks;
  hooks.may_hello = [this] { return brain_.brain().ready(); };
  hooks.make_hello = [this] { return make_hello(); };
  hooks.on_session = [this](const auto& said, const auto& answer) { on_session(said, answer); };
  hooks.on_void = [this] { brain_.feed(core::SessionRefused{}); };
  hooks.on_order = [this](const wire::Order& order) { on_order(order); };
  hooks.make_beat = [this] { return make_beat(); };
  hooks.make_report = [this] { return make_report(); };
  hooks.on_pools = [this](std::uint64_t version, const std::vector<wire::PoolInfo>& pools) {
    take_pools(version, pools);
  };
  hooks.on_change = [this] { tell_systemd(); };
  link_.set_power(rooms_.power.get());
  if (rooms_.witness) {
    rooms_.witness->start([this](const std::string& node, const std::string& text) {
      link_.report_fenced("pacemaker", node, text);
    });
  }
  link_.start(std::move(hooks), config_.managers.empty() ? identity_->managers : config_.managers,
              tls_->current());
  keep_renewed();
}

void Agent::keep_renewed() {
  Renewal::Options options;
  options.state_dir = config_.state_dir;
  options.host_uuid = identity_->host_uuid;
  options.hostname = facts_.hostname;
  Renewal::Hooks hooks;
  hooks.tls = [this] { return tls_->current(); };
  hooks.managers = [this] {
    return config_.managers.empty() ? identity_->managers : config_.managers;
  };
  hooks.on_renewed = [this] { reload(); };
  renewal_.start(std::move(options), std::move(hooks));
}

void Agent::reload() {
  if (!tls_) return;
  const auto changed = tls_->reload();
  if (!changed) {
    runtime::log(runtime::LogLevel::kError, runtime::messages::kTlsReloadFailed,
                 changed.error().what);
    return;
  }
  link_.set_tls(tls_->current());
  if (*changed) {
    runtime::log(runtime::LogLevel::kNotice, runtime::messages::kTlsReloaded,
                 "certificates were read again");
  }
}

// ---- what the link asks for and tells -----------------------------------------------------------

wire::HelloRequest Agent::make_hello() {
  wire::HelloRequest hello;
  hello.host_uuid = identity_->host_uuid;
  hello.boot_id = facts_.boot_id;
  hello.incarnation = leases_.view(loop_.now()).incarnation;
  hello.agent_version = MOLD_VERSION;
  hello.hostname = facts_.hostname;
  hello.capacity = usable(facts_.total, config_.reserve);
  hello.facts = facts_.named;
  for (auto& [name, value] : hypervisor_.facts()) hello.facts[name] = value;
  hello.vms = brain_.brain().vms();
  return hello;
}

wire::BeatRequest Agent::make_beat() {
  measure_stall();
  const Instant now = loop_.now();
  const core::LeaseView view = leases_.view(now);
  wire::BeatRequest beat;
  beat.incarnation = view.incarnation;
  beat.self_stall_ms = static_cast<std::uint64_t>(stall_.worst(now).count());
  beat.pools_version = pools_version_;
  beat.readings = leases_.readings(now);
  beat.leases = leases_.own_leases();
  return beat;
}

wire::ReportRequest Agent::make_report() {
  wire::ReportRequest report;
  report.vms = brain_.brain().vms();
  report.pools = gauge_.reports();
  report.stats = read_stats(config_.facts_root);
  report.stats["foreign_vms"] = brain_.foreign_domains();
  return report;
}

void Agent::on_session(const wire::HelloRequest& said, const wire::HelloAnswer& answer) {
  runtime::log_info("session " + std::to_string(answer.epoch.value) + " with " + answer.manager,
                    {{"EPOCH", std::to_string(answer.epoch.value)}});
  const Status wrote =
      runtime::write_file_atomic(config_.epoch_path, std::to_string(answer.epoch.value) + "\n");
  if (!wrote) runtime::log_error("epoch file: " + wrote.error().what);
  cluster_uuid_ = answer.cluster_uuid;
  take_pools(answer.pools_version, answer.pools);
  if (!answer.managers.empty() && answer.managers != identity_->managers) {
    identity_->managers = answer.managers;
    files_lane_.submit(
        [dir = config_.state_dir, managers = answer.managers]() -> Result<bool> {
          MOLD_TRY_VOID(store_managers(dir, managers));
          return true;
        },
        [](const Result<bool>& done) {
          if (!done) runtime::log_warning("list of managers: " + done.error().what);
        },
        kFileDeadline);
  }
  trim_later(kFirstTrim);  // handshakes are over
  brain_.feed(
      core::SessionAccepted{answer.epoch, said.incarnation, Duration{answer.start_guard_ms}});
}

void Agent::on_order(const wire::Order& order) {
  brain_.feed(core::OrderArrived{
      wire::to_core(order, [this](std::string_view uuid) { return leases_.pool_of(uuid); })});
}

void Agent::take_pools(std::uint64_t version, const std::vector<wire::PoolInfo>& pools) {
  const bool same = version == pools_version_ && pools == leases_.pools();
  pools_version_ = version;
  leases_.set_pools(pools);
  if (!same) mounts_.set_pools(pools);
  if (!same) save_pools();
  gauge_.measure();
}

void Agent::save_pools() {
  const std::string ceph_dir = ceph_files_beside(config_.board_path);
  auto lines = pool_lines(cluster_uuid_, leases_.pools(), ceph_dir);
  for (const std::string& why : lines.left_out) {
    runtime::log_error("mold-heartbeat is not told of a pool: " + why);
  }
  files_lane_.submit(
      [path = config_.pools_path, ceph_dir, lines = std::move(lines)]() -> Result<bool> {
        MOLD_TRY_VOID(write_pool_lines(lines, path, ceph_dir));
        return true;
      },
      [](const Result<bool>& done) {
        if (!done) runtime::log_error("pools file: " + done.error().what);
      },
      kFileDeadline);
}

// ---- looking after itself -----------------------------------------------------------------------

void Agent::measure_stall() {
  const Instant now = loop_.now();
  stall_.tick(now);
  if (const auto late = leases_.supervisor_lateness(now)) stall_.note(*late, now);
}

std::string Agent::status_line() const {
  if (!identity_) return identity_trouble_;
  const ManagerLink::Status link = link_.status();
  std::string line = link.epoch
                         ? "session " + std::to_string(link.epoch.value) + " with " + link.manager
                         : "no session";
  if (!link.trouble.empty()) line += " (" + link.trouble + ")";
  std::size_t here = 0;
  for (const core::VmReport& vm : brain_.brain().vms()) {
    if (vm.power != core::DomainPower::kGone) ++here;
  }
  line += "; " + std::to_string(here) + " VMs";
  if (!hypervisor_.connected()) line += "; libvirt: " + hypervisor_.trouble();
  if (!leases_.trouble().empty()) line += "; leases: " + leases_.trouble();
  return line;
}

void Agent::tell_systemd() {
  std::string line = status_line();
  if (line == told_) return;
  runtime::systemd::status(line);
  told_ = std::move(line);
}

std::string Agent::status_text() const {
  AgentStatus status;
  status.version = MOLD_VERSION;
  if (identity_) status.host_uuid = identity_->host_uuid;
  status.hostname = facts_.hostname;
  status.boot_id = facts_.boot_id;
  status.link = link_.status();
  status.libvirt_connected = hypervisor_.connected();
  status.libvirt_trouble = hypervisor_.trouble();
  status.lease_trouble = leases_.trouble();
  status.vms = brain_.brain().vms().size();
  status.foreign_vms = brain_.foreign_domains();
  status.self_stall = stall_.worst(loop_.now());
  status.lag = loop_.lag();
  return status_json(status, loop_.now());
}

}  // namespace mold::agentd
