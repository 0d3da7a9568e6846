// The order of things. First a look at who has the disks open. Then all clients known so far are
// listed, and the host's access is taken. What counts comes after that: the user is read back, so
// nobody connects anew with access; only then a second look at the disks, which finds whoever
// slipped in before. A client that is found late is listed, and it is looked again. Locks are
// broken last, of owners that are listed already: never of one that could still write.
#include "fencing/ceph/program/isolate.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

#include "fencing/ceph/program/blocklist.h"
#include "fencing/ceph/program/image_state.h"
#include "fencing/ceph/program/users.h"

namespace mold::ceph {
namespace {

constexpr int kMostRounds = 8;         // of clients that are found late
constexpr int kLooksAtWatchers = 20;   // until they are gone
constexpr unsigned kPauseUs = 50'000;  // between these looks

struct Look {
  std::vector<std::pair<std::string, ImageState>> images;
  std::set<std::string> watchers;  // of images and beat
  std::set<std::string> clients;   // watchers and owners of locks
};

class Isolation {
 public:
  Isolation(Cluster& cluster, const CephRequest& request, Guard& guard, IsolationProgress& progress)
      : cluster_(cluster), request_(request), guard_(guard), progress_(progress) {}

  Status run() {
    guard_.doing("looking for the pool and the user");
    MOLD_TRY(io_, cluster_.pool(request_.access.pool));
    MOLD_TRY(beat_io_, cluster_.pool(request_.access.pool, std::string(kBeatNamespace)));
    Before before;
    MOLD_TRY_VOID(read_all(before));
    before.look.clients.insert(order().clients.begin(), order().clients.end());
    guard_.doing("taking the access of client." + order().user + " and listing its clients");
    MOLD_TRY_VOID(list(before.look.clients, before.listed, before.has_access));
    MOLD_TRY_VOID(read_back_access());
    MOLD_TRY_VOID(list_until_nobody_is_new());
    MOLD_TRY_VOID(break_locks());
    // Last of all, the access once more: a grant that was on its way when this began gives it back.
    return run_together(
        {[this] { return read_back_list(); }, [this] { return read_back_access(); }});
  }

  [[nodiscard]] std::string story() const {
    std::string text = "access of client." + order().user + " taken; listed " +
                       std::to_string(progress_.listed.size()) + " clients; " +
                       std::to_string(last_.images.size()) + " images without another client; " +
                       std::to_string(broken_) + " locks broken";
    for (const auto& [name, image] : last_.images) {
      if (!image.exists) text += "; no image " + name;
    }
    if (!last_.watchers.empty()) text += "; listed clients still shown as watchers";
    return text;
  }

 private:
  struct Before {
    Look look;
    Blocklist listed;
    bool has_access = false;
  };

  // All that has to be known first, in one go: a monitor that has just decided on anything takes up
  // to a second for the next.
  Status read_all(Before& before) {
    const auto right = [this]() -> Status {
      MOLD_TRY(const bool may, may_fence(cluster_, io_, order().user));
      if (may) return {};
      return fail(ErrorKind::kDenied, "client." + request_.access.user + " may not isolate a host");
    };
    const auto user = [this, &before]() -> Status {
      MOLD_TRY(const auto known, read_user(cluster_, order().user));
      // A user that does not exist is not the one that the host has.
      if (!known) return fail(ErrorKind::kNotFound, "there is no client." + order().user);
      before.has_access = known->caps != no_access_caps();
      return {};
    };
    const auto blocklist = [this, &before]() -> Status {
      MOLD_TRY(before.listed, read_blocklist(cluster_));
      return {};
    };
    const auto clients = [this, &before]() -> Status {
      MOLD_TRY(before.look, look());
      return {};
    };
    return run_together({right, user, blocklist, clients});
  }

  [[nodiscard]] const port::IsolationOrder& order() const { return request_.isolation; }

  Result<Look> look() {
    guard_.doing("reading who has the images open");
    Look found;
    for (const std::string& name : order().images) {
      MOLD_TRY(ImageState image, read_image(io_, name));
      found.watchers.insert(image.watchers.begin(), image.watchers.end());
      const std::set<std::string> clients = image.clients();
      found.clients.insert(clients.begin(), clients.end());
      found.images.emplace_back(name, std::move(image));
    }
    if (!order().beat_object.empty()) {
      MOLD_TRY(const auto beating, read_watchers(beat_io_, order().beat_object));
      found.watchers.insert(beating.begin(), beating.end());
      found.clients.insert(beating.begin(), beating.end());
    }
    return found;
  }

