// rbdview: keeps copies of the beginning of every image of a Ceph pool in a directory, so that
// diskwatch judges RBD disks as it judges files.
//
//   rbdview --conf FILE --user NAME --pool POOL [--interval-ms 50] DIR     until a signal
//
// Images are opened read-only: nobody becomes a watcher, no lock is asked for, nobody who looks for
// foreign clients sees us. A copy is DIR/<image>; only blocks that changed are written, each as a
// whole. Images that come later are found within half a second.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <rados/librados.hpp>
#include <rbd/librbd.hpp>
#include <string>
#include <thread>
#include <vector>

#include "nano/nano_disk.h"

namespace {

constexpr std::size_t kBlock = NANO_SECTOR_BYTES;
constexpr std::size_t kBytes = kBlock * (NANO_RING_SECTOR + NANO_RING_SLOTS);
constexpr auto kLookAgain = std::chrono::milliseconds(500);

std::atomic<bool> g_stop = false;

struct Options {
  std::string conf;
  std::string user;
  std::string pool;
  std::string directory;
  std::chrono::milliseconds interval{50};
};

// One image and its copy.
class View {
 public:
  View(librados::IoCtx& pool, const std::string& name, const std::string& copy) {
    librbd::RBD rbd;
    if (rbd.open_read_only(pool, image_, name.c_str(), nullptr) < 0) return;
    open_ = true;
    fd_ = open(copy.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  }
  ~View() {
    if (open_) image_.close();
    if (fd_ >= 0) close(fd_);
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  [[nodiscard]] bool good() const { return open_ && fd_ >= 0; }
  bool refresh() {
    ceph::bufferlist fresh;
    const ssize_t got = image_.read(0, kBytes, fresh);
    if (got < 0) return false;
    std::vector<char> now(kBytes, 0);
    fresh.begin().copy(static_cast<unsigned>(fresh.length()), now.data());
    for (std::size_t at = 0; at < kBytes; at += kBlock) {
      if (!seen_.empty() && std::memcmp(&now[at], &seen_[at], kBlock) == 0) continue;
      if (pwrite(fd_, &now[at], kBlock, static_cast<off_t>(at)) != static_cast<ssize_t>(kBlock))
        return false;
    }
    seen_ = std::move(now);
    return true;
  }

 private:
  librbd::Image image_;
  bool open_ = false;
  int fd_ = -1;
  std::vector<char> seen_;
};

class Pool {
 public:
  bool connect(const Options& options) {
    return cluster_.init(options.user.c_str()) == 0 &&
           cluster_.conf_read_file(options.conf.c_str()) == 0 &&
           cluster_.conf_set("client_mount_timeout", "10") == 0 && cluster_.connect() == 0 &&
           cluster_.ioctx_create(options.pool.c_str(), pool_) == 0;
  }
  void look_for_images(const std::string& directory) {
    std::vector<librbd::image_spec_t> images;
    librbd::RBD rbd;
    if (rbd.list2(pool_, &images) < 0) return;
    for (const auto& image : images) {
      if (views_.count(image.name) != 0) continue;
      auto view = std::make_unique<View>(pool_, image.name, directory + "/" + image.name);
      if (view->good()) views_[image.name] = std::move(view);
    }
  }
  void refresh() {
    for (auto at = views_.begin(); at != views_.end();) {
      at = at->second->refresh() ? std::next(at) : views_.erase(at);
    }
  }
  void leave() {
    views_.clear();
    pool_.close();
    cluster_.shutdown();
  }

 private:
  librados::Rados cluster_;
  librados::IoCtx pool_;
  std::map<std::string, std::unique_ptr<View>> views_;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool more = i + 1 < argc;
    if (word == "--conf" && more) {
      options.conf = argv[++i];
    } else if (word == "--user" && more) {
      options.user = argv[++i];
    } else if (word == "--pool" && more) {
      options.pool = argv[++i];
    } else if (word == "--interval-ms" && more) {
      options.interval = std::chrono::milliseconds(std::atoi(argv[++i]));
    } else if (word[0] != '-' && options.directory.empty()) {
      options.directory = word;
    } else {
      return false;
    }
  }
  return !options.conf.empty() && !options.user.empty() && !options.pool.empty() &&
         !options.directory.empty() && options.interval.count() > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr,
                 "usage: rbdview --conf FILE --user NAME --pool POOL [--interval-ms 50] DIR\n");
    return 2;
  }
  for (const int signal_number : {SIGTERM, SIGINT}) {
    signal(signal_number, [](int) { g_stop = true; });
  }
  Pool pool;
  if (!pool.connect(options)) {
    std::fprintf(stderr, "rbdview: cannot connect\n");
    return 1;
  }
  auto look = std::chrono::steady_clock::now();
  while (!g_stop) {
    if (std::chrono::steady_clock::now() >= look) {
      pool.look_for_images(options.directory);
      look = std::chrono::steady_clock::now() + kLookAgain;
    }
    pool.refresh();
    std::this_thread::sleep_for(options.interval);
  }
  pool.leave();
  return 0;
}
