#include "agentd/host/facts.h"

#include <sys/utsname.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "lib/base/text.h"
#include "lib/runtime/files.h"

namespace mold::agentd {
namespace {

constexpr std::size_t kCpuinfoLimit = 16 * 1024 * 1024;

std::string first_line(const std::string& path) {
  const auto text = runtime::read_file(path);
  if (!text) return {};
  return std::string(trim(std::string_view(*text).substr(0, text->find('\n'))));
}

// "MemTotal:   16384 kB" -> bytes.
std::optional<std::uint64_t> meminfo(const std::string& text, std::string_view name) {
  for (const std::string& line : split(text, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || std::string_view(line).substr(0, colon) != name) continue;
    std::string_view value = trim(std::string_view(line).substr(colon + 1));
    value = value.substr(0, value.find(' '));
    const auto kib = parse_number<std::uint64_t>(value);
    if (kib) return *kib * 1024;
  }
  return std::nullopt;
}

struct CpuInfo {
  std::uint32_t cpus = 0;
  std::uint32_t mhz = 0;
  std::string model;
  std::set<std::string> sockets;
};

CpuInfo parse_cpuinfo(const std::string& text) {
  CpuInfo info;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string_view name = trim(std::string_view(line).substr(0, colon));
    const std::string_view value = trim(std::string_view(line).substr(colon + 1));
    if (name == "processor") ++info.cpus;
    if (name == "model name" && info.model.empty()) info.model = std::string(value);
    if (name == "physical id") info.sockets.emplace(value);
    if (name == "cpu MHz") {
      const auto mhz = parse_number<std::uint32_t>(value.substr(0, value.find('.')));
      info.mhz = std::max(info.mhz, mhz.value_or(0));
    }
  }
  return info;
}

void put(std::map<std::string, std::string>& facts, const char* name, std::string value) {
  if (!value.empty()) facts.emplace(name, std::move(value));
}

}  // namespace

Result<HostFacts> read_facts(const std::string& root) {
  HostFacts facts;
  facts.hostname = first_line(root + "/proc/sys/kernel/hostname");
  if (facts.hostname.empty()) facts.hostname = "localhost";
  facts.boot_id = to_lower(first_line(root + "/proc/sys/kernel/random/boot_id"));
  if (!is_uuid(facts.boot_id)) return fail(ErrorKind::kUnavailable, "no boot id in /proc");

  MOLD_TRY(const std::string memory, runtime::read_file(root + "/proc/meminfo"));
  const auto total = meminfo(memory, "MemTotal");
  if (!total) return fail(ErrorKind::kUnavailable, "no MemTotal in /proc/meminfo");
  facts.total.memory_bytes = *total;

  MOLD_TRY(const std::string cpuinfo, runtime::read_file(root + "/proc/cpuinfo", kCpuinfoLimit));
  const CpuInfo cpu = parse_cpuinfo(cpuinfo);
  if (cpu.cpus == 0) return fail(ErrorKind::kUnavailable, "no processor in /proc/cpuinfo");
  facts.total.cpus = cpu.cpus;
  facts.total.cpu_mhz = cpu.mhz;

  utsname names{};
  if (::uname(&names) == 0) put(facts.named, "arch", names.machine);
  put(facts.named, "kernel", first_line(root + "/proc/sys/kernel/osrelease"));
  put(facts.named, "cpu_model", cpu.model);
  put(facts.named, "sockets", std::to_string(std::max<std::size_t>(cpu.sockets.size(), 1)));
  // In a container these are of the machine underneath, and no BMC would ever agree with them.
  if (!runtime::file_exists(root + "/run/systemd/container")) {
    put(facts.named, "product_uuid", to_lower(first_line(root + "/sys/class/dmi/id/product_uuid")));
    put(facts.named, "product_serial", first_line(root + "/sys/class/dmi/id/product_serial"));
  }
  put(facts.named, "product_name", first_line(root + "/sys/class/dmi/id/product_name"));
  put(facts.named, "vendor", first_line(root + "/sys/class/dmi/id/sys_vendor"));
  return facts;
}

core::Capacity usable(const core::Capacity& total, const Reserve& reserve) {
  core::Capacity out = total;
  out.cpus = std::max(total.cpus > reserve.cpus ? total.cpus - reserve.cpus : 0U, 1U);
  out.memory_bytes =
      total.memory_bytes > reserve.memory_bytes ? total.memory_bytes - reserve.memory_bytes : 0;
  return out;
}

std::map<std::string, std::uint64_t> read_stats(const std::string& root) {
  std::map<std::string, std::uint64_t> stats;
  if (const auto memory = runtime::read_file(root + "/proc/meminfo")) {
    if (const auto available = meminfo(*memory, "MemAvailable")) {
      stats["memory_free_bytes"] = *available;
    }
  }
  // "0.42 0.30 ..." -> 420
  const std::string load = first_line(root + "/proc/loadavg");
  const std::string_view first = std::string_view(load).substr(0, load.find(' '));
  const std::size_t dot = first.find('.');
  if (dot != std::string_view::npos && first.size() == dot + 3) {
    const auto whole = parse_number<std::uint64_t>(first.substr(0, dot));
    const auto part = parse_number<std::uint64_t>(first.substr(dot + 1));
    if (whole && part) stats["load1_permille"] = *whole * 1000 + *part * 10;
  }
  return stats;
}

}  // namespace mold::agentd
