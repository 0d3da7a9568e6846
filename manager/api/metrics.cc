#include "manager/api/metrics.h"

#include <utility>
#include <vector>

#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

std::string label_value(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + '"';
}

class MetricsPage {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " +
             std::string(type) + "\n";
  }
  void sample(const std::vector<std::pair<std::string_view, std::string_view>>& labels,
              std::int64_t value) {
    text_ += name_;
    std::string separator = "{";
    for (const auto& [label, label_text] : labels) {
      text_ += separator + std::string(label) + "=" + label_value(label_text);
      separator = ",";
    }
    text_ += (labels.empty() ? " " : "} ") + std::to_string(value) + "\n";
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

std::string device_label(const Inventory& inventory, DeviceId id) {
  const FenceDevice* const device = inventory.fence_devices().find(id);
  return device == nullptr ? "BMC" : device->name;
}

void add_drills(MetricsPage& page, const Services& services) {
  const core::DrillBook& book = services.drills.book();
  const Instant now = services.loop.now();
  const auto each = [&](auto&& tell) {
    for (const HostId host : book.hosts()) {
      const HostRecord* const record = services.inventory.hosts().find_live(host);
      if (record == nullptr) continue;
      for (const core::DrillPath& path : book.paths_of(host)) {
        const HostRecord* const by = services.inventory.hosts().find(path.executor);
        const std::string device = device_label(services.inventory, path.device);
        tell({{"host", record->name},
              {"device", device},
              {"executor", by == nullptr ? std::string_view("manager") : by->name}},
             book.view(path, now));
      }
    }
  };
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;
  page.family("mold_fence_drill_score", "gauge", "How well a way to cut power works, 0 to 100.");
  each([&](const Labels& labels, const core::DrillView& view) { page.sample(labels, view.score); });
  page.family("mold_fence_drill_good", "gauge", "1 when the path is good.");
  each([&](const Labels& labels, const core::DrillView& view) {
    page.sample(labels, view.state == core::DrillState::kGood ? 1 : 0);
  });
  page.family("mold_fence_drill_age_seconds", "gauge", "Since the path was tried last.");
  each([&](const Labels& labels, const core::DrillView& view) {
    if (view.last) page.sample(labels, (now - *view.last).count() / 1000);
  });
  page.family("mold_fence_drills_total", "counter", "Drills since start.");
  page.sample({}, static_cast<std::int64_t>(services.drills.drills()));
}

void add_power(MetricsPage& page, const Services& services) {
  page.family("mold_power_requests_waiting", "gauge", "Power requests in line or under way.");
  page.sample({}, static_cast<std::int64_t>(services.power.waiting()));
  page.family("mold_power_poll_readings_total", "counter", "Power states read since start.");
  page.sample({}, static_cast<std::int64_t>(services.poll.readings()));
  page.family("mold_power_poll_failures_total", "counter", "Of these, without an answer.");
  page.sample({}, static_cast<std::int64_t>(services.poll.failures()));
  page.family("mold_power_poll_failing_hosts", "gauge", "Hosts whose BMC does not answer now.");
  page.sample({}, static_cast<std::int64_t>(services.poll.failing()));
}

void add_hosts(MetricsPage& page, const Services& services) {
  page.family("mold_host_ha_state", "gauge", "1 for the HA state that the host is in.");
  for (const auto& [id, host] : services.engine.state().hosts) {
    page.sample({{"host", host.name}, {"state", ha_state_name(host.ha)}}, 1);
  }
  page.family("mold_store_commits_total", "counter", "Transactions written since start.");
  const StoreState store = services.engine.store_state();
  page.sample({}, static_cast<std::int64_t>(store.commits));
  page.family("mold_store_can_write", "gauge", "0: nothing can be decided, the disk is to blame.");
  page.sample({}, store.can_write ? 1 : 0);
}

}  // namespace

std::string metrics_text(const Services& services) {
  MetricsPage page;
  add_hosts(page, services);
  add_power(page, services);
  add_drills(page, services);
  return page.take();
}

}  // namespace mold::manager::api
