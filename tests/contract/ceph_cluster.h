#pragma once
// A real Ceph cluster for tests (tests/lab/ceph-one), one per test program, gone with it; and a rig
// on it with CephTool, mold-ceph and clients that are processes of their own.
#include <map>
#include <memory>
#include <string>

#include "fencing/ceph/ceph_tool.h"
#include "tests/contract/ceph_rig.h"

namespace mold::contract {

// Started by the first who asks. Dies (MOLD_CHECK) when there is none to be had.
class CephCluster {
 public:
  static CephCluster& get();
  // KEY=VALUE of its env file.
  [[nodiscard]] const std::string& env(const std::string& name) const;
  // As its admin: a command line for bash, where ceph, rbd and rados find the cluster. Its output.
  std::string admin(const std::string& line) const;
  // The real pace of monitors, which the lab's are spared.
  void stock_pace() const;
  ~CephCluster();

 private:
  CephCluster();
  std::string dir_;
  std::map<std::string, std::string> env_;
};

class RealCephRig final : public CephRig {
 public:
  RealCephRig();
  runtime::EventLoop& loop() override { return *loop_; }
  port::CephStorage& storage() override { return tool_; }
  port::CephAccess fencer() override;
  port::CephAccess without_blocklist() override;
  std::string fresh(const std::string& begin) override;
  std::string make_image() override;
  std::string make_template() override;
  std::uint64_t size_of(const std::string& image) override;
  std::unique_ptr<CephHandle> connect(const std::string& user, const Secret& key) override;
  std::map<std::string, Duration> blocklist() override;
  void list_by_hand(const std::string& client, Duration expiry) override;
  void pass(Duration time) override;
  void freeze_osds(bool on) override;
  void freeze_mons(bool on) override;

 private:
  std::unique_ptr<runtime::EventLoop> loop_;
  ceph::CephTool tool_;
};

std::unique_ptr<CephRig> make_real_ceph_rig();

}  // namespace mold::contract
