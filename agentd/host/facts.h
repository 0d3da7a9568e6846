#pragma once
// What this host is and has, from /proc and /sys under a root that tests choose. Small local files
// only; missing ones leave their fact out. Loop thread or any other; no state.
#include <cstdint>
#include <map>
#include <string>

#include "core/model/host.h"
#include "lib/base/result.h"

namespace mold::agentd {

struct HostFacts {
  std::string hostname;
  std::string boot_id;
  core::Capacity total;  // the whole host
  // arch, kernel, cpu_model, sockets, product_uuid, product_serial, product_name, vendor
  std::map<std::string, std::string> named;
};

// kUnavailable when memory, CPUs or boot id cannot be read: nothing sensible can be told then.
Result<HostFacts> read_facts(const std::string& root = "");

struct Reserve {
  std::uint64_t memory_bytes = 0;
  std::uint32_t cpus = 0;
};
// What VMs may use; never below one CPU.
core::Capacity usable(const core::Capacity& total, const Reserve& reserve);

// What a report tells now and then: memory_free_bytes, load1_permille.
std::map<std::string, std::uint64_t> read_stats(const std::string& root = "");

}  // namespace mold::agentd
