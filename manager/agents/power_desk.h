#pragma once
// Power requests that agents carry out, over a long poll of their own (GET/POST /v1/power). A
// request is handed out once: a power-off must not be carried out again because an answer was lost.
// One that the agent did not take within a moment, or before its session ended, is kFailed
// (certainly not carried out); one that was handed out is kUnknown when its time is over. An agent
// that got it late refuses it (not_after, on this manager's clock). Loop thread only; lives as long
// as AgentLink.
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/runtime/async_reply.h"
#include "lib/runtime/event_loop.h"
#include "lib/wire/messages.h"
#include "manager/agents/parked_poll.h"
#include "manager/power/executor.h"

namespace mold::manager {

class PowerDesk final : public PowerExecutor {
 public:
  // Hosts of a cluster whose link is up, by id.
  using Connected = std::function<std::vector<HostId>(ClusterId)>;

  PowerDesk(runtime::EventLoop& loop, Connected connected);
  ~PowerDesk() override;
  PowerDesk(const PowerDesk&) = delete;
  PowerDesk& operator=(const PowerDesk&) = delete;

  // ---- from the agents' door, for a host whose epoch is current
  void poll(HostId host, runtime::AsyncReplyPtr reply, Duration wait);
  void take_outcomes(HostId host, const std::vector<wire::PowerOutcome>& outcomes);
  // Its session is over, or another one begins.
  void end_session(HostId host);

  // ---- PowerExecutor
  [[nodiscard]] bool available(HostId executor) override;
  [[nodiscard]] std::vector<HostId> candidates(ClusterId cluster) override;
  void request(HostId executor, OpId op, const port::PowerTarget& target, core::PowerVerb verb,
               Duration deadline, port::PowerControl::Done done) override;
  void identify(HostId executor, const port::PowerTarget& target, Duration deadline,
                std::function<void(port::IdentityResult)> done) override;

 private:
  struct Asked {
    wire::PowerOrder order;
    bool handed_out = false;
    std::function<void(wire::PowerOutcome)> done;
    std::unique_ptr<runtime::Timer> timer;
  };
  struct Desk {
    explicit Desk(runtime::EventLoop& loop);
    ParkedPoll poll;
    std::optional<Instant> last_poll;
    std::map<std::uint64_t, Asked> asked;  // by ticket
  };
  Desk& desk_of(HostId host);
  void ask(HostId executor, wire::PowerOrder order, Duration deadline,
           std::function<void(wire::PowerOutcome)> done);
  void hand_out(Desk& desk);
  void not_taken(HostId executor, std::uint64_t ticket);
  void out_of_time(HostId executor, std::uint64_t ticket);
  void fail(Asked asked, const std::string& why);

  runtime::EventLoop& loop_;
  Connected connected_;
  std::map<HostId, Desk> desks_;
  std::uint64_t next_ticket_ = 1;
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::manager
