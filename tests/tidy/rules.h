#pragma once
// The rules of the house, one function each: a file in, what is wrong with it out. Pure.
#include <vector>

#include "tests/tidy/source_file.h"

namespace mold::tidy {

// ---- layer_rules.cc: who may include whom ----
Problems check_floors(const SourceFile& file);
Problems check_json_stays_in_codecs(const SourceFile& file);

// ---- text_rules.cc: what may stand in a file ----
Problems check_core_is_pure(const SourceFile& file);
Problems check_banned_calls(const SourceFile& file);
Problems check_no_default_in_core(const SourceFile& file);
Problems check_sizes(const SourceFile& file);  // columns, lines, functions
Problems check_header_form(const SourceFile& file);
Problems check_no_loose_ends(const SourceFile& file);
Problems check_stands_alone(const SourceFile& file);  // no word of any one person's workplace

// ---- tree_rules.cc: what must be there ----
Problems check_golden_readmes(const std::vector<SourceFile>& house);
Problems check_sources_are_built(const std::vector<SourceFile>& house);

// All of them.
Problems check_house(const std::vector<SourceFile>& house);

}  // namespace mold::tidy
