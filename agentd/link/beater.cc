#include "agentd/link/beater.h"

#include <algorithm>
#include <utility>

#include "lib/wire/codec.h"

namespace mold::agentd {

Beater::Beater(runtime::EventLoop& loop, const Peer& peer)
    : loop_(loop), peer_(peer), client_(loop), timer_(loop) {}

void Beater::start(Epoch epoch, Duration interval) {
  stop();
  epoch_ = epoch;
  interval_ = interval;
  seq_ = 0;
  timer_.start_periodic(interval_, [this] { beat(); });
  beat();
}

void Beater::stop() {
  timer_.cancel();
  under_way_.cancel();
}

void Beater::redial() {
  under_way_.cancel();
}

Duration Beater::patience() const {
  return std::clamp(interval_ * 3, Duration{1'000}, Duration{5'000});
}

void Beater::beat() {
  if (under_way_.running()) return;
  wire::BeatRequest message = hooks_.make_beat();
  message.epoch = epoch_;
  message.seq = ++seq_;
  ++sent_;
  sent_at_ = loop_.now();
  under_way_ =
      client_.send(make_request(peer_, "POST", wire::kBeatPath, wire::encode(message), patience()),
                   [this](const Result<runtime::HttpResponse>& response) { answered(response); });
}

void Beater::answered(const Result<runtime::HttpResponse>& response) {
  CallResult result = judge(response);
  if (result.verdict == Verdict::kOk) {
    const auto answer = wire::decode_beat_answer(result.body);
    if (answer) {
      last_answer_ = loop_.now();
      last_round_trip_ = *last_answer_ - sent_at_;
      hooks_.on_answer(*answer);
      return;
    }
    result = {Verdict::kTrouble, {}, "the answer to a beat is wrong: " + answer.error().what, {}};
  }
  ++failed_;
  hooks_.on_failure(result);
}

}  // namespace mold::agentd
