#pragma once
// Who is calling: by API key and signature. The rules and their order are the peers': known key,
// command there for this user, not expired, signature. Everything but "no such command" gets the
// same 401, so that nobody can probe keys. Loop thread only; lives as long as the server.
#include <functional>
#include <string>

#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"
#include "manager/api/api_error.h"
#include "manager/api/request.h"
#include "manager/inventory/inventory.h"

namespace mold::manager::api {

struct Caller {
  UserId user;
  AccountId account;
  std::string user_uuid;
  std::string user_name;
  std::string account_uuid;
  std::string account_name;
  std::string domain_uuid;
};

class Authenticator {
 public:
  using OpenSecret = std::function<Result<Secret>(const User&)>;
  Authenticator(const Inventory& inventory, OpenSecret open_secret, bool allow_sha1);

  [[nodiscard]] ApiResult<Caller> check(const ApiRequest& request, bool command_exists,
                                        WallTime now) const;
  // The caller on the integration port: the first user of the root account.
  [[nodiscard]] Caller system_caller() const;

 private:
  [[nodiscard]] Caller caller_of(const User& user) const;

  const Inventory& inventory_;
  OpenSecret open_secret_;
  bool allow_sha1_;
};

}  // namespace mold::manager::api
