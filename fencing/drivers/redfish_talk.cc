#include "fencing/drivers/redfish_talk.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"

namespace mold::fencing {
namespace {

// Past the deadline, so that the exchange that the deadline cut short can say what it was.
constexpr Duration kDeadlineSlack{100};
constexpr std::size_t kLongestStory = 4'000;
constexpr std::size_t kMostListed = 20;
constexpr std::size_t kMostSearched = 64;
constexpr int kMostPages = 32;

void blot_out(std::string& text, const Secret& secret) {
  if (secret.empty()) return;
  const std::string& word = secret.reveal();
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 3)) {
    text.replace(at, word.size(), "***");
  }
}

}  // namespace

RedfishTalk::RedfishTalk(const RedfishHouse& house, const port::PowerTarget& target,
                         RedfishEndpoint endpoint, Duration deadline)
    : house_(house),
      endpoint_(endpoint),
      link_({house.loop, house.client, house.settings, [this](const auto& step) { tell(step); }},
            std::move(endpoint), house.loop.now() + deadline),
      name_("redfish " + endpoint_.origin.host + ":" + endpoint_.origin.port),
      started_(house.loop.now()),
      deadline_timer_(house.loop),
      close_timer_(house.loop) {
  hide(target.password);
}

void RedfishTalk::start(std::function<void()> gone) {
  gone_ = std::move(gone);
  deadline_timer_.start_after(std::max(link_.remaining(), Duration{0}) + kDeadlineSlack, [this] {
    if (!finished_) on_deadline();
  });
  begin();
}

void RedfishTalk::tell(const std::string& step) {
  if (story_.size() > kLongestStory) return;
  const auto ms = (house_.loop.now() - started_).count();
  story_ += (story_.empty() ? "" : "; ") + step + " (+" + std::to_string(ms) + " ms)";
}

std::string RedfishTalk::story() const {
  std::string text = name_ + ": " + story_;
  for (const Secret& secret : hidden_) blot_out(text, secret);
  blot_out(text, link_.token());
  return text;
}

void RedfishTalk::finish(std::function<void()> answer) {
  if (finished_) return;
  finished_ = true;
  deadline_timer_.cancel();
  answer_ = std::move(answer);
  close_timer_.start_after(kCloseWait, [this] { answer_now(); });
  link_.close([this] {
    answer_now();
    close_timer_.cancel();
    house_.loop.post(std::exchange(gone_, nullptr));
  });
}

// Posted: the completion may take this object, or the driver, away.
void RedfishTalk::answer_now() {
  if (auto answer = std::exchange(answer_, nullptr)) house_.loop.post(std::move(answer));
}

Error RedfishTalk::refusal(const RedfishLink::Answer& answer) {
  const std::string said = redfish_error_text(answer.body);
  const std::string text =
      std::to_string(answer.status) + (said.empty() ? "" : " \"" + said + "\"");
  switch (answer.status) {
    case 401:
      return {ErrorKind::kDenied, text + ": wrong user or password"};
    case 403:
      return {ErrorKind::kDenied,
              text + ": the user may not do this; give it the operator or administrator role"};
    case 404:
      return {ErrorKind::kNotFound, text + ": no such resource on this BMC"};
    case 405:
    case 501:
      return {ErrorKind::kUnsupported, text + ": the BMC cannot do this"};
    case 429:
    case 502:
    case 503:
    case 504:
      return {ErrorKind::kBusy, text + ": the BMC is busy or restarting; try again"};
    default:
      return {answer.status >= 500 ? ErrorKind::kInternal : ErrorKind::kConflict, text};
  }
}

// ---- the way to the system ---------------------------------------------------------------------

void RedfishTalk::read_root(std::function<void(Result<RedfishRoot>)> then) {
  RedfishLink::Call call;
  call.path = endpoint_.base;
  call.anonymous = true;
  link_.call(call, [this, then](Result<RedfishLink::Answer> answer) {
    if (!answer) {
      then(fail(answer.error().context("reading the service root")));
      return;
    }
    if (answer->status == 404) {
      then(fail(ErrorKind::kNotFound, "404: no Redfish service at " + endpoint_.base +
                                          "; check address, port and the option base"));
      return;
    }
    if (answer->status != 200) {
      then(fail(refusal(*answer).context("reading the service root")));
      return;
    }
    auto root = parse_redfish_root(answer->body);
    if (!root) {
      then(fail(root.error().context("reading the service root")));
      return;
    }
    root_ = *root;
    if (!root_.sessions.empty()) link_.know_sessions(root_.sessions);
    then(root_);
  });
}

