#pragma once
// A connection to a Ceph cluster for one request. All that librados is told comes from the
// request: no ceph.conf, no keyring file, no log, no socket. Its calls block, each no longer than
// the request has left; what can block for ever all the same is the Guard's business (guard.h).
//
// Changes knows whether anything may have been changed: an error before that is kFailed, one after
// it is kUnknown. Several threads may run commands at once.
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <rados/librados.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "fencing/ceph/ceph_messages.h"
#include "fencing/ceph/program/changes.h"
#include "lib/base/result.h"

namespace mold::ceph {

// `rc` is what librados or librbd gave: a negative number of errno. kTimeout and kUnavailable: what
// was asked for may still be done.
Error ceph_error(int rc, std::string_view doing, std::string_view said = {});
// The cluster has said no, and certainly changed nothing for it.
bool is_refusal(int rc);
bool is_refusal(ErrorKind kind);

class Cluster {
 public:
  // `changes` outlives it.
  static Result<std::unique_ptr<Cluster>> connect(const CephRequest& request, const Secret& key,
                                                  Changes& changes);
  explicit Cluster(Changes& changes) : changes_(changes) {}
  // Whether the cluster lets somebody in who shows no key at all.
  static Result<bool> lets_anybody_in(const CephRequest& request);

  // A command that changes nothing; its output.
  Result<std::string> ask(const nlohmann::json& command);
  // One that does.
  Result<std::string> change(const nlohmann::json& command);
  // What came of a command that is only tried: its return code.
  int attempt(const nlohmann::json& command);

  // kNotFound: there is no such pool.
  Result<librados::IoCtx> pool(const std::string& name, const std::string& name_space = {});
  Status wait_for_latest_map();
  librados::Rados& rados() { return rados_; }

  Changes& changes() { return changes_; }
  // As an answer says it.
  [[nodiscard]] port::CephAnswer answer_for(const Error& error) const;

 private:
  int run(const nlohmann::json& command, std::string& out, std::string& said);

  librados::Rados rados_;
  Changes& changes_;
};

// Commands to the monitors that go out at once, each in a thread of its own: they log each and
// decide on that, too, and after a decision they gather for up to a second. So what is asked one
// after the other pays for what was asked before. Returns when all have ended, with the first
// error.
Status run_together(const std::vector<std::function<Status()>>& jobs);

// What failed before there was a connection: certainly nothing was changed.
port::CephAnswer unconnected_answer(const Error& error);

}  // namespace mold::ceph
