#pragma once
// XML that a program said, looked through by the names of its elements. Pure; nothing is fetched.
#include <libxml/tree.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace mold::fencing {

using XmlDocument = std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)>;

// Null: the text is no XML.
XmlDocument parse_xml(std::string_view xml);
std::string_view xml_text(const xmlChar* text);
// Empty where it is not there.
std::string xml_attribute(xmlNode* node, const char* name);
// Calls `visit` with every element of that name, in the order of the document.
void each_element(const XmlDocument& document, std::string_view name,
                  const std::function<void(xmlNode*)>& visit);

}  // namespace mold::fencing
