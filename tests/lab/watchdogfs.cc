// watchdogfs: a file that behaves like /dev/watchdog of one lab host.
//
// The kernel of a test machine may have neither softdog nor CUSE, so the device is a FUSE file
// system with a regular file `watchdog`, bind-mounted over the host's /dev/watchdog. Programs use
// the kernel's watchdog calls on it unchanged. On expiry it runs a command (the lab's own "kill
// this host, now"). It lives outside the host, so nothing that happens in there (freeze, kill,
// hang) can hold it.
//
// A second file `control`, outside the host's reach: reading gives the state as JSON, writing
// "power-on" tells that the machine boots.
//
// WDIOC_SETOPTIONS is declared read-only in the kernel's header though it takes a value; FUSE
// therefore does not hand the value over, and we read it from the caller's memory.

#define FUSE_USE_VERSION 314

#include <fcntl.h>
#include <fuse.h>
#include <getopt.h>
#include <linux/watchdog.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "watchdog_timer.h"

namespace {

using mold_lab::WatchdogTimer;
using std::chrono::seconds;

constexpr std::string_view kDevice = "/watchdog";
constexpr std::string_view kControl = "/control";

struct Options {
  std::string mount;
  std::string name = "mold-lab";
  int timeout_s = 60;
  std::vector<std::string> on_expiry;
};

Options g_options;                       // written by main before the file system starts
std::unique_ptr<WatchdogTimer> g_timer;  // likewise

// Runs the expiry command and waits for it. What it prints is its own business (it logs to a file).
void bite() {
  std::vector<char*> arguments;
  for (std::string& word : g_options.on_expiry) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (posix_spawn(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) return;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
}

int fs_getattr(const char* path, struct stat* out, fuse_file_info*) {
  *out = {};
  if (std::string_view(path) == "/") {
    out->st_mode = S_IFDIR | 0700;
    out->st_nlink = 2;
    return 0;
  }
  if (path != kDevice && path != kControl) return -ENOENT;
  out->st_mode = S_IFREG | 0600;
  out->st_nlink = 1;
  return 0;
}

int fs_readdir(const char*, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info*,
               fuse_readdir_flags) {
  for (const char* name : {".", "..", "watchdog", "control"}) {
    fill(buffer, name, nullptr, 0, static_cast<fuse_fill_dir_flags>(0));
  }
  return 0;
}

int fs_open(const char* path, fuse_file_info* info) {
  info->direct_io = 1;
  info->nonseekable = 1;
  if (path == kDevice && !g_timer->open_device()) return -EBUSY;
  return 0;
}

int fs_release(const char* path, fuse_file_info*) {
  if (path == kDevice) g_timer->close_device();
  return 0;
}

int fs_truncate(const char*, off_t, fuse_file_info*) {
  return 0;
}  // "> /dev/watchdog" in a shell

int fs_read(const char* path, char* buffer, size_t size, off_t offset, fuse_file_info*) {
  if (path != kControl) return -EINVAL;
  const std::string text = g_timer->describe();
  if (offset < 0 || static_cast<size_t>(offset) >= text.size()) return 0;
  const size_t count = std::min(size, text.size() - static_cast<size_t>(offset));
  std::memcpy(buffer, text.data() + offset, count);
  return static_cast<int>(count);
}

int fs_write(const char* path, const char* data, size_t size, off_t, fuse_file_info*) {
  const std::string_view text(data, size);
  if (path == kDevice) {
    g_timer->write_device(text);
  } else if (text.starts_with("power-on")) {
    g_timer->power_on();
  } else {
    return -EINVAL;
  }
  return static_cast<int>(size);
}

int set_options(const void* address) {
  int value = 0;
  const iovec local = {&value, sizeof value};
  const iovec remote = {const_cast<void*>(address), sizeof value};
  if (process_vm_readv(fuse_get_context()->pid, &local, 1, &remote, 1, 0) != sizeof value) {
    return -EFAULT;
  }
  if ((value & WDIOS_DISABLECARD) != 0) {
    g_timer->enable(false);
  } else if ((value & WDIOS_ENABLECARD) != 0) {
    g_timer->enable(true);
  } else {
    return -EOPNOTSUPP;
  }
  return 0;
}

int fs_ioctl(const char* path, unsigned int command, void* address, fuse_file_info*, unsigned int,
             void* data) {
  if (path != kDevice) return -ENOTTY;
  const auto answer = [data](int value) {
    std::memcpy(data, &value, sizeof value);
    return 0;
  };
  switch (command) {
    case WDIOC_GETSUPPORT: {
      watchdog_info info = {};
      info.options = WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE | WDIOF_KEEPALIVEPING | WDIOF_CARDRESET;
      std::snprintf(reinterpret_cast<char*>(info.identity), sizeof info.identity,
                    "mold-lab watchdog");
      std::memcpy(data, &info, sizeof info);
      return 0;
    }
    case WDIOC_GETSTATUS:
      return answer(0);
    case WDIOC_GETBOOTSTATUS:
      return answer(g_timer->bitten() ? WDIOF_CARDRESET : 0);
    case WDIOC_KEEPALIVE:
      g_timer->feed();
      return 0;
    case WDIOC_SETTIMEOUT: {
      int wanted = 0;
      std::memcpy(&wanted, data, sizeof wanted);
      if (!g_timer->set_timeout(seconds(wanted))) return -EINVAL;
      return answer(static_cast<int>(g_timer->timeout().count()));
    }
    case WDIOC_GETTIMEOUT:
      return answer(static_cast<int>(g_timer->timeout().count()));
    case WDIOC_GETTIMELEFT:
      return answer(static_cast<int>(g_timer->time_left().count() / 1000));
    case WDIOC_SETOPTIONS:
      return set_options(address);
    default:
      return -ENOTTY;
  }
}

void* fs_init(fuse_conn_info*, fuse_config* config) {
  config->direct_io = 1;
  g_timer->start();
  return nullptr;
}

bool parse(int argc, char** argv, Options& out) {
  static const option kLong[] = {{"mount", required_argument, nullptr, 'm'},
                                 {"name", required_argument, nullptr, 'n'},
                                 {"timeout", required_argument, nullptr, 't'},
                                 {nullptr, 0, nullptr, 0}};
  for (int option; (option = getopt_long(argc, argv, "+", kLong, nullptr)) != -1;) {
    switch (option) {
      case 'm':
        out.mount = optarg;
        break;
      case 'n':
        out.name = optarg;
        break;
      case 't':
        out.timeout_s = std::atoi(optarg);
        break;
      default:
        return false;
    }
  }
  out.on_expiry.assign(argv + optind, argv + argc);
  return !out.mount.empty() && !out.on_expiry.empty() && out.on_expiry[0].starts_with('/') &&
         out.timeout_s >= 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (!parse(argc, argv, g_options)) {
    std::fprintf(
        stderr,
        "usage: watchdogfs --mount DIR [--name NAME] [--timeout SECONDS] -- /COMMAND [ARG...]\n"
        "Returns when mounted; the file system goes on by itself. COMMAND runs on expiry.\n");
    return 2;
  }
  g_timer = std::make_unique<WatchdogTimer>(seconds(g_options.timeout_s), bite);
  fuse_operations ops = {};
  ops.init = fs_init;
  ops.getattr = fs_getattr;
  ops.readdir = fs_readdir;
  ops.open = fs_open;
  ops.release = fs_release;
  ops.truncate = fs_truncate;
  ops.read = fs_read;
  ops.write = fs_write;
  ops.ioctl = fs_ioctl;
  std::vector<std::string> words = {
      "watchdogfs", "-o", "allow_other,subtype=moldlab,fsname=" + g_options.name, g_options.mount};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return fuse_main(static_cast<int>(arguments.size()), arguments.data(), &ops, nullptr);
}
