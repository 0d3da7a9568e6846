#include "fencing/ceph/ceph_tool.h"

#include <algorithm>
#include <string>
#include <utility>

#include "fencing/ceph/ceph_messages.h"
#include "fencing/ceph/client_name.h"

namespace mold::ceph {
namespace {

using core::Outcome;
using port::CephAnswer;

constexpr int kNotLoaded = 127;  // of the dynamic linker: main() was not reached
constexpr std::size_t kMostStderr = 300;

CephAnswer refusal(const Error& error) {
  return {Outcome::kFailed, error.kind, error.what};
}

std::string first_line(const std::string& text) {
  std::string line = text.substr(0, std::min(text.find('\n'), kMostStderr));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) >= 0x7f) c = ' ';
  }
  return line;
}

// What is wrong with how the child ended; nothing: its output can be read.
std::optional<CephAnswer> problem_of(const Result<runtime::ChildResult>& result) {
  if (!result) return refusal(result.error().context("mold-ceph"));
  if (result->timed_out) {
    return CephAnswer{
        Outcome::kUnknown, ErrorKind::kTimeout,
        "mold-ceph was not done in time and was ended; what it asked for may be done"};
  }
  if (result->exit_code == kNotLoaded) {
    return CephAnswer{Outcome::kFailed, ErrorKind::kUnsupported,
                      "mold-ceph cannot be started: " + first_line(result->err)};
  }
  if (result->exit_code != 0) {
    const std::string how = result->signal != 0 ? "signal " + std::to_string(result->signal)
                                                : "code " + std::to_string(result->exit_code);
    return CephAnswer{Outcome::kUnknown, ErrorKind::kInternal,
                      "mold-ceph ended with " + how + ": " + first_line(result->err)};
  }
  if (result->truncated) {
    return CephAnswer{Outcome::kUnknown, ErrorKind::kCorrupt, "mold-ceph said far too much"};
  }
  return std::nullopt;
}

