#include "fencing/drivers/pacemaker_text.h"

#include <algorithm>
#include <vector>

#include "fencing/drivers/xml_text.h"
#include "lib/base/text.h"

namespace mold::fencing {
namespace {

std::string first_error(std::string_view xml) {
  std::string found;
  each_element(parse_xml(xml), "error", [&found](xmlNode* node) {
    xmlChar* const content = xmlNodeGetContent(node);
    if (found.empty()) found = xml_text(content);
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
  each_element(parse_xml(xml), "fence_event", [&](xmlNode* event) {
    const bool ours = xml_attribute(event, "target") == node &&
                      xml_attribute(event, "action") == "off" &&
                      bears(xml_attribute(event, "client"), tag);
    if (!ours || seen == FencingSeen::kSuccess) return;
    const std::string status = xml_attribute(event, "status");
    if (status == "success" && !xml_attribute(event, "completed").empty()) {
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
