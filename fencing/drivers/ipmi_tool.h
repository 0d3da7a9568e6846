#pragma once
// Runs ipmitool against one target: the command line, the deadline, and where the secrets go. One
// call at a time; the target's password is handed over in the environment, a command with a secret
// in it on the standard input. Loop thread; destroying it kills what runs.
#include <functional>
#include <string>
#include <vector>

#include "fencing/drivers/ipmi.h"
#include "fencing/drivers/ipmi_text.h"
#include "lib/runtime/child_process.h"

namespace mold::fencing {

// The settings that hold for this target; kInvalid names the option that is wrong or unknown.
Result<IpmiSettings> settings_for(const IpmiSettings& settings, const port::PowerTarget& target);
// All of a target that can be judged without the BMC.
Status check_ipmi_target(const IpmiSettings& settings, const port::PowerTarget& target);
// "address:port", for people.
std::string ipmi_name(const port::PowerTarget& target);

struct IpmiAnswer {
  IpmiVerdict verdict;
  std::string out;
};

class IpmiTool {
 public:
  using Done = std::function<void(const IpmiAnswer&)>;

  IpmiTool(runtime::EventLoop& loop, IpmiSettings settings, port::PowerTarget target)
      : loop_(loop), settings_(std::move(settings)), target_(std::move(target)) {}

  // `left`: until the request's deadline; one run gets no more than call_deadline of it.
  void run(const std::vector<std::string>& command, Duration left, Done done);
  // Like run(), but not cut at call_deadline: for what a BMC takes long over.
  void run_long(const std::vector<std::string>& command, Duration left, Done done);
  // One command line that nobody may see: neither in argv nor in what -v would print.
  void run_hidden(const Secret& line, Duration left, Done done);

  // The credentials of the calls to come.
  void use_password(Secret password) { target_.password = std::move(password); }

 private:
  [[nodiscard]] runtime::ChildSpec spec(const std::vector<std::string>& command, Duration deadline,
                                        bool verbose) const;
  void start(runtime::ChildSpec spec, Done done);

  runtime::EventLoop& loop_;
  IpmiSettings settings_;
  port::PowerTarget target_;
  runtime::ChildHandle child_;
};

}  // namespace mold::fencing
