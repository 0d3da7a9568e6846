// One client of a Ceph cluster, as a QEMU of a host is one: a process of its own, so that it can be
// known by its address, frozen, and outlived. For the contract of port::CephStorage.
//
//   mold-ceph-victim MON_HOST POOL USER     the key is the first line of standard input
//
// Then a line for each wish, answered by one line: "address", "open IMAGE", "write IMAGE",
// "object NAME" (writes an object), "beat NAME" (watches it in the namespace of beats), "end".
// A number is what librados gave: 0, or minus an errno.
#include <cerrno>
#include <iostream>
#include <map>
#include <memory>
#include <rados/librados.hpp>
#include <rbd/librbd.hpp>
#include <sstream>
#include <string>

namespace {

struct Watching final : librados::WatchCtx2 {
  void handle_notify(uint64_t, uint64_t, uint64_t, librados::bufferlist&) override {}
  void handle_error(uint64_t, int) override {}
};

class Victim {
 public:
  int connect(const std::string& mons, const std::string& pool, const std::string& user,
              const std::string& key) {
    rados_.init2(("client." + user).c_str(), "ceph", 0);
    const std::map<std::string, std::string> settings = {{"mon_host", mons},
                                                         {"key", key},
                                                         {"client_mount_timeout", "10"},
                                                         {"rados_mon_op_timeout", "5"},
                                                         {"rados_osd_op_timeout", "5"},
                                                         {"admin_socket", ""},
                                                         {"log_file", ""},
                                                         {"log_to_stderr", "false"},
                                                         {"err_to_stderr", "false"}};
    for (const auto& [name, value] : settings) rados_.conf_set(name.c_str(), value.c_str());
    if (const int rc = rados_.connect(); rc < 0) return rc;
    if (const int rc = rados_.ioctx_create(pool.c_str(), io_); rc < 0) return rc;
    return rados_.ioctx_create(pool.c_str(), beats_);
  }
  std::string address() { return rados_.get_addrs(); }
  int open(const std::string& name) {
    auto image = std::make_unique<librbd::Image>();
    librbd::RBD rbd;
    const int rc = rbd.open(io_, *image, name.c_str());
    if (rc == 0) images_[name] = std::move(image);
    return rc;
  }
  int write(const std::string& name) {
    const auto found = images_.find(name);
    if (found == images_.end()) return -ENOENT;
    librados::bufferlist data;
    data.append(std::string(4096, 'v'));
    const auto rc = found->second->write(0, data.length(), data);
    return rc < 0 ? static_cast<int>(rc) : found->second->flush();
  }
  int object(const std::string& name) {
    librados::bufferlist data;
    data.append("v");
    return io_.write_full(name, data);
  }
  int beat(const std::string& name) {
    beats_.set_namespace("mold-ha");
    librados::bufferlist data;
    data.append("v");
    if (const int rc = beats_.write_full(name, data); rc < 0) return rc;
    return beats_.watch2(name, &cookie_, &watching_);
  }

 private:
  librados::Rados rados_;
  librados::IoCtx io_;
  librados::IoCtx beats_;
  std::map<std::string, std::unique_ptr<librbd::Image>> images_;
  Watching watching_;
  uint64_t cookie_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::string key;
  std::getline(std::cin, key);
  // Never destroyed: the destructors of a client that was cut off wait for what does not come.
  auto& victim = *new Victim;
  std::cout << victim.connect(argv[1], argv[2], argv[3], key) << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    std::string name;
    words >> verb >> name;
    if (verb == "address") std::cout << victim.address() << std::endl;
    if (verb == "open") std::cout << victim.open(name) << std::endl;
    if (verb == "write") std::cout << victim.write(name) << std::endl;
    if (verb == "object") std::cout << victim.object(name) << std::endl;
    if (verb == "beat") std::cout << victim.beat(name) << std::endl;
    if (verb == "end") break;
  }
  std::_Exit(0);
}
