#pragma once
// Every message a person may have to act on has a name, a 128-bit id for `journalctl
// MESSAGE_ID=...`, and a paragraph that says what it means and what to do. A room that needs its
// own adds constants of this type in its own header. An id, once released, never changes its
// meaning.
#include <span>
#include <string_view>

namespace mold::runtime {

struct MessageId {
  std::string_view name;
  std::string_view hex;  // 32 lower-case hexadecimal digits; empty: a message without an id
  std::string_view explanation;
};

namespace messages {

inline constexpr MessageId kNone{"", "", ""};
inline constexpr MessageId kTransition{
    "TRANSITION", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a01",
    "A host, VM, job or other thing went from one state to another. FROM, TO and REASON say which "
    "and why. Nothing to do; this is the record that explanations and golden tests are made of."};
inline constexpr MessageId kLoopLag{
    "LOOP_LAG", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a02",
    "One piece of work held the event loop for longer than 5 ms. Once in a while on a busy machine "
    "it is harmless; repeated, deadlines suffer: look for swapping, a slow disk, or report it."};
inline constexpr MessageId kLaneStuck{
    "LANE_STUCK", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a03",
    "A blocking call overran its deadline and has not come back; its thread was given up. The "
    "library's other side (libvirtd, Ceph, NFS server) hangs: look there. When as many threads "
    "hang as may be replaced, the lane refuses work until some return."};
inline constexpr MessageId kLaneRecovered{
    "LANE_RECOVERED", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a04",
    "A blocking call that had been given up came back. Its result was dropped."};
inline constexpr MessageId kChildKilled{
    "CHILD_KILLED", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a05",
    "A program did not end before its deadline and was killed with its whole process group. What "
    "it had done by then is not known."};
inline constexpr MessageId kPeerRefused{
    "PEER_REFUSED", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a06",
    "A client's certificate was missing or not acceptable. Expired certificates of hosts are "
    "renewed by enrolling again; a foreign one may be an intruder."};
inline constexpr MessageId kReplyMisuse{"REPLY_MISUSE", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a07",
                                        "A request was answered twice or dropped without an "
                                        "answer: a fault of this program. Report it."};
inline constexpr MessageId kTlsReloaded{
    "TLS_RELOADED", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a08",
    "Certificates were read again and are used for new connections."};
inline constexpr MessageId kTlsReloadFailed{
    "TLS_RELOAD_FAILED", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a09",
    "New certificates could not be used; the old ones stay. Repair the files and reload again."};
inline constexpr MessageId kDatabaseMigrated{
    "DATABASE_MIGRATED", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a0a",
    "The schema of a database was brought forward. An older program will refuse it from now on."};
inline constexpr MessageId kDatabaseCorrupt{"DATABASE_CORRUPT", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a0b",
                                            "SQLite found the database damaged. Stop the program, "
                                            "keep a copy of the file, restore the last "
                                            "backup, and check the disk under it."};
inline constexpr MessageId kDiskFull{
    "DISK_FULL", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a0c",
    "A decision could not be stored because the disk is full; nothing is done that is not stored. "
    "Make room; work goes on by itself."};
inline constexpr MessageId kConfigProblem{
    "CONFIG_PROBLEM", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a0d",
    "A setting is unknown or has an unusable value; the text names file and line."};
inline constexpr MessageId kBusLost{
    "BUS_LOST", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a0e",
    "The connection to the system bus broke. The program goes on; local control by hactl does not "
    "work until it is restarted."};
inline constexpr MessageId kStarted{"STARTED", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a0f",
                                    "The program is up and serves."};
inline constexpr MessageId kStopping{"STOPPING", "5b1f6c0f0c2e4f3e9a1d7c54e2b80a10",
                                     "The program ends on request."};

}  // namespace messages

// All of the above except kNone, for documentation and for the test that they are distinct.
std::span<const MessageId> runtime_message_ids();

}  // namespace mold::runtime
