#include "agentd/libvirt/domain_xml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>

#include <algorithm>
#include <memory>

#include "lib/base/check.h"
#include "lib/base/text.h"

namespace mold::agentd {
namespace {

constexpr std::size_t kMaxXmlBytes = 1024 * 1024;
constexpr std::size_t kMaxNameBytes = 200;
constexpr int kMaxDisks = 26;
constexpr std::string_view kRbdPrefix = "rbd:";

struct FreeDoc {
  void operator()(xmlDoc* doc) const { xmlFreeDoc(doc); }
};
struct FreeText {
  void operator()(xmlChar* text) const { xmlFree(text); }
};
using Doc = std::unique_ptr<xmlDoc, FreeDoc>;
using Text = std::unique_ptr<xmlChar, FreeText>;

const xmlChar* chars(const char* text) {
  return reinterpret_cast<const xmlChar*>(text);
}
const xmlChar* chars(const std::string& text) {
  return chars(text.c_str());
}

// ---- writing ------------------------------------------------------------------------------------

xmlNode* add(xmlNode* parent, const char* name) {
  return xmlNewChild(parent, nullptr, chars(name), nullptr);
}
void add_text(xmlNode* parent, const char* name, const std::string& text) {
  xmlNewTextChild(parent, nullptr, chars(name), chars(text));
}
void set(xmlNode* node, const char* name, const std::string& value) {
  xmlNewProp(node, chars(name), chars(value));
}

// XML 1.0 has no way at all to carry control characters.
bool representable(const std::string& text) {
  return xmlCheckUTF8(chars(text)) != 0 && text.find('\0') == std::string::npos &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Status check_disk(const core::Disk& disk, DiskSource::Type type) {
  const bool rbd = type == DiskSource::Type::kRbd;
  const std::string_view start = rbd ? kRbdPrefix : "/";
  if (!disk.path.starts_with(start) || disk.path.size() == start.size() ||
      !representable(disk.path)) {
    return fail(ErrorKind::kInvalid, "a disk's path is not absolute, or holds control characters");
  }
  if (disk.format != "raw" && disk.format != "qcow2") {
    return fail(ErrorKind::kInvalid, "disk format is neither raw nor qcow2");
  }
  if (type != DiskSource::Type::kFile && disk.format != "raw") {
    return fail(ErrorKind::kInvalid, "an image or a volume is raw");
  }
  return {};
}

Status check(const core::VmSpec& spec, const std::vector<DiskSource>& sources) {
  if (spec.name.empty() || spec.name.size() > kMaxNameBytes || !representable(spec.name) ||
      spec.name.find('/') != std::string::npos) {
    return fail(ErrorKind::kInvalid, "VM name cannot be a domain's name");
  }
  if (!is_uuid(spec.uuid)) return fail(ErrorKind::kInvalid, "VM without a UUID");
  if (spec.cpus == 0 || spec.memory_bytes == 0) {
    return fail(ErrorKind::kInvalid, "VM without CPU or memory");
  }
  if (spec.disks.size() > kMaxDisks) return fail(ErrorKind::kInvalid, "VM with too many disks");
  if (!sources.empty() && sources.size() != spec.disks.size()) {
    return fail(ErrorKind::kInternal, "not every disk has a source");
  }
  for (std::size_t i = 0; i < spec.disks.size(); ++i) {
    const DiskSource::Type type = sources.empty() ? DiskSource::Type::kFile : sources[i].type;
    Status good = check_disk(spec.disks[i], type);
    if (!good) return good;
  }
  return {};
}

void add_metadata(xmlNode* domain, const DomainIdentity& identity) {
  xmlNode* const node = add(add(domain, "metadata"), "vm");
  xmlSetNs(node, xmlNewNs(node, chars(kMetadataUri), chars(kMetadataPrefix)));
  set(node, "id", std::to_string(identity.vm.value));
  set(node, "generation", std::to_string(identity.generation.value));
}

std::string target_name(const std::string& bus, int index) {
  const std::string prefix = bus == "virtio" ? "vd" : bus == "ide" ? "hd" : "sd";
  return prefix + static_cast<char>('a' + index);
}

void add_rbd_source(xmlNode* disk_node, const core::Disk& disk, const DiskSource& source) {
  if (source.auth) {
    xmlNode* const auth = add(disk_node, "auth");
    set(auth, "username", source.auth->user);
    xmlNode* const secret = add(auth, "secret");
    set(secret, "type", "ceph");
    set(secret, "uuid", source.auth->secret_uuid);
  }
  xmlNode* const node = add(disk_node, "source");
  set(node, "protocol", "rbd");
  set(node, "name", disk.path.substr(kRbdPrefix.size()));
  for (const MonitorAddress& monitor : source.monitors) {
    xmlNode* const host = add(node, "host");
    set(host, "name", monitor.host);
    set(host, "port", monitor.port);
  }
}

const char* disk_type(DiskSource::Type type) {
  switch (type) {
    case DiskSource::Type::kFile:
      return "file";
    case DiskSource::Type::kBlock:
      return "block";
    case DiskSource::Type::kRbd:
      return "network";
  }
  MOLD_UNREACHABLE();
}

void add_disk(xmlNode* devices, const core::Disk& disk, const DiskSource& source, int index,
              const DomainDefaults& defaults) {
  const bool file = source.type == DiskSource::Type::kFile;
  xmlNode* const node = add(devices, "disk");
  set(node, "type", disk_type(source.type));
  set(node, "device", "disk");
  xmlNode* const driver = add(node, "driver");
  set(driver, "name", "qemu");
  set(driver, "type", disk.format);
  // What a host caches is lost with it, and another host starts from what the storage has.
  set(driver, "cache", file ? defaults.disk_cache : "none");
  if (source.type == DiskSource::Type::kRbd) {
    set(driver, "discard", "unmap");  // what the guest frees, the cluster gets back
    add_rbd_source(node, disk, source);
  } else {
    set(add(node, "source"), file ? "file" : "dev", disk.path);
  }
  xmlNode* const target = add(node, "target");
  set(target, "dev", target_name(defaults.disk_bus, index));
  set(target, "bus", defaults.disk_bus);
}

void add_devices(xmlNode* domain, const core::VmSpec& spec, const DomainDefaults& defaults,
                 const std::vector<DiskSource>& sources) {
  xmlNode* const devices = add(domain, "devices");
  const DiskSource file;
  for (std::size_t i = 0; i < spec.disks.size(); ++i) {
    add_disk(devices, spec.disks[i], sources.empty() ? file : sources[i], static_cast<int>(i),
             defaults);
  }
  set(add(devices, "serial"), "type", "pty");
  xmlNode* const usb = add(devices, "controller");
  set(usb, "type", "usb");
  set(usb, "model", "none");
  set(add(devices, "memballoon"), "model", "none");
}

// ---- reading ------------------------------------------------------------------------------------

Result<Doc> parse(std::string_view xml) {
  if (xml.size() > kMaxXmlBytes) return fail(ErrorKind::kInvalid, "XML: too long");
  // No network, no entity substitution, no messages to stderr.
  constexpr int kOptions = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
  Doc doc(xmlReadMemory(xml.data(), static_cast<int>(xml.size()), nullptr, nullptr, kOptions));
  if (!doc || xmlDocGetRootElement(doc.get()) == nullptr) {
    return fail(ErrorKind::kInvalid, "XML: cannot be parsed");
  }
  return doc;
}

bool named(const xmlNode* node, const char* name) {
  return node->type == XML_ELEMENT_NODE && xmlStrEqual(node->name, chars(name)) != 0;
}

xmlNode* child(const xmlNode* parent, const char* name) {
  if (parent == nullptr) return nullptr;
  for (xmlNode* node = parent->children; node != nullptr; node = node->next) {
    if (named(node, name)) return node;
  }
  return nullptr;
}

std::string attribute(const xmlNode* node, const char* name) {
  if (node == nullptr) return {};
  const Text value(xmlGetNoNsProp(node, chars(name)));
  return value ? reinterpret_cast<const char*>(value.get()) : "";
}

std::string content(const xmlNode* node) {
  if (node == nullptr) return {};
  const Text value(xmlNodeGetContent(node));
  return value ? std::string(trim(reinterpret_cast<const char*>(value.get()))) : "";
}

Result<DomainIdentity> read_identity(const xmlNode* node) {
  const auto vm = parse_number<std::uint64_t>(attribute(node, "id"));
  const auto generation = parse_number<std::uint64_t>(attribute(node, "generation"));
  if (!vm || *vm == 0 || !generation) {
    return fail(ErrorKind::kInvalid, "domain metadata: VM id or generation is missing");
  }
  return DomainIdentity{VmId{*vm}, Generation{*generation}};
}

bool is_ours(const xmlNode* node) {
  return named(node, "vm") && node->ns != nullptr &&
         xmlStrEqual(node->ns->href, chars(kMetadataUri)) != 0;
}

std::uint64_t memory_bytes(const xmlNode* node) {
  const std::uint64_t amount = parse_number<std::uint64_t>(content(node)).value_or(0);
  const std::string unit = attribute(node, "unit");
  if (unit == "b" || unit == "bytes") return amount;
  if (unit == "MiB" || unit == "M") return amount << 20U;
  if (unit == "GiB" || unit == "G") return amount << 30U;
  return amount << 10U;  // KiB, libvirt's own choice when it writes
}

void read_disks(const xmlNode* devices, std::vector<std::string>& out) {
  if (devices == nullptr) return;
  for (const xmlNode* node = devices->children; node != nullptr; node = node->next) {
    if (!named(node, "disk")) continue;
    const xmlNode* const source = child(node, "source");
    std::string path = attribute(source, "file");
    if (path.empty()) path = attribute(source, "dev");
    if (path.empty() && attribute(source, "protocol") == "rbd") {
      path = std::string(kRbdPrefix) + attribute(source, "name");
    }
    if (!path.empty()) out.push_back(std::move(path));
  }
}

}  // namespace

Result<std::string> build_domain_xml(const core::VmSpec& spec, const DomainIdentity& identity,
                                     const DomainDefaults& defaults,
                                     const std::vector<DiskSource>& sources) {
  MOLD_TRY_VOID(check(spec, sources));
  const Doc doc(xmlNewDoc(chars("1.0")));
  xmlNode* const domain = xmlNewNode(nullptr, chars("domain"));
  xmlDocSetRootElement(doc.get(), domain);
  set(domain, "type", defaults.type);
  add_text(domain, "name", spec.name);
  add_text(domain, "uuid", to_lower(spec.uuid));
  add_metadata(domain, identity);
  xmlNode* const memory = xmlNewTextChild(domain, nullptr, chars("memory"),
                                          chars(std::to_string((spec.memory_bytes + 1023) / 1024)));
  set(memory, "unit", "KiB");
  add_text(domain, "vcpu", std::to_string(spec.cpus));
  xmlNode* const os = add(domain, "os");
  xmlNode* const type = xmlNewTextChild(os, nullptr, chars("type"), chars("hvm"));
  set(type, "arch", "x86_64");
  set(type, "machine", defaults.machine);
  set(add(os, "boot"), "dev", "hd");
  add(add(domain, "features"), "acpi");
  set(add(domain, "clock"), "offset", "utc");
  add_text(domain, "on_poweroff", "destroy");
  add_text(domain, "on_reboot", "restart");
  add_text(domain, "on_crash", "destroy");
  add_devices(domain, spec, defaults, sources);

  xmlChar* raw = nullptr;
  int size = 0;
  xmlDocDumpFormatMemoryEnc(doc.get(), &raw, &size, "UTF-8", 1);
  const Text text(raw);
  if (!text) return fail(ErrorKind::kInternal, "XML: out of memory");
  return std::string(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
}

Result<DomainDescription> parse_domain_xml(std::string_view xml) {
  MOLD_TRY(const Doc doc, parse(xml));
  const xmlNode* const domain = xmlDocGetRootElement(doc.get());
  if (!named(domain, "domain")) return fail(ErrorKind::kInvalid, "XML: not a domain");
  DomainDescription out;
  out.name = content(child(domain, "name"));
  out.uuid = to_lower(content(child(domain, "uuid")));
  out.memory_bytes = memory_bytes(child(domain, "memory"));
  out.cpus = parse_number<std::uint32_t>(content(child(domain, "vcpu"))).value_or(0);
  read_disks(child(domain, "devices"), out.disk_paths);
  const xmlNode* const metadata = child(domain, "metadata");
  if (metadata == nullptr) return out;
  for (const xmlNode* node = metadata->children; node != nullptr; node = node->next) {
    if (!is_ours(node)) continue;
    MOLD_TRY(out.identity, read_identity(node));
    break;
  }
  return out;
}

Result<DomainIdentity> parse_identity_xml(std::string_view xml) {
  MOLD_TRY(const Doc doc, parse(xml));
  const xmlNode* const root = xmlDocGetRootElement(doc.get());
  if (!named(root, "vm")) return fail(ErrorKind::kInvalid, "domain metadata: not a VM's");
  return read_identity(root);
}

}  // namespace mold::agentd
