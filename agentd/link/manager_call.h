#pragma once
// One request to a manager, and what its answer means. Shared by the parts of the link; loop thread
// only.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/runtime/http_client.h"
#include "lib/runtime/tls_config.h"

namespace mold::agentd {

inline constexpr Duration kCallTimeout{5'000};
// A poll that is answered faster than this is followed by a pause as long, so that a manager that
// repeats itself costs little.
inline constexpr Duration kPollRest{20};
inline constexpr Duration kPollSlack{5'000};  // on top of how long the manager may park it

enum class Verdict : std::uint8_t {
  kOk,         // 200, `body` is the answer
  kVoid,       // 409 session: hello again
  kDenied,     // our certificate is not accepted, or theirs is not by us
  kInvalid,    // 400: repeating it cannot help
  kElsewhere,  // 503: not the active manager, or too busy: try the next one
  kTrouble,    // not reached, broken off, or an answer that makes no sense
};

struct CallResult {
  Verdict verdict = Verdict::kTrouble;
  std::string body;
  std::string text;  // for people, when not kOk
  Epoch epoch;       // kVoid to a hello: the epoch that it has to name
};
CallResult judge(const Result<runtime::HttpResponse>& response);

// "https://host:port" with nothing behind it.
Status check_manager_url(const std::string& url);

// The managers we know, and which one we talk to.
class ManagerList {
 public:
  // Keeps talking to the present one if it is in the new list, too.
  void set(std::vector<std::string> urls);
  [[nodiscard]] const std::string& current() const;  // empty: none known
  void next();
  [[nodiscard]] std::size_t size() const { return urls_.size(); }
  [[nodiscard]] const std::vector<std::string>& all() const { return urls_; }

 private:
  std::vector<std::string> urls_;
  std::size_t at_ = 0;
};

struct Peer {
  ManagerList managers;
  std::shared_ptr<const runtime::TlsMaterial> tls;
};

runtime::HttpRequest make_request(const Peer& peer, std::string method, std::string_view path,
                                  std::string body, Duration timeout);

}  // namespace mold::agentd
