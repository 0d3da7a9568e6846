#include "fencing/drivers/pacemaker_text.h"

#include <libxml/parser.h>
#include <libxml/tree.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "lib/base/text.h"

namespace mold::fencing {
namespace {

using Document = std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)>;

Document parse(std::string_view xml) {
  const bool fits = xml.size() < static_cast<std::size_t>(std::numeric_limits<int>::max());
  return {fits ? xmlReadMemory(xml.data(), static_cast<int>(xml.size()), "stonith_admin", nullptr,
                               XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING)
               : nullptr,
          &xmlFreeDoc};
}

std::string_view text_of(const xmlChar* text) {
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

std::string attribute(xmlNode* node, const char* name) {
  xmlChar* const value = xmlGetProp(node, reinterpret_cast<const xmlChar*>(name));
  std::string text(text_of(value));
  xmlFree(value);
  return text;
}

// Calls `visit` with every element of that name, in the order of the document.
template <class Visit>
void each_element(xmlNode* first, std::string_view name, const Visit& visit) {
  for (xmlNode* node = first; node != nullptr; node = node->next) {
    if (node->type != XML_ELEMENT_NODE) continue;
    if (text_of(node->name) == name) visit(node);
    each_element(node->children, name, visit);
  }
}

std::string first_error(std::string_view xml) {
  std::string found;
  const Document document = parse(xml);
  if (!document) return found;
  each_element(xmlDocGetRootElement(document.get()), "error", [&found](xmlNode* node) {
    xmlChar* const content = xmlNodeGetContent(node);
    if (found.empty()) found = text_of(content);
    xmlFree(content);
  });
  return found;
}

bool bears(std::string_view client, std::string_view tag) {
  const std::vector<std::string> parts = split(client, '.');
  return std::find(parts.begin(), parts.end(), tag) != parts.end();
}

// Codes of crm_exit_t (crm/common/results.h).
constexpr int kNoRights = 4;
constexpr int kNotConnected = 102;
constexpr int kNoSuchObject = 105;

}  // namespace

FencingSeen find_fencing(std::string_view xml, std::string_view node, std::string_view tag) {
  FencingSeen seen = FencingSeen::kNotThere;
  const Document document = parse(xml);
  if (!document) return seen;
  each_element(xmlDocGetRootElement(document.get()), "fence_event", [&](xmlNode* event) {
    const bool ours = attribute(event, "target") == node && attribute(event, "action") == "off" &&
                      bears(attribute(event, "client"), tag);
    if (!ours || seen == FencingSeen::kSuccess) return;
    const std::string status = attribute(event, "status");
    if (status == "success" && !attribute(event, "completed").empty()) {
      seen = FencingSeen::kSuccess;
    } else {
      seen = status == "pending" ? FencingSeen::kPending : FencingSeen::kFailed;
    }
  });
  return seen;
}

FenceRefusal read_refusal(int exit_code, std::string_view xml) {
  const std::string told = first_error(xml);
  const std::string why = told.empty() ? "" : " (" + told + ")";
  switch (exit_code) {
    case kNotConnected:
      return {true, ErrorKind::kUnavailable, "no Pacemaker cluster runs on this machine" + why};
    case kNoSuchObject:
      // With a topology this may follow a level that was tried.
      return {
          false, ErrorKind::kNotFound,
          "the cluster has no fence device for this node: check its name and the devices" + why};
    case kNoRights:
      return {true, ErrorKind::kDenied, "only root and group haclient may fence" + why};
    default:
      return {false, ErrorKind::kUnknown,
              "the cluster tried and could not say that it is done" + why +
                  "; see stonith_admin --history '*' and the cluster's log"};
  }
}

}  // namespace mold::fencing
