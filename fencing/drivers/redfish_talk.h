#pragma once
// What every Redfish request is made of: a link, a story with times, a deadline, one answer, and an
// orderly end (the session is deleted; the answer waits for that at most kCloseWait). Also the way
// to the system that a target means. For the .cc files of the Redfish driver only. Loop thread.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fencing/drivers/redfish_link.h"
#include "fencing/drivers/redfish_text.h"

namespace mold::fencing {

// What a talk needs from the driver; outlives it.
struct RedfishHouse {
  runtime::EventLoop& loop;
  runtime::HttpClient& client;
  const RedfishSettings& settings;
};

class RedfishTalk {
 public:
  RedfishTalk(const RedfishHouse& house, const port::PowerTarget& target, RedfishEndpoint endpoint,
              Duration deadline);
  virtual ~RedfishTalk() = default;
  RedfishTalk(const RedfishTalk&) = delete;
  RedfishTalk& operator=(const RedfishTalk&) = delete;

  // `gone`: nothing is left to do, the talk may be destroyed; posted, after the answer.
  void start(std::function<void()> gone);

  static constexpr Duration kCloseWait{800};

 protected:
  struct Located {
    std::string path;
    RedfishSystem system;
  };

  virtual void begin() = 0;
  // Time is up: answer with what is known. Called once, unless finished before.
  virtual void on_deadline() = 0;

  void tell(const std::string& step);
  // The story so far, under the target's name, with every secret of ours blotted out.
  [[nodiscard]] std::string story() const;
  void hide(const Secret& secret) { hidden_.push_back(secret); }
  // `answer` must not need this object.
  void finish(std::function<void()> answer);

  // Root, systems, the one that is meant. kConflict: several and none named, or the one behind the
  // BMC is another; kNotFound; else why it could not be read.
  void locate(std::function<void(Result<Located>)> then);
  void read_system(const std::string& path, bool patient,
                   std::function<void(Result<RedfishSystem>)> then);
  void read_root(std::function<void(Result<RedfishRoot>)> then);
  // An answer that is no 2xx, as an error with advice.
  static Error refusal(const RedfishLink::Answer& answer);

  RedfishHouse house_;
  RedfishEndpoint endpoint_;
  RedfishLink link_;
  RedfishRoot root_;  // after read_root

 private:
  void list_systems(const std::string& path, std::function<void(Status)> then);
  void choose_system(std::function<void(Result<Located>)> then);
  void open_system(const std::string& path, std::function<void(Result<Located>)> then);
  void search_uuid(std::size_t index, std::function<void(Result<Located>)> then);
  [[nodiscard]] std::string system_names() const;
  void answer_now();

  std::string name_;
  Instant started_;
  std::string story_;
  std::vector<Secret> hidden_;
  std::vector<std::string> systems_;
  int pages_ = 0;
  bool finished_ = false;
  runtime::Timer deadline_timer_;
  runtime::Timer close_timer_;
  std::function<void()> answer_;
  std::function<void()> gone_;
};

std::unique_ptr<RedfishTalk> make_redfish_power(const RedfishHouse& house,
                                                const port::PowerTarget& target,
                                                RedfishEndpoint endpoint, core::PowerVerb verb,
                                                Duration deadline, port::PowerControl::Done done);
std::unique_ptr<RedfishTalk> make_redfish_identity(const RedfishHouse& house,
                                                   const port::PowerTarget& target,
                                                   RedfishEndpoint endpoint, Duration deadline,
                                                   std::function<void(port::IdentityResult)> done);
std::unique_ptr<RedfishTalk> make_redfish_password(const RedfishHouse& house,
                                                   const port::PowerTarget& target,
                                                   RedfishEndpoint endpoint, const Secret& fresh,
                                                   Duration deadline,
                                                   port::PowerControl::Done done);

}  // namespace mold::fencing
