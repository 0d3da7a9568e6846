#pragma once
// Settings of mold-agentd: /etc/mold/agentd.conf, conf.d beside it, then the command line. Compiled
// once, at start; everything that can be wrong is told at once, with file and line.
#include <string>
#include <vector>

#include "agentd/host/facts.h"
#include "agentd/libvirt/libvirt_hypervisor.h"
#include "lib/base/result.h"
#include "lib/runtime/config_file.h"
#include "lib/runtime/journal_log.h"

namespace mold::agentd {

inline constexpr const char* kDefaultConfigPath = "/etc/mold/agentd.conf";

struct AgentConfig {
  std::vector<std::string> managers;  // empty: those stored at enrolment
  std::string state_dir;
  std::string board_path;
  std::string epoch_path;
  std::string pools_path;
  LibvirtHypervisor::Options hypervisor;
  Reserve reserve;
  std::string runner;        // of programs that this service must not be (storage/outside.h)
  std::string ceph_program;  // mold-ceph
  std::string facts_root;
  std::string bus;  // system | none | an address
  runtime::LogLevel log_level = runtime::LogLevel::kInfo;
};

std::vector<runtime::OptionSpec> agent_options();
// kInvalid with every problem, one per line.
Result<AgentConfig> compile_config(const runtime::Config& config);

}  // namespace mold::agentd
