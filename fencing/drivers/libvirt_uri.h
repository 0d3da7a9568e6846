#pragma once
// Which connection URIs the driver `libvirt` takes: a list of what is allowed, not of what is not,
// because a URI of libvirt may have programs run here (transport ext; the parameters command,
// netcat, proxy, sshauth), read files (keyfile, pkipath, known_hosts) or leave certificates
// unchecked (no_verify), and libvirt undoes %-escapes and takes capitals before it looks. Pure.
//
// Taken are, letter by letter:
//   qemu:///system                          the libvirt of this machine, on its own socket
//   qemu+tls://HOST[:PORT]/system           certificates on both sides
//   qemu+ssh://[USER@]HOST[:PORT]/system    keys in place, host key known
// No parameters at all, so no escapes. Left out for what they would let pass for an answer, and an
// answer "off" is a proof of death: tcp (whoever is on the network may give it), unix with socket=
// (any local user may have made that socket), test (a libvirt that is made up).
#include <string_view>

#include "lib/base/result.h"

namespace mold::fencing {

// kInvalid says what is allowed.
Status check_libvirt_uri(std::string_view uri);

}  // namespace mold::fencing
