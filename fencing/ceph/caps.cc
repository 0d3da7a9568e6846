#include "fencing/ceph/caps.h"

#include <algorithm>
#include <utility>

namespace mold::ceph {

Caps host_caps(const std::vector<std::string>& pools) {
  std::string osd;
  for (const std::string& pool : pools) {
    if (!osd.empty()) osd += ", ";
    osd += "profile rbd pool=" + pool + ", allow rwx pool=" + pool +
           " namespace=" + std::string(kBeatNamespace);
  }
  return {{"mon", "profile rbd"}, {"osd", osd}};
}

Caps no_access_caps() {
  return {{"mon", "allow r"}};
}

Caps fencer_caps(const std::string& user, const std::vector<std::string>& pools,
                 const std::string& host_user) {
  std::string mon = "profile rbd, allow command \"osd blocklist\"";
  mon += ", allow command \"auth get\" with entity=client." + user;
  std::vector<std::string> whom = {"entity prefix client." + std::string(kHostUserPrefix)};
  if (!host_user.empty() && !host_user.starts_with(kHostUserPrefix))
    whom.push_back("entity=client." + host_user);
  for (const std::string& hosts : whom) {
    for (const char* const command : {"auth get", "auth get-or-create", "auth caps"})
      mon += ", allow command \"" + std::string(command) + "\" with " + hosts;
  }
  std::string osd;
  for (const std::string& pool : pools) {
    if (!osd.empty()) osd += ", ";
    osd += "profile rbd pool=" + pool;
  }
  return {{"mon", mon}, {"osd", osd}};
}

std::string caps_line(const std::string& user, const Caps& caps) {
  std::string line = "ceph auth caps client." + user;
  for (const auto& [service, text] : caps) line += " " + service + " '" + text + "'";
  return line;
}

std::vector<std::string> pools_in(std::string_view osd_caps) {
  constexpr std::string_view kBefore = "profile rbd pool=";
  std::vector<std::string> pools;
  for (auto at = osd_caps.find(kBefore); at != std::string_view::npos;
       at = osd_caps.find(kBefore, at)) {
    at += kBefore.size();
    const auto end = std::min(osd_caps.find_first_of(", ;\"'", at), osd_caps.size());
    std::string pool(osd_caps.substr(at, end - at));
    if (!pool.empty() && std::find(pools.begin(), pools.end(), pool) == pools.end())
      pools.push_back(std::move(pool));
  }
  return pools;
}

std::string permitting_line(const port::CephAccess& access, std::string_view osd_caps,
                            const std::string& host_user) {
  std::vector<std::string> pools = pools_in(osd_caps);
  if (std::find(pools.begin(), pools.end(), access.pool) == pools.end())
    pools.push_back(access.pool);
  return caps_line(access.user, fencer_caps(access.user, pools, host_user));
}

}  // namespace mold::ceph
