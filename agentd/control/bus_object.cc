#include "agentd/control/bus_object.h"

#include <utility>

#include "lib/runtime/journal_log.h"

namespace mold::agentd {
namespace {

constexpr const char* kName = "org.mold.Agent1";
constexpr const char* kPath = "/org/mold/Agent1";
constexpr Duration kRetry{10'000};

runtime::DbusMethod text_method(const char* name, std::function<std::string()> make) {
  return {name, "", "s", [make = std::move(make)](const std::shared_ptr<runtime::DbusCall>& call) {
            call->reply({make()});
          }};
}

}  // namespace

BusObject::BusObject(runtime::EventLoop& loop, std::string where, Hooks hooks)
    : loop_(loop), where_(std::move(where)), hooks_(std::move(hooks)), retry_(loop) {}

void BusObject::start() {
  if (where_ != "none") try_open();
}

void BusObject::try_open() {
  const Status opened = open();
  if (opened) {
    complained_ = false;
    return;
  }
  if (!complained_) runtime::log_warning("bus: " + opened.error().what);
  complained_ = true;
  retry_.start_after(kRetry, [this] { try_open(); });
}

Status BusObject::open() {
  MOLD_TRY(std::unique_ptr<runtime::Bus> bus, where_ == "system"
                                                  ? runtime::Bus::open_system(loop_)
                                                  : runtime::Bus::open_address(loop_, where_));
  std::vector<runtime::DbusMethod> methods;
  methods.push_back(text_method("Status", hooks_.status));
  methods.push_back(text_method("Vms", hooks_.vms));
  methods.push_back(text_method("Leases", hooks_.leases));
  methods.push_back({"Reconnect", "", "", [this](const std::shared_ptr<runtime::DbusCall>& call) {
                       hooks_.reconnect();
                       call->reply({});
                     }});
  MOLD_TRY_VOID(bus->add_object(kPath, kName, std::move(methods)));
  MOLD_TRY_VOID(bus->request_name(kName));
  bus->on_disconnected([this] {
    // Not from inside the bus's own callback.
    loop_.post([this] { bus_.reset(); });
    retry_.start_after(kRetry, [this] { try_open(); });
  });
  bus_ = std::move(bus);
  return {};
}

}  // namespace mold::agentd
