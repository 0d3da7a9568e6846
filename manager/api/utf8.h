#pragma once
// What text of strangers may hold: valid UTF-8 without control characters. Any thread, no state.
#include <string>
#include <string_view>

namespace mold::manager::api {

// True for a byte that neither a parameter nor XML may carry: C0 controls except tab, line feed and
// carriage return, and DEL.
bool is_control(char c);
// Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);
// The text with each bad byte replaced by U+FFFD.
std::string repaired_utf8(std::string_view text);

}  // namespace mold::manager::api
