#pragma once
// Checks that several drivers make of a target, in one wording: "port: must be from 1 to 65535".
// Pure. They refuse what could be taken for an option of a program, or for a second line.
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mold::fencing {

// No control characters (a line end would be a second setting on some program's input).
Status check_plain(std::string_view name, std::string_view text);
// A host name or address: not empty, no blanks, no leading '-'.
Status check_device_address(std::string_view address);
// Empty, or from 1 to 65535.
Status check_device_port(std::string_view port);
Error unknown_option(std::string_view name, std::string_view driver, std::string_view known);

}  // namespace mold::fencing
