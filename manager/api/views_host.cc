// Hosts as clients see them.
#include <algorithm>
#include <cmath>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "manager/api/envelope.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"

namespace mold::manager::api {

const std::string_view kHaFields =
    "hostid:string haenable:boolean hastate:string haprovider:string status:boolean";
const std::string_view kOobmFields =
    "hostid:string powerstate:string enabled:boolean driver:string address:string port:string "
    "username:string details:map action:string description:string status:boolean";
const std::string_view kHostFields =
    "id:string name:string state:string resourcestate:string type:string ipaddress:string "
    "hypervisor:string hypervisorversion:string version:string zoneid:string zonename:string "
    "podid:string podname:string clusterid:string clustername:string clustertype:string "
    "cpusockets:integer cpunumber:integer cpuspeed:long cpuallocated:string "
    "memorytotal:long memoryallocated:long memoryallocatedbytes:long memoryused:long arch:string "
    "capabilities:string hosttags:string lastpinged:date created:date disconnected:date "
    "hahost:boolean islocalstorageactive:boolean ueficapability:boolean annotation:string "
    "hostha:map outofbandmanagement:map hastatereason:string leasewarning:string "
    "storewarning:string "
    "enrolled:boolean vmcount:integer "
    "enrolmenttoken:string fencedrillscore:integer fencedrillstate:string fencedrillage:long "
    "fencedrillreason:string details:map";

const core::Host* core_host(const Services& services, HostId id) {
  const auto& hosts = services.engine.state().hosts;
  const auto found = hosts.find(id);
  return found == hosts.end() ? nullptr : &found->second;
}

HostUses host_uses(const core::State& state) {
  HostUses uses;
  for (const auto& [id, vm] : state.vms) {
    if (!vm.host) continue;
    HostUse& use = uses[vm.host];
    use.cpus += vm.spec.cpus;
    use.cpu_mhz += std::uint64_t{vm.spec.cpus} * vm.spec.cpu_mhz;
    use.memory_bytes += vm.spec.memory_bytes;
    ++use.vms;
  }
  return uses;
}

HostUse use_of(const core::State& state, HostId host) {
  const HostUses uses = host_uses(state);
  const auto found = uses.find(host);
  return found == uses.end() ? HostUse{} : found->second;
}

bool beats(const core::Host& host, const core::Policy& policy, Instant now) {
  return host.link_up && now - host.last_beat <= policy.suspect_after;
}

std::string_view host_state_name(const core::Host* host, const core::Policy& policy, Instant now) {
  if (host == nullptr) return "Connecting";
  if (beats(*host, policy, now)) return "Up";
  switch (host->ha) {
    case core::HaState::kFenced:
      return "Down";
    case core::HaState::kSuspect:
    case core::HaState::kChecking:
    case core::HaState::kRecovering:
    case core::HaState::kFencing:
      return "Alert";
    case core::HaState::kDisabled:
    case core::HaState::kAvailable:
    case core::HaState::kIneligible:
    case core::HaState::kDegraded:
    case core::HaState::kRecovered:
      break;
  }
  return host->epoch ? "Disconnected" : "Connecting";
}

std::string_view ha_state_name(core::HaState state) {
  switch (state) {
    case core::HaState::kDisabled:
      return "Disabled";
    case core::HaState::kAvailable:
      return "Available";
    case core::HaState::kIneligible:
      return "Ineligible";
    case core::HaState::kSuspect:
      return "Suspect";
    case core::HaState::kChecking:
      return "Checking";
    case core::HaState::kDegraded:
      return "Degraded";
    case core::HaState::kRecovering:
      return "Recovering";
    case core::HaState::kRecovered:
      return "Recovered";
    case core::HaState::kFencing:
      return "Fencing";
    case core::HaState::kFenced:
      return "Fenced";
  }
  MOLD_UNREACHABLE();
}

std::string_view power_state_name(core::PowerState state) {
  switch (state) {
    case core::PowerState::kOn:
      return "On";
    case core::PowerState::kOff:
      return "Off";
    case core::PowerState::kUnknown:
      return "Unknown";
  }
  MOLD_UNREACHABLE();
}

std::string_view power_state_name(const HostRecord& host, core::PowerState state) {
  return host.oobm.enabled ? power_state_name(state) : "Disabled";
}

core::PowerState power_state(const Services& services, const HostRecord& host) {
  const PowerService::Reading* reading = services.power.latest(host.id);
  return reading == nullptr ? core::PowerState::kUnknown : reading->state;
}

Object ha_view(const Services& services, const HostRecord& host) {
  const core::Host* known = core_host(services, host.id);
  Object row;
  row.set("hostid", Value(host.uuid));
  row.set("haenable", Value(known != nullptr && known->ha_enabled));
  row.set("hastate", Value(ha_state_name(known == nullptr ? core::HaState::kDisabled : known->ha)));
  row.set_text("haprovider", host.ha_provider);
  return row;
}

namespace {

Object all_details(const Details& details) {
  Object row;
  for (const auto& [name, value] : details) row.set(name, Value(value));
  return row;
}

}  // namespace

Object oobm_view(const Services& services, const HostRecord& host) {
  Object row;
  row.set("hostid", Value(host.uuid));
  row.set("enabled", Value(host.oobm.enabled));
  row.set("powerstate", Value(power_state_name(host, power_state(services, host))));
  row.set_text("driver", host.oobm.driver);
  row.set_text("address", host.oobm.address);
  row.set_text("port", host.oobm.port);
  row.set_text("username", host.oobm.username);
  if (!host.oobm.options.empty()) row.set("details", Value(all_details(host.oobm.options)));
  return row;
}

namespace {

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "0%";
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  const auto hundredths = static_cast<std::int64_t>(std::llround(share * 100));
  std::string rest = std::to_string(hundredths % 100);
  rest.insert(0, 2 - rest.size(), '0');
  return std::to_string(hundredths / 100) + "." + rest + "%";
}

void add_place(Object& row, const Place& place) {
  if (place.zone != nullptr) {
    row.set("zoneid", Value(place.zone->uuid)).set("zonename", Value(place.zone->name));
  }
  if (place.pod != nullptr) {
    row.set("podid", Value(place.pod->uuid)).set("podname", Value(place.pod->name));
  }
  if (place.cluster != nullptr) {
    row.set("clusterid", Value(place.cluster->uuid)).set("clustername", Value(place.cluster->name));
    row.set("clustertype", Value(place.cluster->type));
  }
}

// What the agent said about its machine.
void add_facts(Object& row, const HostRecord& host) {
  const Value facts = from_json(host.facts_json);
  const Object* told = facts.object();
  const auto fact = [told](std::string_view name) {
    const Value* value = told == nullptr ? nullptr : told->find(name);
    return value == nullptr || value->text() == nullptr ? std::string() : *value->text();
  };
  row.set_text("hypervisorversion", fact("qemu_version"));
  row.set_text("version", host.agent_version);
  row.set_text("arch", fact("arch"));
  if (const auto sockets = parse_number<std::uint32_t>(fact("sockets"))) {
    row.set("cpusockets", Value(*sockets));
  }
}

void add_capacity(Object& row, const core::Host& host, const HostUse& use) {
  const core::Capacity& total = host.capacity;
  row.set("cpunumber", Value(total.cpus)).set("cpuspeed", Value(total.cpu_mhz));
  row.set("cpuallocated", Value(percent(use.cpu_mhz, std::uint64_t{total.cpus} * total.cpu_mhz)));
  row.set("memorytotal", Value(total.memory_bytes));
  row.set("memoryallocated", Value(use.memory_bytes));
  row.set("memoryallocatedbytes", Value(use.memory_bytes));
  row.set("vmcount", Value(std::uint64_t{use.vms}));
}

void add_liveness(Object& row, const Services& services, const HostRecord& host) {
  const AgentView agent = services.agents.view(host.id);
  if (agent.last_beat_wall) row.set("lastpinged", Value(api_time(*agent.last_beat_wall)));
  const core::Host* known = core_host(services, host.id);
  const Instant now = services.loop.now();
  if (agent.last_beat_wall && known != nullptr &&
      !beats(*known, services.engine.brain().policy(), now)) {
    row.set("disconnected", Value(api_time(*agent.last_beat_wall)));
  }
  const auto free = agent.stats.find("memory_free_bytes");
  if (known != nullptr && free != agent.stats.end() &&
      free->second <= known->capacity.memory_bytes) {
    row.set("memoryused", Value(known->capacity.memory_bytes - free->second));
  }
}

// What its own agent says of its leases that keeps its silence from proving anything.
std::string lease_warning(const Services& services, const HostRecord& host) {
  const AgentView agent = services.agents.view(host.id);
  if (!agent.connected) return {};
  for (const PoolRecord* const pool : services.inventory.pools_of(host.cluster)) {
    if (!pool->heartbeat) continue;
    const auto lease =
        std::find_if(agent.leases.begin(), agent.leases.end(),
                     [pool](const wire::OwnLease& own) { return own.pool_uuid == pool->uuid; });
    if (lease == agent.leases.end()) continue;  // not told of it yet, or of another host
    if (lease->state != "held")
      return "lease on " + pool->name + " is not held" +
             (lease->text.empty() ? "" : ": " + lease->text);
    if (!lease->armed)
      return "not armed on " + pool->name + ": that its lease ran out will prove nothing";
  }
  return {};
}

std::string tags_text(const std::vector<std::string>& tags) {
  std::string out;
  for (const std::string& tag : tags) out += out.empty() ? tag : "," + tag;
  return out;
}

Object details_object(const Details& details) {
  Object row;
  for (const auto& [name, value] : details) {
    if (name != "annotation") row.set(name, Value(value));
  }
  return row;
}

}  // namespace

