#pragma once
// The story as people read it: turns the brain's notes into CloudStack events, evidence ledger rows
// and journal lines. Rows go into the same transaction as the state they tell of; followers hear of
// an event after it is durable. Old events and evidence are read from the store on its reading
// lane. Loop thread only; lives as long as the engine.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/action.h"
#include "lib/base/result.h"
#include "manager/store/rows.h"
#include "manager/store/store.h"

namespace mold::manager {

// What an API handler wants noted; id, uuid and time are given by the chronicle.
struct NewEvent {
  std::string type;
  EventLevel level = EventLevel::kInfo;
  std::string description;
  std::string state = "Completed";
  AccountId account;
  UserId user;
  std::string resource_type;
  std::string resource_uuid;
  std::string parent_uuid;
};

class Chronicle {
 public:
  // uuid of a host or vm by its id; empty when unknown.
  struct Namer {
    std::function<std::string(HostId)> host_uuid;
    std::function<std::string(VmId)> vm_uuid;
    std::function<std::string(HostId)> host_name;
  };
  Chronicle(Store& store, std::uint64_t next_event, std::uint64_t next_evidence);

  void set_namer(Namer namer) { namer_ = std::move(namer); }

  // Rows for one note; also writes the journal line. Used by the engine.
  [[nodiscard]] std::optional<EventRecord> on_transition(const core::NoteTransition& note,
                                                         WallTime at);
  [[nodiscard]] EvidenceRecord on_evidence(const core::NoteEvidence& note, WallTime at);
  [[nodiscard]] EventRecord make_event(NewEvent event, WallTime at);
  void published(const EventRecord& event);  // after the commit

  // Matches and the whole count, newest first unless told otherwise. `done` once, on the loop.
  void query_events(EventFilter filter, std::function<void(Result<EventPage>)> done);
  void query_evidence(EvidenceFilter filter,
                      std::function<void(Result<std::vector<EvidenceRecord>>)> done);

  // Called for each event once it is durable, until unsubscribed. Keep it short.
  std::uint64_t subscribe(std::function<void(const EventRecord&)> follower);
  void unsubscribe(std::uint64_t token);

 private:
  Store& store_;
  Namer namer_;
  std::uint64_t next_event_;
  std::uint64_t next_evidence_;
  std::uint64_t next_token_ = 1;
  std::map<std::uint64_t, std::function<void(const EventRecord&)>> followers_;
};

}  // namespace mold::manager