// The program has to have its say before it is killed: it tells how far it came.
Duration own_deadline(Duration left) {
  return left - std::clamp<Duration>(left / 10, Duration{50}, Duration{1'000});
}

bool holds(const std::string& text, const Secret& secret) {
  return !secret.empty() && text.find(secret.reveal()) != std::string::npos;
}
const Secret* secret_of(const CephAnswer&) {
  return nullptr;
}
const Secret* secret_of(const port::CephStorage::Key& answer) {
  return &answer.key;
}

}  // namespace

struct CephTool::Waiting {
  Waiting(runtime::EventLoop& loop, CephRequest asked, Instant latest, Ended then)
      : request(std::move(asked)), until(latest), ended(std::move(then)), timer(loop) {}
  CephRequest request;
  Instant until;
  Ended ended;
  runtime::Timer timer;
};

CephTool::CephTool(runtime::EventLoop& loop, CephToolSettings settings)
    : loop_(loop), settings_(std::move(settings)) {
  fencing_.at_once = settings_.fencing_at_once;
  reading_.at_once = settings_.reading_at_once;
  disks_.at_once = settings_.disks_at_once;
  reading_.most_waiting = disks_.most_waiting = settings_.most_waiting;
}

CephTool::~CephTool() = default;

CephTool::Lane& CephTool::lane_of(const CephRequest& request) {
  switch (request.verb) {
    case CephVerb::kProbe:
    case CephVerb::kClients:
      return reading_;
    case CephVerb::kCreateDisk:
    case CephVerb::kRemoveDisk:
      return disks_;
    case CephVerb::kGrant:
    case CephVerb::kRemoveUser:
    case CephVerb::kIsolate:
    case CephVerb::kRenew:
    case CephVerb::kLift:
      break;
  }
  return fencing_;
}

template <class Answer>
void CephTool::ask(CephRequest request, Done<Answer> done) {
  Status good = check_request(request);
  if (good && request.access.key.empty()) good = fail(ErrorKind::kInvalid, "key: empty");
  if (!good) {
    loop_.post([alive = std::weak_ptr(alive_), done = std::move(done), error = good.error()] {
      if (alive.expired()) return;
      Answer answer;
      static_cast<CephAnswer&>(answer) = refusal(error);
      done(std::move(answer));
    });
    return;
  }
  enqueue(request, [request, done = std::move(done)](std::optional<CephAnswer> problem,
                                                     std::string out) {
    Answer answer;
    if (!problem) {
      if (const Status read = decode_answer(request, out, answer); !read) {
        answer = Answer{};
        problem = {Outcome::kUnknown, ErrorKind::kCorrupt,
                   "what mold-ceph answered makes no sense: " + read.error().what};
      }
    }
    wipe(out);
    if (problem) static_cast<CephAnswer&>(answer) = std::move(*problem);
    const Secret* const given = secret_of(answer);
    if (holds(answer.text, request.access.key) || (given != nullptr && holds(answer.text, *given)))
      answer.text = "(the text is withheld: there is a key in it)";
    done(std::move(answer));
  });
}

void CephTool::enqueue(const CephRequest& request, Ended ended) {
  Lane& lane = lane_of(request);
  const Instant until = loop_.now() + request.deadline;
  if (lane.running.size() < lane.at_once && lane.waiting.empty()) {
    start(lane, request, until, std::move(ended));
    return;
  }
  if (lane.waiting.size() >= lane.most_waiting) {
    loop_.post([alive = std::weak_ptr(alive_), ended = std::move(ended)] {
      if (!alive.expired())
        ended(refusal({ErrorKind::kBusy, "too many requests to Ceph at once; nothing was done"}),
              {});
    });
    return;
  }
  auto waiting = std::make_unique<Waiting>(loop_, request, until, std::move(ended));
  waiting->timer.start_at(until, [&lane, which = waiting.get()] {
    const auto found = std::find_if(lane.waiting.begin(), lane.waiting.end(),
                                    [which](const auto& one) { return one.get() == which; });
    const std::unique_ptr<Waiting> gone = std::move(*found);
    lane.waiting.erase(found);
    gone->ended(refusal({ErrorKind::kBusy, "its turn did not come in time; nothing was done"}), {});
  });
  lane.waiting.push_back(std::move(waiting));
}

void CephTool::start(Lane& lane, const CephRequest& request, Instant until, Ended ended) {
  const Duration left = std::max(until - loop_.now(), Duration{100});
  CephRequest told = request;
  told.deadline = std::max(own_deadline(left), Duration{100});
  runtime::ChildSpec spec;
  spec.program = settings_.program;
  spec.stdin_text = encode_request(told);
  spec.deadline = left;
  spec.output_cap = kMostBytes;
  runtime::ChildSecret secret;
  secret.text = request.access.key;
  secret.as_fd3 = true;
  spec.secret = std::move(secret);
  const std::uint64_t id = next_++;
  lane.running[id] = runtime::run_child(
      loop_, std::move(spec),
      [this, &lane, id, ended = std::move(ended)](Result<runtime::ChildResult> result) {
        // What follows may end us: only what is our own is touched before.
        const auto child = lane.running.extract(id);
        start_waiting(lane);
        std::optional<CephAnswer> problem = problem_of(result);
        const bool readable = !problem;
        ended(std::move(problem), readable ? std::move(result->out) : std::string{});
      });
}

void CephTool::start_waiting(Lane& lane) {
  while (!lane.waiting.empty() && lane.running.size() < lane.at_once) {
    const std::unique_ptr<Waiting> next = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    start(lane, next->request, next->until, std::move(next->ended));
  }
}

namespace {

CephRequest request_for(CephVerb verb, const port::CephAccess& access, Duration deadline) {
  CephRequest request;
  request.verb = verb;
  request.access = access;
  request.deadline = deadline;
  return request;
}

// Names may come from whoever printed them; one that is none stays as it is, and is refused.
std::vector<std::string> normalised(std::vector<std::string> clients) {
  for (std::string& client : clients) client = client_name(client).value_or(client);
  return clients;
}

}  // namespace

void CephTool::probe(const port::CephAccess& access, Duration deadline,
                     Done<port::CephPoolFacts> done) {
  ask(request_for(CephVerb::kProbe, access, deadline), std::move(done));
}

void CephTool::clients(const port::CephAccess& access, const std::vector<std::string>& images,
                       Duration deadline, Done<port::CephClients> done) {
  CephRequest request = request_for(CephVerb::kClients, access, deadline);
  request.images = images;
  ask(std::move(request), std::move(done));
}

void CephTool::grant(const port::CephAccess& access, const std::string& user,
                     const std::vector<std::string>& pools, Duration deadline, Done<Key> done) {
  CephRequest request = request_for(CephVerb::kGrant, access, deadline);
  request.user = user;
  request.pools = pools;
  ask(std::move(request), std::move(done));
}

void CephTool::remove_user(const port::CephAccess& access, const std::string& user,
                           Duration deadline, Done<CephAnswer> done) {
  CephRequest request = request_for(CephVerb::kRemoveUser, access, deadline);
  request.user = user;
  ask(std::move(request), std::move(done));
}

void CephTool::isolate(const port::CephAccess& access, const port::IsolationOrder& order,
                       Duration deadline, Done<port::IsolationAnswer> done) {
  CephRequest request = request_for(CephVerb::kIsolate, access, deadline);
  request.isolation = order;
  request.isolation.clients = normalised(order.clients);
  ask(std::move(request), std::move(done));
}

void CephTool::renew(const port::CephAccess& access, const std::string& user,
                     const std::vector<std::string>& clients, Duration expiry, Duration deadline,
                     Done<CephAnswer> done) {
  CephRequest request = request_for(CephVerb::kRenew, access, deadline);
  request.user = user;
  request.clients = normalised(clients);
  request.expiry = expiry;
  ask(std::move(request), std::move(done));
}

void CephTool::lift(const port::CephAccess& access, const std::vector<std::string>& clients,
                    Duration deadline, Done<CephAnswer> done) {
  CephRequest request = request_for(CephVerb::kLift, access, deadline);
  request.clients = normalised(clients);
  ask(std::move(request), std::move(done));
}

void CephTool::create_disk(const port::CephAccess& access, const port::DiskOrder& order,
                           Duration deadline, Done<CephAnswer> done) {
  CephRequest request = request_for(CephVerb::kCreateDisk, access, deadline);
  request.disk = order;
  ask(std::move(request), std::move(done));
}

void CephTool::remove_disk(const port::CephAccess& access, const std::string& image,
                           Duration deadline, Done<CephAnswer> done) {
  CephRequest request = request_for(CephVerb::kRemoveDisk, access, deadline);
  request.disk.image = image;
  ask(std::move(request), std::move(done));
}

}  // namespace mold::ceph
