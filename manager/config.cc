#include "manager/config.h"

#include <utility>

#include "core/model/profile.h"
#include "lib/base/text.h"

namespace mold::manager {
namespace {

using runtime::Config;
using runtime::OptionSpec;

constexpr std::string_view kConfigFile = "/etc/mold/manager.conf";
constexpr std::string_view kConfigDirectory = "/etc/mold/manager.conf.d";

struct PolicyDuration {
  const char* name;
  Duration core::Policy::*field;
  const char* help;
};
constexpr PolicyDuration kDurations[] = {
    {"beat_interval", &core::Policy::beat_interval, "agents beat this often"},
    {"suspect_after", &core::Policy::suspect_after, "no beat for this long: suspect"},
    {"dead_after", &core::Policy::dead_after, "silent on network and storage: may be fenced"},
    {"storage_alive_within", &core::Policy::storage_alive_within,
     "a storage counter that moved this recently is a sign of life"},
    {"observer_max_age", &core::Policy::observer_max_age, "older readings do not count"},
    {"observer_stall_limit", &core::Policy::observer_stall_limit,
     "observers that stalled longer do not count"},
    {"own_stall_limit", &core::Policy::own_stall_limit,
     "the manager was held up by more: it distrusts its view"},
    {"check_timeout", &core::Policy::check_timeout, "checking without evidence ends as degraded"},
    {"degraded_recheck", &core::Policy::degraded_recheck, "degraded hosts are looked at anew"},
    {"recover_timeout", &core::Policy::recover_timeout, "a reset host must be back by then"},
    {"power_deadline", &core::Policy::power_deadline, "one power request, read-back included"},
    {"fence_retry_first", &core::Policy::fence_retry_first, "first pause between fence attempts"},
    {"fence_retry_last", &core::Policy::fence_retry_last, "longest pause between fence attempts"},
    {"fence_escalate_after", &core::Policy::fence_escalate_after,
     "a level of fence devices without proof for so long: the next one joins in"},
    {"fence_reading_fresh", &core::Policy::fence_reading_fresh,
     "how long \"off\" of one power feed counts for the others"},
    {"fence_tolerance", &core::Policy::fence_tolerance,
     "powered off within this time: its power is not cut again"},
    {"lease_margin", &core::Policy::lease_margin, "on top of the deadline a host announced"},
    {"start_guard", &core::Policy::start_guard, "a start needs a lease of at least this"},
    {"vm_retry_first", &core::Policy::vm_retry_first, "first pause between HA starts"},
    {"vm_retry_last", &core::Policy::vm_retry_last, "longest pause between HA starts"},
    {"vm_settled_after", &core::Policy::vm_settled_after,
     "a VM that ran so long is started at once after a crash"},
    {"order_resend", &core::Policy::order_resend, "an unanswered order is sent again"},
    {"stop_grace", &core::Policy::stop_grace, "ACPI shutdown before force"},
    {"job_deadline", &core::Policy::job_deadline, "every job ends by then"},
};

struct PolicyNumber {
  const char* name;
  int core::Policy::*field;
  const char* help;
};
constexpr PolicyNumber kNumbers[] = {
    {"probation_beats", &core::Policy::probation_beats, "good beats before a host counts again"},
    {"brake_percent", &core::Policy::brake_percent, "more of a cluster silent: no fencing"},
    {"fence_parallel", &core::Policy::fence_parallel,
     "hosts of a cluster whose power is cut at the same time"},
    {"recover_attempts", &core::Policy::recover_attempts, "power resets before the power cut"},
    {"cpu_overcommit_percent", &core::Policy::cpu_overcommit_percent, "vCPUs per core, in percent"},
    {"memory_overcommit_percent", &core::Policy::memory_overcommit_percent, "memory, in percent"},
    {"start_attempts", &core::Policy::start_attempts, "hosts tried for a start"},
};
constexpr Duration kLongest{7LL * 24 * 60 * 60'000};

std::vector<OptionSpec> option_specs() {
  std::vector<OptionSpec> specs;
  const auto add = [&specs](std::string name, std::string fallback, std::string help) {
    OptionSpec spec;
    spec.name = std::move(name);
    spec.default_value = std::move(fallback);
    spec.help = std::move(help);
    specs.push_back(std::move(spec));
  };
  add("api.listen", "0.0.0.0:8080", "web API, plain HTTP; empty: off");
  add("api.tls.listen", "0.0.0.0:8443",
      "web API, HTTPS with the manager's own certificate; empty: off");
  add("api.plain.secrets", "false",
      "commands with passwords and tokens also over plain HTTP from other machines");
  add("api.connections.per.address", "256", "web API, connections of one address; 0: no limit");
  add("api.allow_sha1", "true", "take signatures of stock CloudStack clients (HMAC-SHA1)");
  add("agents.listen", "0.0.0.0:8250", "agents, HTTPS with mutual TLS");
  add("agents.connections.per.address", "256",
      "agents, connections of one address (hosts behind one NAT share it); 0: no limit");
  add("agents.names", "", "names and addresses agents reach us by, the first is preferred");
  add("state.dir", "/var/lib/mold-manager", "database, keys, certificates");
  add("job.expire.minutes", "1440", "ended jobs are forgotten after this");
  add("log.level", "info", "error, warning, notice, info or debug");
  add("integration.api.port", "0", "web API without authentication on 127.0.0.1; 0: off");
  add("lease.beat.interval", "1s", "hosts beat on storage this often");
  add("lease.deadline", "10s", "a host that cannot beat for this long stops its VMs itself");
  add("lease.require.mountpoint", "false", "beat only where something is mounted");
  add("ceph.program", "/usr/libexec/mold/mold-ceph", "what speaks to Ceph for us; absolute");
  add("outofbandmanagement.ipmitool.path", "/usr/bin/ipmitool", "the program; absolute");
  add("outofbandmanagement.ipmitool.interface", "lanplus", "IPMI interface: lanplus or lan");
  add("outofbandmanagement.ipmitool.retries", "1", "ipmitool -R: tries of one packet");
  add("redfish.ignore.ssl", "false",
      "do not check certificates of BMCs (a host may say otherwise)");
  add("redfish.use.https", "true", "false: plain HTTP to BMCs; passwords go in the clear");
  add("policy.profile", std::string(core::profiles().front().name),
      "default, or fast (quiet network and storage): what lease.* and policy.* are unless set "
      "here");
  const core::Policy defaults;
  for (const PolicyDuration& item : kDurations) {
    add(std::string("policy.") + item.name, runtime::format_duration(defaults.*item.field),
        item.help);
  }
  for (const PolicyNumber& item : kNumbers)
    add(std::string("policy.") + item.name, std::to_string(defaults.*item.field), item.help);
  add("policy.fence_race", "false", "all levels of fence devices at once");
  const auto flag = [&specs](std::string name, std::string help, char letter) {
    OptionSpec spec;
    spec.name = std::move(name);
    spec.default_value = "false";
    spec.help = std::move(help);
    spec.is_flag = true;
    spec.short_name = letter;
    spec.command_line_only = true;
    specs.push_back(std::move(spec));
  };
  flag("help", "this text", 'h');
  flag("version", "the version", 'V');
  flag("check-config", "check the settings and end", 0);
  OptionSpec file;
  file.name = "config";
  file.help = "settings file instead of " + std::string(kConfigFile);
  file.short_name = 'c';
  file.command_line_only = true;
  specs.push_back(std::move(file));
  return specs;
}

// Collects every problem instead of stopping at the first.
class Taker {
 public:
  explicit Taker(const Config& config) : config_(config) {}
  template <class T>
  void take(Result<T> result, T& out) {
    if (result)
      out = std::move(*result);
    else
      complain(result.error().what);
  }
  void endpoint(std::string_view name, Endpoint& out) {
    auto parsed = parse_endpoint(config_.text(name));
    if (parsed)
      out = std::move(*parsed);
    else
      complain(std::string(name) + ": " + parsed.error().what);
  }
  void complain(const std::string& problem) {
    problems_ += (problems_.empty() ? "" : "\n") + problem;
  }
  [[nodiscard]] const std::string& problems() const { return problems_; }

 private:
  const Config& config_;
  std::string problems_;
};

// What is not set by name stays as the profile has it.
void take_policy(const Config& config, Taker& taker, core::Policy& policy) {
  for (const PolicyDuration& item : kDurations) {
    const std::string name = std::string("policy.") + item.name;
    if (config.is_default(name)) continue;
    taker.take(config.duration(name, Duration{0}, kLongest), policy.*item.field);
  }
  for (const PolicyNumber& item : kNumbers) {
    const std::string name = std::string("policy.") + item.name;
    if (config.is_default(name)) continue;
    std::int64_t value = 0;
    taker.take(config.integer(name, 0, 1'000'000), value);
    policy.*item.field = static_cast<int>(value);
  }
  if (!config.is_default("policy.fence_race"))
    taker.take(config.boolean("policy.fence_race"), policy.fence_race);
  if (!taker.problems().empty()) return;
  if (const Status checked = core::check_policy(policy); !checked)
    taker.complain("policy." + checked.error().what);
}

void take_leases(const Config& config, Taker& taker, ManagerConfig& out) {
  if (!config.is_default("lease.beat.interval"))
    taker.take(config.duration("lease.beat.interval", 100ms, 10s), out.lease_beat_interval);
  if (!config.is_default("lease.deadline"))
    taker.take(config.duration("lease.deadline", 2s, 600s), out.lease_deadline);
  if (out.lease_deadline < out.lease_beat_interval * 3)
    taker.complain("lease.deadline: must be at least three times lease.beat.interval");
  taker.take(config.boolean("lease.require.mountpoint"), out.lease_mountpoint);
}

void take_profile(const Config& config, Taker& taker, ManagerConfig& out) {
  const core::Profile* const profile = core::find_profile(config.text("policy.profile"));
  if (profile == nullptr) {
    std::string known;
    for (const core::Profile& one : core::profiles())
      known += (known.empty() ? "" : ", ") + std::string(one.name);
    taker.complain("policy.profile: '" + config.text("policy.profile") + "' is none of " + known);
    return;
  }
  out.profile = profile->name;
  out.policy = profile->policy;
  out.lease_beat_interval = profile->lease_beat_interval;
  out.lease_deadline = profile->lease_deadline;
  take_leases(config, taker, out);
  take_policy(config, taker, out.policy);
  if (out.policy.storage_alive_within < out.lease_beat_interval * 2)
    taker.complain("policy.storage_alive_within: must be at least twice lease.beat.interval");
}

void take_path(const Config& config, Taker& taker, std::string_view name, std::string& out) {
  out = config.text(name);
  if (out.empty() || out.front() != '/')
    taker.complain(std::string(name) + ": must be an absolute path");
}

void take_log_level(const Config& config, Taker& taker, runtime::LogLevel& level) {
  for (const auto known :
       {runtime::LogLevel::kError, runtime::LogLevel::kWarning, runtime::LogLevel::kNotice,
        runtime::LogLevel::kInfo, runtime::LogLevel::kDebug}) {
    if (runtime::to_string(known) != config.text("log.level")) continue;
    level = known;
    return;
  }
  taker.complain("log.level: '" + config.text("log.level") +
                 "' is none of error, warning, notice, info, debug");
}

void take_count(const Config& config, Taker& taker, std::string_view name, unsigned& out) {
  std::int64_t value = 0;
  taker.take(config.integer(name, 0, 65'535), value);
  out = static_cast<unsigned>(value);
}

void take_power(const Config& config, Taker& taker, ManagerConfig& out) {
  take_path(config, taker, "outofbandmanagement.ipmitool.path", out.ipmitool_path);
  out.ipmitool_interface = config.text("outofbandmanagement.ipmitool.interface");
  if (out.ipmitool_interface != "lanplus" && out.ipmitool_interface != "lan")
    taker.complain("outofbandmanagement.ipmitool.interface: must be lanplus or lan");
  std::int64_t retries = 0;
  taker.take(config.integer("outofbandmanagement.ipmitool.retries", 1, 10), retries);
  out.ipmitool_retries = static_cast<int>(retries);
  taker.take(config.boolean("redfish.ignore.ssl"), out.redfish_ignore_ssl);
  taker.take(config.boolean("redfish.use.https"), out.redfish_use_https);
}

Result<ManagerConfig> take_all(const Config& config) {
  ManagerConfig out;
  Taker taker(config);
  taker.endpoint("api.listen", out.api);
  taker.endpoint("api.tls.listen", out.api_tls);
  out.api_tls_optional = config.is_default("api.tls.listen");
  taker.take(config.boolean("api.allow_sha1"), out.api_allow_sha1);
  taker.take(config.boolean("api.plain.secrets"), out.api_plain_secrets);
  take_count(config, taker, "api.connections.per.address", out.api_connections_per_address);
  take_count(config, taker, "agents.connections.per.address", out.agents_connections_per_address);
  taker.endpoint("agents.listen", out.agents);
  if (out.agents.address.empty()) taker.complain("agents.listen: must not be empty");
  out.agents_names = config.list("agents.names");
  take_path(config, taker, "state.dir", out.state_dir);
  take_path(config, taker, "ceph.program", out.ceph_program);
  std::int64_t minutes = 0;
  taker.take(config.integer("job.expire.minutes", 1, 60 * 24 * 365), minutes);
  out.job_expire = Duration{minutes * 60'000};
  take_log_level(config, taker, out.log_level);
  std::int64_t port = 0;
  taker.take(config.integer("integration.api.port", 0, 65'535), port);
  out.integration_port = static_cast<std::uint16_t>(port);
  if (port != 0 && out.api.address.empty() && out.api_tls.address.empty())
    taker.complain("integration.api.port: needs api.listen or api.tls.listen");
  take_power(config, taker, out);
  take_profile(config, taker, out);
  if (!taker.problems().empty()) return fail(ErrorKind::kInvalid, taker.problems());
  return out;
}

// "--config FILE" is needed before the file can be read.
std::string file_of(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.starts_with("--config=")) return argument.substr(9);
    if ((argument == "--config" || argument == "-c") && i + 1 < arguments.size())
      return arguments[i + 1];
  }
  return {};
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  text = trim(text);
  if (text.empty()) return Endpoint{};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return fail(ErrorKind::kInvalid, "'" + std::string(text) + "' is not ADDRESS:PORT");
  std::string_view address = text.substr(0, colon);
  if (address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!port || address.empty())
    return fail(ErrorKind::kInvalid, "'" + std::string(text) + "' is not ADDRESS:PORT");
  return Endpoint{std::string(address), *port};
}

Result<CommandLine> read_command_line(const std::vector<std::string>& arguments) {
  const std::string chosen = file_of(arguments);
  runtime::ConfigSources sources;
  sources.file = chosen.empty() ? std::string(kConfigFile) : chosen;
  sources.file_optional = chosen.empty();
  if (chosen.empty()) sources.directory = std::string(kConfigDirectory);
  sources.arguments = arguments;
  MOLD_TRY(const Config config, Config::load(option_specs(), sources));
  if (!config.positional().empty())
    return fail(ErrorKind::kInvalid, "what is '" + config.positional().front() + "'?");
  CommandLine line;
  MOLD_TRY(line.help, config.boolean("help"));
  MOLD_TRY(line.version, config.boolean("version"));
  MOLD_TRY(line.check_config, config.boolean("check-config"));
  line.warnings = config.warnings();
  if (line.help || line.version) return line;
  MOLD_TRY(line.config, take_all(config));
  return line;
}

std::string help_text() {
  return "Usage: mold-manager [--config FILE] [--SETTING=VALUE ...]\n"
         "The manager of a Mold HA cluster. Settings come from " +
         std::string(kConfigFile) + ", " + std::string(kConfigDirectory) +
         "/*.conf and the command line; the later wins.\n\n" +
         runtime::options_help(option_specs());
}

}  // namespace mold::manager
