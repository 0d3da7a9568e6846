#include "agentd/link/beater.h"

#include <algorithm>
#include <utility>

#include "lib/wire/codec.h"

namespace mold::agentd {

Beater::Beater(runtime::EventLoop& loop, const Peer& peer)
    : loop_(loop), peer_(peer), timer_(loop) {
  for (std::size_t i = 0; i < kLanes; ++i) lanes_.emplace_back(loop);
}

void Beater::start(Epoch epoch, Duration interval) {
  stop();
  epoch_ = epoch;
  interval_ = interval;
  seq_ = answered_seq_ = 0;
  for (Lane& lane : lanes_) lane.seq = 0;
  timer_.start_periodic(interval_, [this] { beat(); });
  beat();
}

void Beater::stop() {
  timer_.cancel();
  redial();
}

void Beater::redial() {
  for (Lane& lane : lanes_) lane.under_way.cancel();
}

// Of those with nothing under way, the one that was used longest ago.
Beater::Lane* Beater::free_lane() {
  Lane* best = nullptr;
  for (Lane& lane : lanes_) {
    if (lane.under_way.running()) continue;
    if (best == nullptr || lane.seq < best->seq) best = &lane;
  }
  return best;
}

Duration Beater::patience() const {
  return std::clamp(interval_ * static_cast<std::int64_t>(kLanes), Duration{1'000},
                    Duration{2'000});
}

void Beater::beat() {
  Lane* const lane = free_lane();
  if (lane == nullptr) return;
  wire::BeatRequest message = hooks_.make_beat();
  message.epoch = epoch_;
  message.seq = lane->seq = ++seq_;
  ++sent_;
  lane->sent_at = loop_.now();
  auto request = make_request(peer_, "POST", wire::kBeatPath, wire::encode(message), patience());
  request.thin_stream = true;
  lane->under_way = lane->client.send(
      std::move(request),
      [this, lane](const Result<runtime::HttpResponse>& response) { answered(*lane, response); });
}

void Beater::answered(const Lane& lane, const Result<runtime::HttpResponse>& response) {
  CallResult result = judge(response);
  if (result.verdict == Verdict::kOk) {
    const auto answer = wire::decode_beat_answer(result.body);
    if (answer) {
      last_answer_ = loop_.now();
      last_round_trip_ = *last_answer_ - lane.sent_at;
      const bool overtaken =
          lane.seq < std::exchange(answered_seq_, std::max(answered_seq_, lane.seq));
      if (!overtaken) hooks_.on_answer(*answer);
      return;
    }
    result = {Verdict::kTrouble, {}, "the answer to a beat is wrong: " + answer.error().what, {}};
  }
  ++failed_;
  const bool is_over = result.verdict == Verdict::kTrouble || result.verdict == Verdict::kElsewhere;
  if (is_over && lane.seq < answered_seq_) return;
  hooks_.on_failure(result);
}

}  // namespace mold::agentd
