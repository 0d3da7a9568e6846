#pragma once
// nfs-ganesha on loopback, for the tests of one program: a real NFS 4 server in user space that can
// be stopped and continued. Without it the tests are skipped.
#include <sys/stat.h>

// libnfs.h does not include what it needs.
#include <fcntl.h>
#include <nfsc/libnfs.h>
#include <sys/time.h>

#include <span>
#include <string>

#include "agentd/heartbeat/nfs_pool.h"
#include "tests/fakes/loopback.h"
#include "tests/fakes/stand_still.h"
#include "tests/unit/agentd/heartbeat/child_process.h"
#include "tests/unit/agentd/heartbeat/temp_dir.h"

namespace mold::heartbeat {

class NfsServer {
 public:
  static NfsServer& get() {
    static NfsServer server;
    return server;
  }
  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] const TempDir& dir() const { return dir_; }
  // Another, empty directory below the export; the source of a pool in it.
  std::string fresh_source() {
    pool_ = "p" + std::to_string(++pools_);
    std::filesystem::create_directory(dir_.path("export/" + pool_));
    return source();
  }
  [[nodiscard]] std::string source() const {
    return "nfs://127.0.0.1:" + std::to_string(port_) + "/x/" + pool_;
  }
  void stop() const { fakes::stand_still(process_.pid()); }
  void go_on() const { process_.send(SIGCONT); }

  // ---- files of the pool by another client: the server keeps what it knows of a file in memory
  std::string read(const std::string& path) {
    std::string text(8192, '\0');
    int n = -1;
    with_client([&](nfs_context* nfs) {
      nfsfh* file = nullptr;
      if (nfs_open(nfs, path.c_str(), O_RDONLY, &file) < 0) return;
      n = nfs_pread(nfs, file, 0, text.size(), text.data());
      nfs_close(nfs, file);
    });
    text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return text;
  }
  void remove(const std::string& path) {
    with_client([&](nfs_context* nfs) { nfs_unlink(nfs, path.c_str()); });
  }
  void put(const std::string& path, std::string_view content) {
    with_client([&](nfs_context* nfs) {
      nfs_unlink(nfs, path.c_str());
      nfsfh* file = nullptr;
      if (nfs_open2(nfs, path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644, &file) < 0) return;
      // In parts: libnfs 4 cannot encode a request of 4096 bytes.
      for (std::size_t at = 0; at < content.size(); at += 1024) {
        const auto part = content.substr(at, 1024);
        nfs_pwrite(nfs, file, at, part.size(), part.data());
      }
      nfs_close(nfs, file);
    });
  }

 private:
  NfsServer() {
    if (::access("/usr/bin/ganesha.nfsd", X_OK) != 0 || ::geteuid() != 0) return;
    std::filesystem::create_directory(dir_.path("export"));
    std::filesystem::create_directory(dir_.path("recovery"));
    pool_ = "first";
    std::filesystem::create_directory(dir_.path("export/first"));
    port_ = fakes::free_port(SOCK_STREAM);
    dir_.write("conf",
               "NFS_CORE_PARAM { NFS_Port = " + std::to_string(port_) +
                   "; Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false;"
                   " Bind_addr = 127.0.0.1; }\n"
                   "NFSV4 { Graceless = true; RecoveryBackend = fs; RecoveryRoot = \"" +
                   dir_.path("recovery") +
                   "\"; }\n"
                   "EXPORT { Export_Id = 1; Protocols = 4; Path = \"" +
                   dir_.path("export") +
                   "\"; Pseudo = /x; Access_Type = RW; Squash = No_Root_Squash; SecType = sys;"
                   " FSAL { Name = VFS; } }\n");
    process_ =
        ChildProcess({"/usr/bin/setpriv", "--pdeathsig", "KILL", "/usr/bin/ganesha.nfsd", "-F",
                      "-f", dir_.path("conf"), "-L", dir_.path("log"), "-p", dir_.path("pid")},
                     dir_.path("out"));
    up_ = eventually([this] { return with_client([](nfs_context*) {}); }, 30000);
  }
  ~NfsServer() { process_.kill_now(); }

  bool with_client(const std::function<void(nfs_context*)>& act) {
    nfs_context* const nfs = nfs_init_context();
    nfs_set_timeout(nfs, 5000);
    nfs_url* const url = nfs_parse_url_dir(nfs, nfs_url_of(source()).c_str());
    const bool mounted = url != nullptr && nfs_mount(nfs, url->server, url->path) == 0;
    if (url != nullptr) nfs_destroy_url(url);
    if (mounted) act(nfs);
    nfs_destroy_context(nfs);
    return mounted;
  }

  TempDir dir_{in_memory()};
  ChildProcess process_;
  std::string pool_;
  int pools_ = 0;
  int port_ = 0;
  bool up_ = false;
};

}  // namespace mold::heartbeat
