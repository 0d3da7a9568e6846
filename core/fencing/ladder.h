#pragma once
// Which devices are asked to cut a host off, in which order, and what their answers prove together.
// Levels are tried from the lowest; a level proves the host off when EVERY one of its devices was
// read back off (two power feeds), each of them lately. The next level joins in when the ones below
// had a try that proved nothing, or took too long; the lower ones go on being tried with a
// back-off, so a ladder never stands still. Pure; part of a host's FenceTask, on the brain's
// thread.
#include <optional>
#include <string>
#include <vector>

#include "core/engine/event.h"
#include "core/fencing/fencing.h"
#include "core/model/fence.h"
#include "core/model/policy.h"

namespace mold::core {

// Keeps what is known of devices that stay; ends what belongs to devices that went.
void set_levels(Ladder& ladder, const std::vector<FenceLevel>& levels);

// The devices to be asked to switch off now, as indexes into ladder.rungs. `race`: all levels at
// once. The caller notes the OpId with asked().
std::vector<std::size_t> due_rungs(const Ladder& ladder, const Policy& policy, Instant now);
// The devices that may still carry out an earlier off, to be read before a host is left alone.
std::vector<std::size_t> doubtful_rungs(const Ladder& ladder, Instant now);
void asked(Rung& rung, OpId op, PowerVerb verb);

// The settings of this device were changed: what it said counts no more, and the request under way
// will prove nothing; it is asked anew as soon as that one is over. True: there was such a thing.
bool void_device(Ladder& ladder, DeviceId device, Instant now);
// The answer as it counts: to a request made with settings of before, unknown.
[[nodiscard]] PowerAnswered as_counted(const Ladder& ladder, PowerAnswered answer);

// Takes an answer, as it counts, in. False: no rung waits for it.
bool take_answer(Ladder& ladder, const Policy& policy, const PowerRules& rules,
                 const PowerAnswered& answer, Instant now);

// A level whose devices are all off, in words for the proof; nothing while there is none. A reading
// that grew old while the other feed was fought with is dropped here, and read anew when due.
std::optional<std::string> proven_level(Ladder& ladder, const Policy& policy,
                                        const PowerRules& rules, Instant now);

[[nodiscard]] bool waits_for(const Ladder& ladder, OpId op);
[[nodiscard]] bool is_waiting(const Ladder& ladder);     // any request under way
[[nodiscard]] bool may_still_hit(const Ladder& ladder);  // an off under way or of unknown effect
[[nodiscard]] int tries(const Ladder& ladder);           // that proved nothing

// One line per device: what it said, what is waited for, when it is tried again.
std::vector<std::string> explain(const Ladder& ladder, const Policy& policy, Instant now);

}  // namespace mold::core