void RedfishTalk::read_system(const std::string& path, bool patient,
                              std::function<void(Result<RedfishSystem>)> then) {
  RedfishLink::Call call;
  call.path = path;
  call.patient = patient;
  link_.call(call, [then = std::move(then)](const Result<RedfishLink::Answer>& answer) {
    if (!answer) {
      then(fail(answer.error()));
    } else if (answer->status != 200) {
      then(fail(refusal(*answer)));
    } else {
      then(parse_redfish_system(answer->body));
    }
  });
}

void RedfishTalk::locate(std::function<void(Result<Located>)> then) {
  const auto search = [this, then] {
    read_root([this, then](const Result<RedfishRoot>& root) {
      if (!root) {
        then(fail(root.error()));
        return;
      }
      if (root->systems.empty()) {
        then(fail(ErrorKind::kCorrupt,
                  "the answer is no Redfish service root, or one without systems; check address, "
                  "port and the option base"));
        return;
      }
      list_systems(root->systems, [this, then](const Status& status) {
        if (!status) {
          then(fail(status.error().context("listing the systems")));
        } else {
          choose_system(then);
        }
      });
    });
  };
  if (!endpoint_.system.starts_with('/')) {
    search();
    return;
  }
  // The whole path is known: no need to look for it. When it is wrong, the list helps to mend it.
  open_system(endpoint_.system, [search, then](Result<Located> located) {
    if (!located && located.error().kind == ErrorKind::kNotFound) {
      search();
    } else {
      then(std::move(located));
    }
  });
}

void RedfishTalk::list_systems(const std::string& path, std::function<void(Status)> then) {
  RedfishLink::Call call;
  call.path = path;
  link_.call(call, [this, then](const Result<RedfishLink::Answer>& answer) {
    if (!answer) {
      then(fail(answer.error()));
      return;
    }
    if (answer->status != 200) {
      then(fail(refusal(*answer)));
      return;
    }
    const auto members = parse_redfish_members(answer->body);
    if (!members) {
      then(fail(members.error()));
      return;
    }
    systems_.insert(systems_.end(), members->paths.begin(), members->paths.end());
    if (members->next.empty()) {
      then({});
    } else if (++pages_ < kMostPages) {
      list_systems(members->next, then);
    } else {
      then(fail(ErrorKind::kCorrupt, "the list has no end"));
    }
  });
}

std::string RedfishTalk::system_names() const {
  std::string names;
  for (std::size_t i = 0; i < std::min(systems_.size(), kMostListed); ++i) {
    names += (i == 0 ? "" : ", ") + redfish_printable(redfish_last_part(systems_[i]), 60);
  }
  return names + (systems_.size() > kMostListed ? ", ..." : "");
}

// The first or last of several would be a guess, and the wrong machine would be cut off.
void RedfishTalk::choose_system(std::function<void(Result<Located>)> then) {
  const std::string& wanted = endpoint_.system;
  if (systems_.empty()) {
    then(fail(ErrorKind::kNotFound,
              "the BMC lists no system: it may still be starting, or the user may see none"));
    return;
  }
  if (wanted.empty()) {
    if (systems_.size() == 1) {
      open_system(systems_.front(), then);
    } else {
      then(fail(
          ErrorKind::kConflict,
          "several systems behind this BMC: set the option system to one of " + system_names()));
    }
    return;
  }
  for (const std::string& path : systems_) {
    if (same_redfish_path(path, wanted) || redfish_last_part(path) == wanted) {
      open_system(path, then);
      return;
    }
  }
  if (is_uuid(wanted)) {
    search_uuid(0, then);
    return;
  }
  then(fail(ErrorKind::kNotFound, "the BMC has no system " + wanted +
                                      ": set the option system to one of " + system_names()));
}

void RedfishTalk::open_system(const std::string& path, std::function<void(Result<Located>)> then) {
  read_system(path, true, [this, path, then](Result<RedfishSystem> system) {
    if (!system) {
      then(fail(system.error().context("reading system " + redfish_last_part(path))));
      return;
    }
    tell("system " + redfish_printable(redfish_last_part(path), 60) + " found");
    then(Located{path, std::move(*system)});
  });
}

void RedfishTalk::search_uuid(std::size_t index, std::function<void(Result<Located>)> then) {
  if (index >= std::min(systems_.size(), kMostSearched)) {
    then(fail(ErrorKind::kConflict, "no system of this BMC has the UUID " + endpoint_.system +
                                        ": it belongs to another machine, or the option system is "
                                        "wrong; it has " +
                                        system_names()));
    return;
  }
  const std::string path = systems_[index];
  read_system(path, true, [this, index, path, then](Result<RedfishSystem> system) {
    if (!system) {
      then(fail(system.error().context("reading system " + redfish_last_part(path))));
    } else if (iequals(system->uuid, endpoint_.system)) {
      tell("system " + redfish_printable(redfish_last_part(path), 60) + " has this UUID");
      then(Located{path, std::move(*system)});
    } else {
      search_uuid(index + 1, then);
    }
  });
}

}  // namespace mold::fencing
