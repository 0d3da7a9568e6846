#pragma once
// A hand on the cluster behind a port::CephStorage, real or in memory, and on clients of it. What
// tests call it blocks. Several rigs may share one cluster: names are new in each.
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lib/port/ceph_storage.h"
#include "lib/runtime/event_loop.h"

namespace mold::contract {

// One handle, as a QEMU has one. Numbers are 0, or minus an errno.
class CephHandle {
 public:
  virtual ~CephHandle() = default;
  [[nodiscard]] virtual std::string address() = 0;  // as client_name()
  virtual int open(const std::string& image) = 0;
  virtual int write(const std::string& image) = 0;
  virtual int watch_beat(const std::string& object) = 0;
};

class CephRig {
 public:
  virtual ~CephRig() = default;
  virtual runtime::EventLoop& loop() = 0;
  virtual port::CephStorage& storage() = 0;
  virtual port::CephAccess fencer() = 0;                        // may do all of the port
  virtual port::CephAccess without_blocklist() = 0;             // the same, but for the blocklist
  virtual std::string fresh(const std::string& begin) = 0;      // a name that nothing has yet
  virtual std::string make_image() = 0;                         // 8 MiB
  virtual std::string make_template() = 0;                      // 8 MiB; "image@snapshot"
  virtual std::uint64_t size_of(const std::string& image) = 0;  // 0: not there
  // Nothing: it was not let in.
  virtual std::unique_ptr<CephHandle> connect(const std::string& user, const Secret& key) = 0;
  virtual std::map<std::string, Duration> blocklist() = 0;  // and how long yet
  virtual void list_by_hand(const std::string& client, Duration expiry) = 0;
  virtual void pass(Duration time) = 0;  // lets so much of the cluster's time go by
  virtual void freeze_osds(bool on) = 0;
  virtual void freeze_mons(bool on) = 0;
};

using MakeCephRig = std::unique_ptr<CephRig> (*)();

}  // namespace mold::contract
