#include "agentd/heartbeat/rados_client.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include "agentd/heartbeat/rados_pool.h"
#include "agentd/heartbeat/rados_settings.h"
#include "lib/base/unique_fd.h"

namespace mold::heartbeat {
namespace {

constexpr std::size_t kMaxConf = 16 * 1024;

}  // namespace

RadosClient::~RadosClient() {
  watch_.forget();
  if (io_ != nullptr) rados_ioctx_destroy(io_);
  if (cluster_ != nullptr) rados_shutdown(cluster_);
}

// 0, or a negative errno.
int RadosClient::configure(const PoolChildSetup& setup) {
  const UniqueFd fd(::open(setup.conf, O_RDONLY | O_CLOEXEC));
  if (!fd) return -errno;
  std::string text(kMaxConf, '\0');
  const auto n = ::read(fd.get(), text.data(), text.size());
  if (n < 0) return -errno;
  text.resize(static_cast<std::size_t>(n));
  const auto user = rados_user_of(text);
  if (!user) return -EINVAL;
  const auto name = "client." + *user;
  if (const int made = rados_create2(&cluster_, "ceph", name.c_str(), 0); made < 0) {
    cluster_ = nullptr;
    return made;
  }
  if (const int read = rados_conf_read_file(cluster_, setup.conf); read < 0) return read;
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%u", std::max(1U, (setup.op_timeout_ms + 500) / 1000));
  const std::pair<const char*, const char*> settings[] = {
      {"rados_osd_op_timeout", seconds},
      {"rados_mon_op_timeout", seconds},
      {"client_mount_timeout", seconds},
      // One pool, few operations at a time: as few threads and as little memory as there can be.
      {"ms_async_op_threads", "1"},
      {"log_file", ""},
      {"log_to_stderr", "false"},
      {"err_to_stderr", "false"},
      {"log_max_recent", "1"},
      {"admin_socket", ""},
  };
  for (const auto& [key, value] : settings) {
    if (const int set = rados_conf_set(cluster_, key, value); set < 0) return set;
  }
  return 0;
}

RadosClient::Opening RadosClient::open(const PoolChildSetup& setup) {
  std::unique_ptr<RadosClient> client(new RadosClient);
  if (const int result = client->configure(setup); result < 0) {
    return {PoolFault::kSettings, result};
  }
  if (const int result = rados_connect(client->cluster_); result < 0) {
    return {PoolFault::kConnect, result};
  }
  const std::string pool(ceph_pool_of(setup.path));
  if (const int result = rados_ioctx_create(client->cluster_, pool.c_str(), &client->io_);
      result < 0) {
    client->io_ = nullptr;
    return {PoolFault::kDirectory, result};
  }
  rados_ioctx_set_namespace(client->io_, kRadosNamespace);
  return {PoolFault::kNone, 0, std::move(client)};
}

}  // namespace mold::heartbeat
