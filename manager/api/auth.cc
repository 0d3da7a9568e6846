#include "manager/api/auth.h"

#include <utility>

#include "lib/runtime/journal_log.h"
#include "manager/api/signature.h"

namespace mold::manager::api {

Authenticator::Authenticator(const Inventory& inventory, OpenSecret open_secret, bool allow_sha1)
    : inventory_(inventory), open_secret_(std::move(open_secret)), allow_sha1_(allow_sha1) {}

Caller Authenticator::caller_of(const User& user) const {
  Caller caller;
  caller.user = user.id;
  caller.account = user.account;
  caller.user_uuid = user.uuid;
  caller.user_name = user.name;
  if (const Account* account = inventory_.accounts().find(user.account)) {
    caller.account_uuid = account->uuid;
    caller.account_name = account->name;
    caller.domain_uuid = account->domain_uuid;
  }
  return caller;
}

Caller Authenticator::system_caller() const {
  const Account& root = inventory_.root_account();
  for (const auto& [id, user] : inventory_.users().all()) {
    if (user.account == root.id) return caller_of(user);
  }
  Caller caller;
  caller.account = root.id;
  caller.user_name = "system";
  caller.account_uuid = root.uuid;
  caller.account_name = root.name;
  caller.domain_uuid = root.domain_uuid;
  return caller;
}

ApiResult<Caller> Authenticator::check(const ApiRequest& request, bool command_exists,
                                       WallTime now) const {
  const std::string_view api_key = request.get("apikey");
  if (api_key.empty() || request.get("signature").empty()) return refuse(unauthorized());
  const User* user = inventory_.find_user_by_api_key(api_key);
  if (user == nullptr || !user->enabled) return refuse(unauthorized());
  const Account* account = inventory_.accounts().find(user->account);
  if (account == nullptr || !account->enabled) return refuse(unauthorized());
  if (!command_exists) return refuse(command_unavailable(request.command, user->uuid));
  if (!not_expired(request.get("signatureversion"), request.get("expires"), now)) {
    return refuse(unauthorized());
  }
  const Result<Secret> secret = open_secret_(*user);
  if (!secret) {
    runtime::log_error("API: the secret key of user " + user->name +
                       " cannot be opened: " + secret.error().text());
    return refuse(unauthorized());
  }
  if (!signature_matches(request.sent, *secret, allow_sha1_)) return refuse(unauthorized());
  return caller_of(*user);
}

}  // namespace mold::manager::api
