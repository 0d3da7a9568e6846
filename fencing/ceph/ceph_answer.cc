// Answers: how they travel, and what of them is believed.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "fencing/ceph/ceph_messages.h"
#include "fencing/ceph/client_name.h"
#include "lib/base/text.h"
#include "lib/wire/codec_names.h"
#include "lib/wire/json_fields.h"

namespace mold::ceph {
namespace {

using core::Outcome;
using nlohmann::json;
using wire::Fields;

// Of one image: a thousand of them have to fit.
constexpr std::size_t kMostProblem = 200;

std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  }
  return text;
}

json common(const port::CephAnswer& answer) {
  return {{"outcome", wire::wire_name(answer.outcome)},
          {"error", wire::wire_name(answer.error)},
          {"text", wire::clipped(answer.text, kMostText)}};
}

void read_common(const Fields& fields, port::CephAnswer& answer) {
  answer.outcome = fields.choice("outcome", &wire::parse_outcome);
  answer.error = fields.choice("error", &wire::parse_error_kind);
  answer.text = printable(fields.name("text", kMostText));
}

std::vector<std::string> read_clients(const Fields& fields, std::string_view name) {
  std::vector<std::string> all;
  fields.each_text(name, kMostClients, 128, [&](std::string text) {
    if (client_name(text) != text) fields.refuse(name, "not a client");
    all.push_back(std::move(text));
  });
  if (!std::is_sorted(all.begin(), all.end()) ||
      std::adjacent_find(all.begin(), all.end()) != all.end())
    fields.refuse(name, "not each once and sorted");
  return all;
}

bool is_base64_key(const std::string& text) {
  return text.size() >= 16 && text.size() <= 256 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '+' || c == '/' || c == '=';
         });
}

// Nothing of an answer is believed when a part of it is not.
template <class Answer>
Status read_answer(std::string_view body, Answer& answer,
                   const std::function<void(const Fields&, Answer&)>& read) {
  Answer read_now;
  MOLD_TRY_VOID(wire::read_message(body, kMostBytes, [&](const Fields& fields) {
    read_common(fields, read_now);
    read(fields, read_now);
  }));
  answer = std::move(read_now);
  return {};
}

}  // namespace

std::string encode_answer(const port::CephAnswer& answer) {
  return wire::write_json(common(answer));
}

std::string encode_answer(const port::CephPoolFacts& answer) {
  json body = common(answer);
  body["fsid"] = answer.fsid;
  body["may_fence"] = answer.may_fence;
  body["missing"] = answer.missing;
  body["cephx"] = answer.cephx;
  body["total"] = answer.total_bytes;
  body["free"] = answer.free_bytes;
  return wire::write_json(body);
}

std::string encode_answer(const port::CephClients& answer) {
  json body = common(answer);
  body["images"] = json::array();
  for (const port::ImageClients& one : answer.images) {
    body["images"].push_back({{"image", one.image},
                              {"problem", wire::clipped(one.problem, kMostProblem)},
                              {"exists", one.exists},
                              {"clients", one.clients},
                              {"watching", one.watching}});
  }
  return wire::write_json(body);
}

std::string encode_answer(const port::CephStorage::Key& answer) {
  json body = common(answer);
  body["key"] = answer.key.reveal();
  return wire::write_json(body);
}

std::string encode_answer(const port::IsolationAnswer& answer) {
  json body = common(answer);
  body["listed"] = answer.listed;
  return wire::write_json(body);
}

Status decode_answer(const CephRequest&, std::string_view body, port::CephAnswer& answer) {
  return read_answer<port::CephAnswer>(body, answer, [](const Fields&, port::CephAnswer&) {});
}

Status decode_answer(const CephRequest&, std::string_view body, port::CephPoolFacts& answer) {
  return read_answer<port::CephPoolFacts>(
      body, answer, [](const Fields& fields, port::CephPoolFacts& facts) {
        if (facts.outcome != Outcome::kConfirmed) return;
        facts.fsid = fields.uuid("fsid");
        facts.may_fence = fields.flag("may_fence");
        facts.missing = fields.text("missing", kMostText);
        facts.cephx = fields.flag("cephx");
        facts.total_bytes = fields.number("total");
        facts.free_bytes = fields.number("free", facts.total_bytes);
        if (facts.may_fence != facts.missing.empty())
          fields.refuse("missing", "says the opposite of may_fence");
      });
}

Status decode_answer(const CephRequest& request, std::string_view body, port::CephClients& answer) {
  return read_answer<port::CephClients>(
      body, answer, [&request](const Fields& fields, port::CephClients& all) {
        if (all.outcome != Outcome::kConfirmed) return;
        fields.each("images", kMostImages, [&all](const Fields& part) {
          port::ImageClients one;
          one.image = part.name("image", 128);
          one.problem = printable(part.text("problem", kMostProblem));
          one.exists = part.flag("exists");
          one.clients = read_clients(part, "clients");
          one.watching = read_clients(part, "watching");
          if (!std::includes(one.clients.begin(), one.clients.end(), one.watching.begin(),
                             one.watching.end()))
            part.refuse("watching", "somebody who is no client");
          if (!one.problem.empty() && !one.clients.empty())
            part.refuse("clients", "of what could not be read");
          if (!one.exists && !one.clients.empty()) part.refuse("clients", "of what is not there");
          all.images.push_back(std::move(one));
        });
        const bool asked = std::equal(all.images.begin(), all.images.end(), request.images.begin(),
                                      request.images.end(),
                                      [](const port::ImageClients& one, const std::string& image) {
                                        return one.image == image;
                                      });
        if (!asked) fields.refuse("images", "not those asked for");
      });
}

Status decode_answer(const CephRequest&, std::string_view body, port::CephStorage::Key& answer) {
  return read_answer<port::CephStorage::Key>(body, answer,
                                             [](const Fields& fields, port::CephStorage::Key& key) {
                                               if (key.outcome != Outcome::kConfirmed) return;
                                               key.key = Secret(fields.text("key", 256));
                                               if (!is_base64_key(key.key.reveal()))
                                                 fields.refuse("key", "not a key");
                                             });
}

Status decode_answer(const CephRequest& request, std::string_view body,
                     port::IsolationAnswer& answer) {
  return read_answer<port::IsolationAnswer>(
      body, answer, [&request](const Fields& fields, port::IsolationAnswer& isolation) {
        isolation.listed = read_clients(fields, "listed");
        if (isolation.outcome != Outcome::kConfirmed) return;
        const std::set<std::string> listed(isolation.listed.begin(), isolation.listed.end());
        for (const std::string& client : request.isolation.clients) {
          if (!listed.contains(client)) fields.refuse("listed", "a client of the order is missing");
        }
      });
}

}  // namespace mold::ceph
