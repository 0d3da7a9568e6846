#pragma once
// One file of the house as the rules see it: its text, and the same text with comments and literals
// blanked out, line by line, so that a rule about code does not stumble over a sentence. Values.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace mold::tidy {

struct Problem {
  std::string rule;
  std::string file;
  std::size_t line = 0;
  std::string advice;  // what to do instead
};
std::string to_text(const Problem& problem);  // "core/x.cc:12: [core-is-pure] ..."
using Problems = std::vector<Problem>;

struct SourceFile {
  std::string path;                // from the root of the house
  std::vector<std::string> lines;  // as they are
  std::vector<std::string> code;   // comments, texts and characters blanked; C++ files only

  [[nodiscard]] bool is_cpp() const;
  [[nodiscard]] bool is_header() const;
  [[nodiscard]] bool in(std::string_view folder) const;  // "core", "lib/base"
};

SourceFile make_source(std::string path, std::string_view text);
// All text files of the checkout, sorted; build trees, .git and hidden folders left out.
std::vector<SourceFile> read_house(const std::filesystem::path& root);

struct Include {
  std::size_t line = 0;
  std::string path;
  bool quoted = false;
};
std::vector<Include> includes_of(const SourceFile& file);

// True when `word` stands in `text` with no letter, digit, _, . or > before it (:: is allowed),
// and, unless it ends in a sign such as '(' or ':', no letter or digit after it.
bool has_word(std::string_view text, std::string_view word);

}  // namespace mold::tidy