Object host_view(const Services& services, const HostRecord& host, const HostUses* uses) {
  const core::Host* known = core_host(services, host.id);
  Object row;
  row.set("id", Value(host.uuid)).set("name", Value(host.name));
  row.set("state",
          Value(host_state_name(known, services.engine.brain().policy(), services.loop.now())));
  row.set("resourcestate", Value(allocation_name(host.enabled)));
  row.set("type", Value("Routing")).set("hypervisor", Value("KVM"));
  row.set_text("ipaddress", host.address);
  add_place(row, place_of(services.inventory, host.cluster));
  add_facts(row, host);
  if (known != nullptr) {
    const HostUses counted = uses == nullptr ? host_uses(services.engine.state()) : HostUses();
    const HostUses& all = uses == nullptr ? counted : *uses;
    const auto use = all.find(host.id);
    add_capacity(row, *known, use == all.end() ? HostUse{} : use->second);
  }
  add_liveness(row, services, host);
  row.set("capabilities", Value("hvm"));
  row.set_text("hosttags", tags_text(host.tags));
  row.set("hahost", Value(false)).set("islocalstorageactive", Value(false));
  row.set("ueficapability", Value(false));
  row.set("created", Value(api_time(host.created)));
  row.set("hostha", Value(ha_view(services, host)));
  row.set("outofbandmanagement", Value(oobm_view(services, host)));
  row.set_text("hastatereason", known == nullptr ? std::string() : known->reason);
  row.set_text("leasewarning", lease_warning(services, host));
  row.set_text(
      "storewarning",
      known != nullptr && known->awaited
          ? "not heard of since the manager's store was found older than the world: nothing "
            "is started or killed in its cluster; boot it, or `hactl host confirm-dead`"
          : "");
  row.set("enrolled", Value(host.last_hello.has_value()));
  add_fence_drill(row, services.drills, host.id, services.loop.now());
  if (const auto note = host.details.find("annotation"); note != host.details.end()) {
    row.set_text("annotation", note->second);
  }
  if (Object details = details_object(host.details); !details.empty()) {
    row.set("details", Value(std::move(details)));
  }
  return row;
}

}  // namespace mold::manager::api
