#pragma once
// The addresses of this host, as inet_ntop writes them: how a client that the storage names is told
// to be one of ours. Loopback is among them (a cluster on the same machine sees that). Asks the
// kernel, not a name server; any thread. Empty when the kernel does not say: nobody is ours then.
#include <string>
#include <vector>

namespace mold::agentd {

std::vector<std::string> own_addresses();

}  // namespace mold::agentd
