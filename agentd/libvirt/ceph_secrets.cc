#include "agentd/libvirt/ceph_secrets.h"

#include <libxml/tree.h>

#include <memory>

#include "agentd/libvirt/domain_calls.h"
#include "lib/base/secret.h"
#include "lib/runtime/crypto.h"

namespace mold::agentd {
namespace {

struct FreeSecret {
  void operator()(virSecret* secret) const { virSecretFree(secret); }
};

const xmlChar* utf8(const char* text) {
  return reinterpret_cast<const xmlChar*>(text);
}

}  // namespace

std::string secret_xml(const CephAuth& auth) {
  const std::unique_ptr<xmlDoc, void (*)(xmlDoc*)> doc(xmlNewDoc(utf8("1.0")),
                                                       [](xmlDoc* d) { xmlFreeDoc(d); });
  xmlNode* const root = xmlNewNode(nullptr, utf8("secret"));
  xmlDocSetRootElement(doc.get(), root);
  xmlNewProp(root, utf8("ephemeral"), utf8("yes"));
  xmlNewProp(root, utf8("private"), utf8("yes"));
  xmlNewTextChild(root, nullptr, utf8("uuid"), utf8(auth.secret_uuid.c_str()));
  xmlNode* const usage = xmlNewChild(root, nullptr, utf8("usage"), nullptr);
  xmlNewProp(usage, utf8("type"), utf8("ceph"));
  // Two clusters may have a user of the same name; a usage name has to be one of its own.
  const std::string name = "mold-ha client." + auth.user + " " + auth.secret_uuid.substr(0, 8);
  xmlNewTextChild(usage, nullptr, utf8("name"), utf8(name.c_str()));
  xmlChar* raw = nullptr;
  int size = 0;
  xmlDocDumpFormatMemoryEnc(doc.get(), &raw, &size, "UTF-8", 1);
  const std::unique_ptr<xmlChar, void (*)(xmlChar*)> text(raw, [](xmlChar* t) { xmlFree(t); });
  return raw == nullptr
             ? ""
             : std::string(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
}

Status call_define_secret(virConnectPtr connection, const CephAuth& auth) {
  const std::string what = "secret of the Ceph user " + auth.user;
  auto bytes = runtime::base64_decode(auth.key.reveal());
  if (!bytes) return fail(ErrorKind::kInvalid, what + ": the key is not base64");
  const Secret value(std::move(*bytes));  // wiped when it goes
  const std::unique_ptr<virSecret, FreeSecret> secret(
      virSecretDefineXML(connection, secret_xml(auth).c_str(), 0));
  if (!secret) return fail(libvirt_error("defining the " + what));
  const std::string& raw = value.reveal();
  if (virSecretSetValue(secret.get(), reinterpret_cast<const unsigned char*>(raw.data()),
                        raw.size(), 0) < 0) {
    return fail(libvirt_error("setting the " + what));
  }
  return {};
}

}  // namespace mold::agentd
