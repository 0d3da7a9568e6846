#include "manager/first_start.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <utility>

#include "lib/base/text.h"
#include "lib/runtime/crypto.h"
#include "lib/runtime/files.h"
#include "lib/wire/enrol_token.h"
#include "manager/api/server.h"

namespace mold::manager {
namespace {

constexpr const char* kKeyFileWritten = "admin.conf.written";
constexpr std::size_t kKeyBytes = 48;
constexpr Duration kFirstCommit{10'000};

std::string random_key() {
  return wire::base64url_encode(runtime::random_bytes(kKeyBytes));
}

Status make_admin(Inventory& inventory, const SecretBox& box) {
  Account account;
  account.name = "admin";
  account.domain_uuid = runtime::new_uuid();
  MOLD_TRY(const Account made, inventory.create(std::move(account)));
  User user;
  user.account = made.id;
  user.name = "admin";
  user.uuid = runtime::new_uuid();
  user.api_key = random_key();
  MOLD_TRY(user.sealed_secret, box.seal_user_secret(user.uuid, Secret(random_key())));
  return inventory.create(std::move(user)).transform([](const User&) {});
}

// What hactl on this machine uses. Plain HTTP where it stays on the machine; else HTTPS, for what
// comes from elsewhere must not carry secrets in the clear.
bool uses_tls(const ManagerConfig& config) {
  const std::string& plain = config.api.address;
  const bool local = plain == "0.0.0.0" || plain == "::" || api::is_loopback(plain);
  return plain.empty() || (!local && !config.api_tls.address.empty());
}

std::string api_url(const ManagerConfig& config) {
  const bool tls = uses_tls(config);
  const Endpoint& endpoint = tls ? config.api_tls : config.api;
  std::string address = endpoint.address;
  if (address == "0.0.0.0") address = "127.0.0.1";
  if (address == "::") address = "::1";
  if (address.find(':') != std::string::npos) address = "[" + address + "]";
  return (tls ? "https://" : "http://") + address + ":" + std::to_string(endpoint.port) +
         "/client/api";
}

Status write_key_file(const ManagerConfig& config, const Inventory& inventory,
                      const SecretBox& box) {
  for (const auto& [id, user] : inventory.users().all()) {
    if (user.account != inventory.root_account().id || user.api_key.empty()) continue;
    MOLD_TRY(const Secret secret, box.open_user_secret(user));
    std::string text = "# Made at the first start: the key of the root admin, as hactl reads it.\n";
    text += "url=" + api_url(config) + "\n";
    if (uses_tls(config)) text += "cacert=" + config.state_dir + "/pki/ca.crt\n";
    text += "apikey=" + user.api_key + "\n";
    text += "secretkey=" + secret.reveal() + "\n";
    const Status written = runtime::write_file_atomic(config.state_dir + "/admin.conf", text, 0600);
    wipe(text);
    return written;
  }
  return {};
}

Status commit(runtime::EventLoop& loop, Engine& engine) {
  if (loop.run_until([&engine] { return engine.idle(); }, kFirstCommit)) return {};
  const StoreState store = engine.store_state();
  return fail(ErrorKind::kUnavailable,
              store.problem.empty() ? "store: cannot write: no answer" : store.problem);
}

}  // namespace

Status prepare_first_start(runtime::EventLoop& loop, const ManagerConfig& config, Engine& engine,
                           Inventory& inventory, const SecretBox& box) {
  if (inventory.accounts().all().empty()) MOLD_TRY_VOID(make_admin(inventory, box));
  if (inventory.setting(kManagerUuidSetting).empty())
    MOLD_TRY_VOID(inventory.set_setting(kManagerUuidSetting, runtime::new_uuid()));
  MOLD_TRY_VOID(commit(loop, engine));
  if (!inventory.setting(kKeyFileWritten).empty()) return {};
  MOLD_TRY_VOID(write_key_file(config, inventory, box));
  MOLD_TRY_VOID(inventory.set_setting(kKeyFileWritten, "true"));
  return commit(loop, engine);
}

std::vector<std::string> own_names(const std::vector<std::string>& configured) {
  std::set<std::string> found{"localhost", "127.0.0.1", "::1"};
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) found.insert(host.data());
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) == 0) {
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(raw, &::freeifaddrs);
    for (const ifaddrs* item = raw; item != nullptr; item = item->ifa_next) {
      if (item->ifa_addr == nullptr) continue;
      std::array<char, INET6_ADDRSTRLEN> text{};
      if (item->ifa_addr->sa_family == AF_INET) {
        const auto* const in4 = reinterpret_cast<const sockaddr_in*>(item->ifa_addr);
        inet_ntop(AF_INET, &in4->sin_addr, text.data(), text.size());
      } else if (item->ifa_addr->sa_family == AF_INET6) {
        const auto* const in6 = reinterpret_cast<const sockaddr_in6*>(item->ifa_addr);
        if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) continue;
        inet_ntop(AF_INET6, &in6->sin6_addr, text.data(), text.size());
      }
      if (text.front() != '\0') found.insert(text.data());
    }
  }
  std::vector<std::string> names = configured;
  for (const std::string& name : found) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace mold::manager
