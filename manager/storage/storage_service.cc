#include "manager/storage/storage_service.h"

#include <utility>

namespace mold::manager {
namespace {

ErrorKind probe_error(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kNotFound:
    case ErrorKind::kDenied:
    case ErrorKind::kUnsupported:
    case ErrorKind::kInternal:
      return kind;
    case ErrorKind::kConflict:
    case ErrorKind::kBusy:
    case ErrorKind::kTimeout:
    case ErrorKind::kUnavailable:
    case ErrorKind::kCorrupt:
    case ErrorKind::kCancelled:
    case ErrorKind::kUnknown:
      break;
  }
  return ErrorKind::kUnavailable;  // a look changes nothing: not known is not reached
}

Result<port::CephPoolFacts> judged(port::CephPoolFacts facts, const std::string& user) {
  if (facts.outcome != core::Outcome::kConfirmed)
    return fail(probe_error(facts.error), "the Ceph pool cannot be used: " + facts.text);
  if (facts.fsid.empty())
    return fail(ErrorKind::kUnavailable, "the Ceph cluster did not say which one it is");
  if (!facts.may_fence)
    return fail(ErrorKind::kDenied, "client." + user +
                                        " may not take a host's access away, so a host that "
                                        "fails could not be fenced from this pool; run: " +
                                        facts.missing);
  return facts;
}

}  // namespace

StorageService::StorageService(runtime::EventLoop& loop, Engine& engine, Inventory& inventory,
                               const SecretBox& box, Options options)
    : loop_(loop),
      box_(box),
      ceph_(options.ceph),
      probe_deadline_(options.probe_deadline),
      keys_(loop, engine, inventory, box, options.ceph, std::move(options.keys),
            std::move(options.pool_keys)),
      maintenance_(loop, engine, inventory, std::move(options.maintenance)),
      isolation_(
          loop, engine, inventory, keys_, options.ceph,
          [&engine](const core::Event& event) { engine.submit(event); }, options.isolation) {}

void StorageService::start() {
  keys_.start();
  maintenance_.start();
  isolation_.start();
}

void StorageService::probe(const port::CephAccess& access, Probed done) {
  if (ceph_ == nullptr) {
    loop_.post([done = std::move(done)] {
      done(fail(ErrorKind::kUnsupported, "this manager cannot talk to Ceph"));
    });
    return;
  }
  ceph_->probe(access, probe_deadline_,
               [done = std::move(done), user = access.user](port::CephPoolFacts facts) {
                 done(judged(std::move(facts), user));
               });
}

Result<std::string> StorageService::seal_key(const std::string& pool_uuid,
                                             const Secret& key) const {
  if (key.empty()) return std::string{};
  return box_.seal_pool_key(pool_uuid, key);
}

}  // namespace mold::manager
