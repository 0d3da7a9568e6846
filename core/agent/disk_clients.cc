#include "core/agent/disk_clients.h"

#include <algorithm>

namespace mold::core {
namespace {

bool holds(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// The client that forbids it, or null.
const std::string* stranger(StartStep step, const DiskClients& disk, const DiskReading& reading,
                            const std::vector<std::string>& leftovers) {
  const std::string* own = nullptr;
  for (const std::string& client : disk.clients) {
    if (holds(leftovers, client)) continue;
    const std::string address = address_of_client(client);
    const bool ours = step == StartStep::kBeforeResume && !address.empty() &&
                      holds(reading.own_addresses, address);
    // QEMU opens each disk once: a second client of this host is somebody else.
    if (!ours || own != nullptr) return &client;
    own = &client;
  }
  return nullptr;
}

}  // namespace

DiskKind kind_of(const Disk& disk) {
  if (disk.path.starts_with("rbd:")) return DiskKind::kRbd;
  return disk.path.starts_with("/dev/") ? DiskKind::kBlock : DiskKind::kFile;
}

bool needs_reading(const VmSpec& spec) {
  return std::any_of(spec.disks.begin(), spec.disks.end(),
                     [](const Disk& disk) { return kind_of(disk) != DiskKind::kFile; });
}

std::optional<StartRefusal> judge_clients(StartStep step, const VmSpec& spec,
                                          const DiskReading& reading,
                                          const std::vector<std::string>& leftovers) {
  if (reading.outcome != Outcome::kConfirmed) {
    // Nothing was started, so nothing about the start is unknown.
    const bool unknown =
        reading.outcome == Outcome::kUnknown || reading.error == ErrorKind::kUnknown;
    return StartRefusal{unknown ? ErrorKind::kTimeout : reading.error,
                        "who has its disks open could not be read: " + reading.text};
  }
  for (const Disk& disk : spec.disks) {
    if (kind_of(disk) != DiskKind::kRbd) continue;
    const auto found = std::find_if(reading.disks.begin(), reading.disks.end(),
                                    [&disk](const auto& d) { return d.path == disk.path; });
    if (found == reading.disks.end() || found->presence == Liveness::kUnknown) {
      return StartRefusal{ErrorKind::kTimeout, disk.path + ": who has it open was not told"};
    }
    if (found->presence == Liveness::kSilent) {
      return StartRefusal{ErrorKind::kNotFound, disk.path + " does not exist"};
    }
    if (const std::string* const client = stranger(step, *found, reading, leftovers)) {
      return StartRefusal{ErrorKind::kConflict, disk.path + " is open at " + *client};
    }
  }
  return std::nullopt;
}

std::string address_of_client(std::string_view client) {
  if (client.starts_with('[')) {
    const auto end = client.find("]:");
    return end == std::string_view::npos ? "" : std::string(client.substr(1, end - 1));
  }
  const auto colon = client.find(':');
  // More than one colon without brackets is no address that we could compare.
  if (colon == std::string_view::npos || client.find(':', colon + 1) != std::string_view::npos) {
    return {};
  }
  return std::string(client.substr(0, colon));
}

}  // namespace mold::core
