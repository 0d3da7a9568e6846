#pragma once
// For connections that carry little and must be heard soon (beats): TCP waits twice as long after
// each segment that is lost again, so a connection that was busy while a link was down for three
// seconds may be silent for three more. A "thin stream" sends again at an even pace, six times
// (Linux, tcp(7), TCP_THIN_LINEAR_TIMEOUTS). Sockets accepted from a listener inherit it. Any
// thread.

namespace mold {

// False: no TCP socket, or a system that does not have it. Nothing else changes then.
bool make_thin_tcp(int fd);

}  // namespace mold
