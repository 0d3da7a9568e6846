// Requests and answers of mold-ceph: decoding is total; what is accepted encodes to something that
// is accepted and the same; and nothing is confirmed that does not fit its request.
#include <algorithm>
#include <cstdlib>

#include "fencing/ceph/ceph_messages.h"

namespace {

using namespace mold;
using namespace mold::ceph;

void check(bool good) {
  if (!good) std::abort();
}

template <class Answer>
Answer same_again(const CephRequest& request, std::string_view body) {
  Answer answer;
  if (!decode_answer(request, body, answer)) {
    check(answer.outcome == core::Outcome::kUnknown);  // nothing of it is kept
    return answer;
  }
  const std::string text = encode_answer(answer);
  Answer again;
  check(decode_answer(request, text, again).has_value());
  check(encode_answer(again) == text);
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto request = decode_request(body)) {
    check(check_request(*request).has_value());
    const std::string text = encode_request(*request);
    const auto again = decode_request(text);
    check(again && encode_request(*again) == text);
  }
  CephRequest request;
  request.images = {"a", "b"};
  request.isolation.clients = {"10.0.0.1:0/5"};
  same_again<port::CephAnswer>(request, body);
  same_again<port::CephPoolFacts>(request, body);
  same_again<port::CephStorage::Key>(request, body);
  const auto seen = same_again<port::CephClients>(request, body);
  if (seen.outcome == core::Outcome::kConfirmed) check(seen.images.size() == 2);
  for (const auto& image : seen.images)
    check(image.problem.empty() || (image.clients.empty() && image.watching.empty()));
  const auto isolated = same_again<port::IsolationAnswer>(request, body);
  if (isolated.outcome == core::Outcome::kConfirmed) {
    const auto& listed = isolated.listed;
    check(std::find(listed.begin(), listed.end(), "10.0.0.1:0/5") != listed.end());
  }
  return 0;
}
