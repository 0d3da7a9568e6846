#include "fencing/drivers/stonith_api.h"

#include <dlfcn.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <utility>

// Its prototypes name parameters `namespace`.
#define namespace namespace_
#include <crm/stonith-ng.h>
#undef namespace

namespace mold::fencing {
namespace {

std::function<void(const FencingEvent&)>& listener() {
  static std::function<void(const FencingEvent&)> one;
  return one;
}

std::string text_of(const char* text) {
  return text == nullptr ? "" : text;
}

void on_notification(stonith_t*, stonith_event_t* event) {
  FencingEvent told;
  told.node = text_of(event->target);
  told.action = text_of(event->action);
  told.executioner = text_of(event->executioner);
  told.client = text_of(event->client_origin);
  told.success = event->result == 0;
  if (listener()) listener()(told);
}

}  // namespace

struct StonithConnection::Library {
  stonith_t* api = stonith_api_new();

  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (api == nullptr) return;
    if (api->state != stonith_disconnected) api->cmds->disconnect(api);
    stonith_api_delete(api);
  }
};

Result<std::unique_ptr<StonithConnection>> StonithConnection::open(
    const std::string& client_name, std::function<void(const FencingEvent&)> on_event) {
  std::unique_ptr<StonithConnection> made(new StonithConnection);
  made->library_ = std::make_unique<Library>();
  stonith_t* const api = made->library_->api;
  if (api == nullptr) return fail(ErrorKind::kBusy, "no memory for a connection to the fencer");
  int rc = api->cmds->connect(api, client_name.c_str(), &made->fd_);
  if (rc == 0) {
    listener() = std::move(on_event);
    rc = api->cmds->register_notification(api, T_STONITH_NOTIFY_FENCE, on_notification);
  }
  if (rc < 0) return fail(errno_error(-rc, "connecting to the cluster's fencer"));
  return made;
}

StonithConnection::~StonithConnection() {
  library_.reset();
  listener() = nullptr;
}

bool StonithConnection::dispatch() {
  return stonith_dispatch(library_->api);
}

}  // namespace mold::fencing
