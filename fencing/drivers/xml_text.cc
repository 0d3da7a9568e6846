#include "fencing/drivers/xml_text.h"

#include <libxml/parser.h>

#include <limits>

namespace mold::fencing {
namespace {

void each_below(xmlNode* first, std::string_view name, const std::function<void(xmlNode*)>& visit) {
  for (xmlNode* node = first; node != nullptr; node = node->next) {
    if (node->type != XML_ELEMENT_NODE) continue;
    if (xml_text(node->name) == name) visit(node);
    each_below(node->children, name, visit);
  }
}

}  // namespace

XmlDocument parse_xml(std::string_view xml) {
  const bool fits = xml.size() < static_cast<std::size_t>(std::numeric_limits<int>::max());
  return {fits ? xmlReadMemory(xml.data(), static_cast<int>(xml.size()), "output", nullptr,
                               XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING)
               : nullptr,
          &xmlFreeDoc};
}

std::string_view xml_text(const xmlChar* text) {
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

std::string xml_attribute(xmlNode* node, const char* name) {
  xmlChar* const value = xmlGetProp(node, reinterpret_cast<const xmlChar*>(name));
  std::string text(xml_text(value));
  xmlFree(value);
  return text;
}

void each_element(const XmlDocument& document, std::string_view name,
                  const std::function<void(xmlNode*)>& visit) {
  if (document) each_below(xmlDocGetRootElement(document.get()), name, visit);
}

}  // namespace mold::fencing
