#include "fencing/ceph/caps.h"

#include <algorithm>
#include <utility>

namespace mold::ceph {
namespace {

const std::string kPoolRight = "profile rbd pool=";
// A pool that is not there.
constexpr std::string_view kNoObject = "allow r pool=none";

// Of the characters that a pool's name may have, only the dot means something else there.
std::string regex_quoted(const std::string& name) {
  std::string text;
  for (const char c : name) text += c == '.' ? std::string("[.]") : std::string(1, c);
  return text;
}

}  // namespace

Caps host_caps(const std::vector<std::string>& pools) {
  std::string osd;
  for (const std::string& pool : pools) osd += (osd.empty() ? "" : ", ") + kPoolRight + pool;
  return {{"mon", "profile rbd"}, {"osd", osd}};
}

Caps no_access_caps() {
  return {{"mon", "allow r"}, {"osd", std::string(kNoObject)}};
}

Caps fencer_caps(const std::string& user, const std::vector<std::string>& pools,
                 const std::string& host_user) {
  std::string any;
  for (const std::string& pool : pools) any += (any.empty() ? "" : "|") + regex_quoted(pool);
  const std::string one = kPoolRight + "(" + any + ")";
  const std::string only = " caps_mon regex \"^(profile rbd|allow r)$\" caps_osd regex \"^(" +
                           std::string(kNoObject) + "|" + one + "(, " + one + ")*)$\"";
  std::string mon =
      "profile rbd, allow command \"osd blocklist\" with blocklistop=rm addr regex "
      "\"^[^/]+/[0-9]+$\", allow command \"auth get\" with entity=client." +
      user;
  std::vector<std::string> whom = {"entity prefix client." + std::string(kHostUserPrefix)};
  if (!host_user.empty() && !host_user.starts_with(kHostUserPrefix))
    whom.push_back("entity=client." + host_user);
  for (const std::string& hosts : whom) {
    for (const char* const command : {"auth get", "auth rm"})
      mon += ", allow command \"" + std::string(command) + "\" with " + hosts;
    for (const char* const command : {"auth get-or-create", "auth caps"})
      mon += ", allow command \"" + std::string(command) + "\" with " + hosts + only;
  }
  return {{"mon", mon}, {"osd", host_caps(pools).at("osd")}};
}

std::string caps_line(const std::string& user, const Caps& caps) {
  std::string line = "ceph auth caps client." + user;
  for (const auto& [service, text] : caps) line += " " + service + " '" + text + "'";
  return line;
}

std::vector<std::string> pools_in(std::string_view osd_caps) {
  std::vector<std::string> pools;
  for (auto at = osd_caps.find(kPoolRight); at != std::string_view::npos;
       at = osd_caps.find(kPoolRight, at)) {
    at += kPoolRight.size();
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
