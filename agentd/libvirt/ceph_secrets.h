#pragma once
// Secrets of Ceph users in libvirt: QEMU gets the key from libvirtd through a pipe of their own, so
// that it stands in no domain XML, log or command line. Ephemeral (in libvirtd's memory only) and
// private (nobody can read the value back). Blocking calls, for lane threads; no state.
#include <libvirt/libvirt.h>

#include <string>

#include "agentd/libvirt/disk_source.h"
#include "lib/base/result.h"

namespace mold::agentd {

// The definition, without the key.
std::string secret_xml(const CephAuth& auth);

// Defines it, or defines it anew, and sets its value. Nothing is ever removed here: a domain that
// is being started may need it. Fails with kInvalid when the key is not base64.
Status call_define_secret(virConnectPtr connection, const CephAuth& auth);

}  // namespace mold::agentd
