#pragma once
// A real Ceph for the tests of one program (tests/lab/ceph-one), started with the first test that
// asks for it and ended with the process. Without the programs of Ceph the tests are skipped.
#include <rados/librados.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "agentd/heartbeat/rados_pool.h"
#include "agentd/heartbeat/rados_settings.h"
#include "tests/unit/agentd/heartbeat/child_process.h"
#include "tests/unit/agentd/heartbeat/temp_dir.h"

namespace mold::heartbeat {

class CephOne {
 public:
  static constexpr auto kUser = "mold-host-test";

  static CephOne& get() {
    static CephOne one;
    return one;
  }
  [[nodiscard]] bool up() const { return !env_.empty(); }
  [[nodiscard]] std::string pool() const { return env_.at("POOL"); }
  [[nodiscard]] const TempDir& dir() const { return dir_; }
  // As agentd would have written it.
  [[nodiscard]] std::string conf() const { return dir_.path("beats.conf"); }

  bool freeze() { return ceph_one("freeze") == 0; }
  bool thaw() { return ceph_one("thaw") == 0; }

  // Makes the user, or gives its access back; its key may be a new one.
  bool grant() {
    const auto caps = R"("caps":["mon","profile rbd","osd","profile rbd pool=)" + pool() + R"("])";
    const auto keyring = mon(R"({"prefix":"auth get-or-create","entity":"client.)" +
                             std::string(kUser) + R"(",)" + caps + "}");
    const auto at = keyring.find("key = ");
    if (at == std::string::npos) return false;
    const auto key = keyring.substr(at + 6, keyring.find('\n', at) - at - 6);
    const auto text = format_keyring(kUser, Secret(key));
    const auto conf =
        format_rados_settings({env_.at("MON_HOST"), kUser, dir_.path("beats.keyring")});
    if (!text || !conf) return false;
    dir_.write("beats.keyring", text->reveal());
    dir_.write("beats.conf", *conf);
    return true;
  }
  void take_user_away() {
    mon(R"({"prefix":"auth rm","entity":"client.)" + std::string(kUser) + R"("})");
  }
  void blocklist(const std::string& address, bool add = true) {
    mon(R"({"prefix":"osd blocklist","blocklistop":")" + std::string(add ? "add" : "rm") +
        R"(","addr":")" + address + R"("})");
  }
  // Addresses of those that watch the host's beat object, as whoever fences it finds them; sorted.
  std::vector<std::string> watchers(const std::string& host) {
    const auto out = dir_.path("watchers");
    std::ofstream(out, std::ios::trunc).flush();
    ChildProcess({"/usr/bin/timeout", "20", "/usr/bin/rados", "--conf", env_.at("CONF"), "-p",
                  pool(), "-N", kRadosNamespace, "listwatchers", kRadosBeatPrefix + host},
                 out)
        .wait();
    std::vector<std::string> found;
    std::ifstream lines(out);
    for (std::string line; std::getline(lines, line);) {
      constexpr std::string_view kBegin = "watcher=";
      if (line.starts_with(kBegin)) {
        found.push_back(line.substr(kBegin.size(), line.find(' ') - kBegin.size()));
      }
    }
    std::sort(found.begin(), found.end());  // Ceph's order is that of the watches' numbers
    return found;
  }

  // ---- objects of the namespace, past the medium
  void empty_pool() {
    rados_list_ctx_t list = nullptr;
    if (rados_nobjects_list_open(io_, &list) != 0) return;
    std::vector<std::string> names;
    const char* name = nullptr;
    while (rados_nobjects_list_next(list, &name, nullptr, nullptr) == 0) names.emplace_back(name);
    rados_nobjects_list_close(list);
    for (const auto& each : names) rados_remove(io_, each.c_str());
  }
  void put(const std::string& object, const std::string& content) {
    rados_write_full(io_, object.c_str(), content.data(), content.size());
  }
  void remove(const std::string& object) { rados_remove(io_, object.c_str()); }
  std::string content(const std::string& object) {
    std::string text(8192, '\0');
    const int n = rados_read(io_, object.c_str(), text.data(), text.size(), 0);
    text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return text;
  }

 private:
  CephOne() {
    if (::access("/usr/bin/ceph-osd", X_OK) != 0 || ::access("/usr/bin/rados", X_OK) != 0) return;
    const auto out = dir_.path("start.out");
    ChildProcess({MOLD_CEPH_ONE, "start", dir_.path("c"), "--owner", std::to_string(::getpid())},
                 out)
        .wait();
    std::ifstream lines(dir_.path("c/env"));
    for (std::string line; std::getline(lines, line);) {
      const auto equals = line.find('=');
      env_[line.substr(0, equals)] = line.substr(equals + 1);
    }
    if (!env_.empty() && !connect()) env_.clear();
    if (!env_.empty() && !grant()) env_.clear();
  }
  ~CephOne() {
    if (io_ != nullptr) rados_ioctx_destroy(io_);
    if (cluster_ != nullptr) rados_shutdown(cluster_);
    (void)ceph_one("stop");
  }
  bool connect() {
    return rados_create2(&cluster_, "ceph", "client.admin", 0) == 0 &&
           rados_conf_read_file(cluster_, env_.at("CONF").c_str()) == 0 &&
           rados_connect(cluster_) == 0 &&
           rados_ioctx_create(cluster_, pool().c_str(), &io_) == 0 &&
           (rados_ioctx_set_namespace(io_, kRadosNamespace), true);
  }
  int ceph_one(const char* verb) {
    return ChildProcess({MOLD_CEPH_ONE, verb, dir_.path("c")}, dir_.path("log")).wait();
  }
  std::string mon(const std::string& command) {
    const char* words[] = {command.c_str()};
    char* out = nullptr;
    char* status = nullptr;
    std::size_t out_size = 0;
    std::size_t status_size = 0;
    const int result =
        rados_mon_command(cluster_, words, 1, "", 0, &out, &out_size, &status, &status_size);
    std::string text(out == nullptr ? "" : out, out_size);
    if (out != nullptr) rados_buffer_free(out);
    if (status != nullptr) rados_buffer_free(status);
    return result == 0 ? text : "";
  }

  TempDir dir_;
  std::map<std::string, std::string> env_;
  rados_t cluster_ = nullptr;
  rados_ioctx_t io_ = nullptr;
};

}  // namespace mold::heartbeat
