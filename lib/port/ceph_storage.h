#pragma once
// RBD disks of a Ceph pool, who has them open, and how that is ended for good. Implemented by
// fencing/ceph: each request is a run of the program mold-ceph, so a hung cluster hangs a child
// with a deadline and never the manager or an agent. The contract is
// tests/contract/ceph_storage_contract.h.
//
// Honest outcomes above all: kConfirmed means read back, kFailed that certainly nothing was
// changed, kUnknown anything else: an operation that timed out may still land.
//
// Clients are named "ip:0/nonce" (an IPv6 address in brackets), without the "v1:" that some calls
// put before it. A client is one open handle: a process that opens another one has another nonce.
//
// Loop thread only; completions come on the loop thread, exactly once, never inside the call.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/model/proof.h"
#include "lib/base/error.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"

namespace mold::port {

// How to reach a pool, and as whom.
struct CephAccess {
  std::string mon_host;  // as in ceph.conf: "10.0.0.1,10.0.0.2:6789" or "[v2:..,v1:..]"
  std::string pool;
  std::string user;  // without "client."
  Secret key;        // base64, as `ceph auth get-key` prints it
};

struct CephAnswer {
  core::Outcome outcome = core::Outcome::kUnknown;
  ErrorKind error = ErrorKind::kUnknown;  // when not confirmed
  std::string text;                       // what happened, for an admin; never a secret
};

struct CephPoolFacts : CephAnswer {
  std::string fsid;
  // Whether this user may fence (list clients and take a user's access away). Not: `missing` is the
  // exact `ceph auth caps ...` line that an admin has to run.
  bool may_fence = false;
  std::string missing;
  bool cephx = true;              // false: nobody is asked for a key, so nobody can be locked out
  std::uint64_t total_bytes = 0;  // 0: not known (no mgr)
  std::uint64_t free_bytes = 0;
};

// Who has one image open; each once, sorted.
struct ImageClients {
  std::string image;
  bool exists = true;
  // Watchers and owners of the exclusive lock: all that may have written, dead or alive. A lock
  // never ends by itself.
  std::vector<std::string> clients;
  // Those of them that watch the image and are on no blocklist: who has it open now. The lock of
  // anybody else is no hindrance: librbd takes it over, and lists its owner first.
  std::vector<std::string> watching;
  std::string problem;  // it could not be read, and why: nothing else is known of it
};
struct CephClients : CephAnswer {
  std::vector<ImageClients> images;  // in the order asked for; confirmed: some could be read
};

struct IsolationOrder {
  // The host's own user (without "client."): its access is taken away first, so that it cannot
  // connect anew; then its clients are put on the blocklist.
  std::string user;
  std::vector<std::string> clients;  // known ones; those found on `images` are listed as well
  std::vector<std::string> images;   // that must not be written any more
  std::string beat_object;           // whoever watches it belongs to the host, too; empty: none
  Duration expiry{0};                // of the blocklist entries; see renew()
};
struct IsolationAnswer : CephAnswer {
  // kConfirmed: all of `listed` were read back from the OSD map, the user's access is gone, no
  // image has a watcher that is not listed, and the listed owners' locks are broken.
  std::vector<std::string> listed;  // as far as it came; also when not confirmed
};

struct DiskOrder {
  std::string image;
  std::uint64_t size_bytes = 0;  // 0: as large as the template
  // "" (empty disk), "<image>@<snapshot>" of the same pool (a clone is made), or an absolute path
  // of a raw or qcow2 file on this machine (imported once as a protected snapshot, then cloned).
  std::string from;
};

class CephStorage {
 public:
  template <class Answer>
  using Done = std::function<void(Answer)>;

  virtual ~CephStorage() = default;
  virtual void probe(const CephAccess& access, Duration deadline, Done<CephPoolFacts> done) = 0;
  virtual void clients(const CephAccess& access, const std::vector<std::string>& images,
                       Duration deadline, Done<CephClients> done) = 0;

  // ---- as a user that may fence
  // Makes the host's user, or gives it back its access: to these pools and no others. `key`
  // answers.
  struct Key : CephAnswer {
    Secret key;
  };
  virtual void grant(const CephAccess& access, const std::string& user,
                     const std::vector<std::string>& pools, Duration deadline, Done<Key> done) = 0;
  // For good: a user of a host, `mold-host-...`, and no other. One that is not there is done.
  virtual void remove_user(const CephAccess& access, const std::string& user, Duration deadline,
                           Done<CephAnswer> done) = 0;
  // May be repeated; what was done already is read back again.
  virtual void isolate(const CephAccess& access, const IsolationOrder& order, Duration deadline,
                       Done<IsolationAnswer> done) = 0;
  // Sees to it that they are listed for `expiry` from now, half of which is enough, and reads that
  // back. Ceph does not prolong an entry: one that would end earlier is taken off and listed anew,
  // with a gap of a moment in which its client can write; so clients are listed for a year, and
  // what is there is left alone as long as it will do.
  // `user`: the host's, if it is isolated; when it has access again, that is kFailed (kConflict)
  // and nothing is listed. Empty: of no user.
  virtual void renew(const CephAccess& access, const std::string& user,
                     const std::vector<std::string>& clients, Duration expiry, Duration deadline,
                     Done<CephAnswer> done) = 0;
  // Takes exactly these from the blocklist. One that is not there is done.
  virtual void lift(const CephAccess& access, const std::vector<std::string>& clients,
                    Duration deadline, Done<CephAnswer> done) = 0;

  // ---- disks
  // An image that is there with at least that size is taken for the work of an earlier delivery.
  virtual void create_disk(const CephAccess& access, const DiskOrder& order, Duration deadline,
                           Done<CephAnswer> done) = 0;
  // A missing image is done; one that somebody has open is kFailed (kConflict) with the address.
  virtual void remove_disk(const CephAccess& access, const std::string& image, Duration deadline,
                           Done<CephAnswer> done) = 0;
};

}  // namespace mold::port
