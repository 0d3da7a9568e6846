#pragma once
// The manager's settings: /etc/mold/manager.conf, then conf.d, then the command line. Checked as a
// whole before anything is opened; the result is a value.
#include <cstdint>
#include <string>
#include <vector>

#include "core/model/policy.h"
#include "lib/base/result.h"
#include "lib/runtime/config_file.h"
#include "lib/runtime/journal_log.h"

namespace mold::manager {

struct Endpoint {
  std::string address;  // empty: off
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
// "0.0.0.0:8080", "[::]:8080"; empty is off. kInvalid.
Result<Endpoint> parse_endpoint(std::string_view text);

struct ManagerConfig {
  Endpoint api{"0.0.0.0", 8080};
  Endpoint api_tls{"0.0.0.0", 8443};
  bool api_tls_optional = true;  // not asked for: a taken port is a warning only
  bool api_allow_sha1 = true;
  bool api_plain_secrets = false;
  unsigned api_connections_per_address = 256;
  unsigned agents_connections_per_address = 256;
  Endpoint agents{"0.0.0.0", 8250};
  std::vector<std::string> agents_names;  // how agents reach us; also told to them
  std::string state_dir = "/var/lib/mold-manager";
  Duration job_expire{24 * 60 * 60'000};
  runtime::LogLevel log_level = runtime::LogLevel::kInfo;
  std::uint16_t integration_port = 0;
  Duration lease_beat_interval{1'000};
  Duration lease_deadline{10'000};
  bool lease_mountpoint = false;
  std::string ceph_program = "/usr/libexec/mold/mold-ceph";
  // Power drivers; names as CloudStack's settings.
  std::string ipmitool_path = "/usr/bin/ipmitool";
  std::string ipmitool_interface = "lanplus";
  int ipmitool_retries = 1;
  bool redfish_ignore_ssl = false;
  bool redfish_use_https = true;
  std::string profile = "default";  // of core/model/profile.h
  core::Policy policy;
};

struct CommandLine {
  ManagerConfig config;
  bool help = false;
  bool version = false;
  bool check_config = false;
  std::vector<std::string> warnings;
};

// kInvalid with every problem found, one per line.
Result<CommandLine> read_command_line(const std::vector<std::string>& arguments);
std::string help_text();

}  // namespace mold::manager
