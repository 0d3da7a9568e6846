#include "agentd/heartbeat/rados_settings.h"

#include "lib/base/text.h"

namespace mold::heartbeat {
namespace {

constexpr std::string_view kAlnum =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
constexpr std::string_view kSection = "[mold]";

bool made_of(std::string_view text, std::string_view others) {
  for (const char c : text) {
    if (kAlnum.find(c) == std::string_view::npos && others.find(c) == std::string_view::npos) {
      return false;
    }
  }
  return !text.empty();
}

bool is_user(std::string_view text) {
  return made_of(text, "-_.");
}

}  // namespace

Result<std::string> format_rados_settings(const RadosSettings& settings) {
  if (!made_of(settings.mon_host, ".:,[]/- ")) {
    return fail(ErrorKind::kInvalid, "not a list of monitors: " + settings.mon_host);
  }
  if (!is_user(settings.user)) {
    return fail(ErrorKind::kInvalid, "not the name of a Ceph user: " + settings.user);
  }
  if (!made_of(settings.keyring, "/-_.") || settings.keyring.front() != '/') {
    return fail(ErrorKind::kInvalid, "not the path of a keyring: " + settings.keyring);
  }
  return "[global]\nmon_host = " + settings.mon_host + "\nkeyring = " + settings.keyring + "\n" +
         std::string(kSection) + "\nuser = " + settings.user + "\n";
}

std::optional<std::string> rados_user_of(std::string_view text) {
  bool ours = false;
  for (const auto& raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (line.starts_with('[')) ours = line == kSection;
    const auto equals = line.find('=');
    if (!ours || equals == std::string_view::npos || trim(line.substr(0, equals)) != "user")
      continue;
    const auto user = trim(line.substr(equals + 1));
    if (!is_user(user)) return std::nullopt;
    return std::string(user);
  }
  return "admin";
}

Result<Secret> format_keyring(const std::string& user, const Secret& key) {
  if (!is_user(user)) return fail(ErrorKind::kInvalid, "not the name of a Ceph user: " + user);
  if (!made_of(key.reveal(), "+/=")) {
    return fail(ErrorKind::kInvalid, "the key of client." + user + " is not in base64");
  }
  return Secret("[client." + user + "]\nkey = " + key.reveal() + "\n");
}

}  // namespace mold::heartbeat