  // With the user's access, if that is to be taken, too. After the blocklist: monitors decide on a
  // user at once, whenever they are asked, and then gather for a second before they decide on the
  // blocklist.
  Status list(const std::set<std::string>& clients, const Blocklist& before, bool take_access) {
    MOLD_TRY_VOID(
        list_clients(cluster_, clients, before, order().expiry, [this](const std::string& client) {
          guard_.with_lock([&] { progress_.listed.insert(client); });
        }));
    if (take_access) MOLD_TRY_VOID(set_caps(cluster_, order().user, no_access_caps()));
    guard_.doing("waiting for the map with the blocklist");
    MOLD_TRY_VOID(cluster_.wait_for_latest_map());
    return read_back_list();
  }

  Status read_back_list() {
    guard_.doing("reading the blocklist back");
    return check_listed(cluster_, progress_.listed, order().expiry);
  }

  Status read_back_access() {
    guard_.doing("reading the user back");
    MOLD_TRY(const auto known, read_user(cluster_, order().user));
    if (!known || known->caps != no_access_caps())
      return fail(ErrorKind::kUnknown,
                  "client." + order().user + " does not read back as isolated");
    return {};
  }

  Status list_until_nobody_is_new() {
    for (int round = 0; round < kMostRounds; ++round) {
      MOLD_TRY(last_, look());
      std::set<std::string> late;
      std::set_difference(last_.clients.begin(), last_.clients.end(), progress_.listed.begin(),
                          progress_.listed.end(), std::inserter(late, late.end()));
      if (late.empty()) return wait_for_watchers();
      guard_.doing("listing clients that came late");
      MOLD_TRY(const Blocklist before, read_blocklist(cluster_));
      MOLD_TRY_VOID(list(late, before, false));
    }
    return fail(ErrorKind::kUnknown, "new clients keep coming to the images");
  }

  // OSDs drop the watches of listed clients as soon as they have the map. One that takes longer is
  // no danger: it is listed. So this is only a wait, and whoever is new is an error.
  Status wait_for_watchers() {
    for (int i = 0; i < kLooksAtWatchers && !last_.watchers.empty(); ++i) {
      ::usleep(kPauseUs);
      MOLD_TRY(last_, look());
      MOLD_TRY_VOID(nobody_unlisted());
    }
    return {};
  }

  Status nobody_unlisted() const {
    for (const std::string& client : last_.clients) {
      if (!progress_.listed.contains(client))
        return fail(ErrorKind::kUnknown,
                    client + " came to the images after all others were listed");
    }
    return {};
  }

  Status break_locks() {
    guard_.doing("breaking the locks of listed clients");
    for (const auto& [name, image] : last_.images) {
      for (const LockOwner& owner : image.owners) {
        if (!progress_.listed.contains(owner.address)) continue;
        cluster_.changes().begin();
        MOLD_TRY_VOID(break_lock(io_, image.header, owner));
        ++broken_;
      }
    }
    if (broken_ == 0) return {};
    MOLD_TRY(last_, look());
    MOLD_TRY_VOID(nobody_unlisted());
    for (const auto& [name, image] : last_.images) {
      if (!image.owners.empty())
        return fail(ErrorKind::kUnknown, "the lock of " + name + " does not read back as broken");
    }
    return {};
  }

  Cluster& cluster_;
  const CephRequest& request_;
  Guard& guard_;
  IsolationProgress& progress_;
  librados::IoCtx io_;
  librados::IoCtx beat_io_;
  Look last_;
  int broken_ = 0;
};

}  // namespace

port::IsolationAnswer isolate(Cluster& cluster, const CephRequest& request, bool anybody,
                              Guard& guard, IsolationProgress& progress) {
  port::IsolationAnswer answer;
  const std::string& user = request.isolation.user;
  Isolation isolation(cluster, request, guard, progress);
  Status done;
  if (user == request.access.user) {
    done = fail(ErrorKind::kUnsupported, "client." + user +
                                             " is the user that asks: its access cannot be taken "
                                             "without locking everybody out");
  } else if (anybody) {
    done = fail(ErrorKind::kUnsupported,
                "the cluster runs without cephx: it asks nobody for a key, so nobody can be "
                "locked out");
  } else {
    done = isolation.run();
  }
  if (done) {
    answer.outcome = core::Outcome::kConfirmed;
    answer.text = isolation.story();
  } else {
    static_cast<port::CephAnswer&>(answer) = refusal_of(cluster, request, done.error());
  }
  answer.listed.assign(progress.listed.begin(), progress.listed.end());
  return answer;
}

}  // namespace mold::ceph
