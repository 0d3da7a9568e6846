#include "fencing/drivers/cluster_devices.h"

#include <algorithm>
#include <utility>

#include "fencing/drivers/least_run.h"
#include "fencing/drivers/pacemaker_text.h"
#include "fencing/drivers/power_agent.h"
#include "fencing/drivers/xml_text.h"
#include "lib/base/text.h"

namespace mold::fencing {
namespace {

constexpr std::size_t kLargestCib = 8 * 1024 * 1024;

bool is_false(const std::string& value) {
  const std::string text = to_lower(value);
  return text == "0" || text == "no" || text == "off" || text == "false";
}

// "0", "0s": the cluster does not count on watchdogs.
bool is_no_time(const std::string& value) {
  return value.empty() ||
         (value.starts_with('0') && value.find_first_of("123456789") == std::string::npos);
}

// One name-value pair, whatever it belongs to: pairs may be shared by reference.
Status check_pair(std::string name, const std::string& value) {
  if (name == "stonith-watchdog-timeout" && !is_no_time(value)) {
    return fail(ErrorKind::kUnsupported,
                "the cluster may count on a watchdog (stonith-watchdog-timeout), that is on time "
                "that passed and nothing read back");
  }
  std::replace(name.begin(), name.end(), '-', '_');
  if (invents_off(name) && !is_false(value)) {
    return fail(ErrorKind::kUnsupported,
                "a fence device of the cluster has " + name + ", so its \"off\" is no reading");
  }
  if ((name == "pcmk_off_action" || name == "pcmk_reboot_action") && value != "off" &&
      value != "reboot") {
    return fail(ErrorKind::kUnsupported, "a fence device of the cluster has another action in " +
                                             name + ": it need not cut power");
  }
  return {};
}

}  // namespace

Result<std::set<std::string>> read_cluster_agents(std::string_view cib) {
  const XmlDocument document = parse_xml(cib);
  Status status;
  std::set<std::string> agents;
  each_element(document, "nvpair", [&status](xmlNode* pair) {
    if (status) status = check_pair(xml_attribute(pair, "name"), xml_attribute(pair, "value"));
  });
  // A device made of a template bears no class itself: the template does.
  for (const char* kind : {"primitive", "template"}) {
    each_element(document, kind, [&](xmlNode* device) {
      if (xml_attribute(device, "class") != "stonith") return;
      const std::string agent = xml_attribute(device, "type");
      agents.insert(agent);
      if (!status) return;
      status = is_agent_name(agent) ? check_known_agent(agent)
                                    : Status(fail(ErrorKind::kUnsupported,
                                                  "a fence device of the cluster is of the type " +
                                                      agent + ", which is no fence agent"));
    });
  }
  if (!status) return fail(status.error());
  if (agents.empty()) {
    return fail(ErrorKind::kUnknown,
                "the cluster's configuration names no fence device, so what it fences with cannot "
                "be told");
  }
  return agents;
}

void ClusterDevices::check(Duration limit, std::function<void(const Status&)> done) {
  deadline_ = loop_.now() + limit;
  done_ = std::move(done);
  runtime::ChildSpec spec;
  spec.program = program_;
  spec.args = {"--query", "--local", "--scope", "configuration"};
  spec.deadline = limit;
  spec.output_cap = kLargestCib;
  child_ = runtime::run_child(loop_, std::move(spec),
                              [this](const Result<runtime::ChildResult>& result) { read(result); });
}

void ClusterDevices::read(const Result<runtime::ChildResult>& result) {
  if (!result) return done_(fail(result.error()));
  if (!result->ok() || result->truncated) {
    const FenceRefusal refusal = read_refusal(result->exit_code, "");
    if (refusal.nothing_done) return done_(fail(refusal.error, refusal.advice));
    const std::string how = result->timed_out ? "did not end in time"
                                              : "ended with " + std::to_string(result->exit_code);
    return done_(
        fail(result->timed_out ? ErrorKind::kTimeout : ErrorKind::kUnknown,
             "the cluster's fence devices cannot be told: cibadmin --query --local " + how));
  }
  Result<std::set<std::string>> agents = read_cluster_agents(result->out);
  if (!agents) return done_(fail(agents.error()));
  unproven_ = std::move(*agents);
  prove_next();
}

void ClusterDevices::prove_next() {
  while (!unproven_.empty() && agents_.known(*unproven_.begin()))
    unproven_.erase(unproven_.begin());
  if (unproven_.empty()) return done_(Status{});
  const Duration left = std::max(deadline_ - loop_.now(), kLeastRun);
  child_ = agents_.prove(*unproven_.begin(), left, [this](const Status& proven) {
    if (!proven) return done_(proven);
    prove_next();
  });
}

}  // namespace mold::fencing
