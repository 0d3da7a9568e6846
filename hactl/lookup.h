#pragma once
// From what a person typed (a name or an id) to the thing itself, and from an asynchronous answer
// to its end. Shared by the commands. Blocks, through Client.
#include <string>

#include "hactl/command.h"

namespace mold::hactl {

// Kinds of things that can be named.
struct Kind {
  std::string_view what;     // "host", for messages
  std::string_view command;  // "listHosts"
  std::string_view array;    // "host"
};
inline constexpr Kind kHost{"host", "listHosts", "host"};
inline constexpr Kind kVm{"VM", "listVirtualMachines", "virtualmachine"};
inline constexpr Kind kZone{"zone", "listZones", "zone"};
inline constexpr Kind kPod{"pod", "listPods", "pod"};
inline constexpr Kind kCluster{"cluster", "listClusters", "cluster"};
inline constexpr Kind kPool{"pool", "listStoragePools", "storagepool"};
inline constexpr Kind kCephUser{"Ceph user", "listCephUsers", "cephuser"};
inline constexpr Kind kOffering{"offering", "listServiceOfferings", "serviceoffering"};
inline constexpr Kind kTemplate{"template", "listTemplates", "template"};

// All of a kind.
Result<std::vector<Json>> list_all(Client& client, const Kind& kind, Params params = {});
// kNotFound; kInvalid when several bear that name.
Result<Json> find_one(Client& client, const Kind& kind, const std::string& name_or_id);
Result<std::string> id_of(Client& client, const Kind& kind, const std::string& name_or_id);
// `wanted`, or, when that is empty, the only one there is.
Result<Json> find_or_only(Client& client, const Kind& kind, const std::string& wanted);

// Calls; if the answer is a job, waits for it (unless --no-wait) with progress on stderr. Returns
// the job's result, or the answer. `doing` is for the progress line: "starting vm1".
Result<Json> call_and_wait(Context& context, const std::string& command, Params params,
                           std::string_view doing);
// Prints the result: JSON as it is, otherwise `text` (or, with --no-wait, the job's id).
void tell_done(const Context& context, const Json& result, std::string_view text);

// Asks for `word` on a terminal. Without a terminal, --yes is required when `always`.
Status confirm(const Context& context, std::string_view question, std::string_view word,
               bool always);

}  // namespace mold::hactl
