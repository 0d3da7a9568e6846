#include "tests/tidy/source_file.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

#include "lib/base/text.h"

namespace mold::tidy {
namespace {

bool is_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Blanks comments and literals; keeps the length of every line.
class Blanker {
 public:
  std::string line(std::string_view text) {
    std::string out(text);
    for (std::size_t i = 0; i < text.size();) i = take(text, i, out);
    return out;
  }

 private:
  std::size_t take(std::string_view text, std::size_t i, std::string& out) {
    if (in_block_) return skip_block(text, i, out);
    if (!raw_end_.empty()) return skip_raw(text, i, out);
    if (text.substr(i, 2) == "//") return blank(out, i, text.size());
    if (text.substr(i, 2) == "/*") {
      in_block_ = true;
      return blank(out, i, i + 2);
    }
    if (text.substr(i, 2) == "R\"" && (i == 0 || !is_name(text[i - 1])))
      return open_raw(text, i, out);
    const bool digit_separator = text[i] == '\'' && i > 0 && is_name(text[i - 1]);
    if ((text[i] == '"' || text[i] == '\'') && !digit_separator) return skip_literal(text, i, out);
    return i + 1;
  }
  static std::size_t blank(std::string& out, std::size_t from, std::size_t to) {
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(from),
              out.begin() + static_cast<std::ptrdiff_t>(std::min(to, out.size())), ' ');
    return to;
  }
  std::size_t skip_block(std::string_view text, std::size_t i, std::string& out) {
    const auto end = text.find("*/", i);
    in_block_ = end == std::string_view::npos;
    return blank(out, i, in_block_ ? text.size() : end + 2);
  }
  std::size_t open_raw(std::string_view text, std::size_t i, std::string& out) {
    const auto paren = text.find('(', i);
    if (paren == std::string_view::npos) return i + 2;
    raw_end_ = ")" + std::string(text.substr(i + 2, paren - i - 2)) + "\"";
    return skip_raw(text, blank(out, i, paren + 1), out);
  }
  std::size_t skip_raw(std::string_view text, std::size_t i, std::string& out) {
    const auto end = text.find(raw_end_, i);
    if (end == std::string_view::npos) return blank(out, i, text.size());
    const auto after = end + raw_end_.size();
    raw_end_.clear();
    return blank(out, i, after);
  }
  static std::size_t skip_literal(std::string_view text, std::size_t i, std::string& out) {
    std::size_t end = i + 1;
    while (end < text.size() && text[end] != text[i]) end += text[end] == '\\' ? 2 : 1;
    return blank(out, i + 1, std::min(end, text.size())) + 1;
  }

  bool in_block_ = false;
  std::string raw_end_;
};

bool is_text(std::string_view bytes) {
  return bytes.find('\0') == std::string_view::npos;
}

}  // namespace

std::string to_text(const Problem& problem) {
  return problem.file + ":" + std::to_string(problem.line) + ": [" + problem.rule + "] " +
         problem.advice;
}

bool SourceFile::is_cpp() const {
  return path.ends_with(".h") || path.ends_with(".cc");
}
bool SourceFile::is_header() const {
  return path.ends_with(".h");
}
bool SourceFile::in(std::string_view folder) const {
  return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

SourceFile make_source(std::string path, std::string_view text) {
  SourceFile file;
  file.path = std::move(path);
  file.lines = split(text, '\n');
  if (!file.lines.empty() && file.lines.back().empty()) file.lines.pop_back();
  if (!file.is_cpp()) return file;
  Blanker blanker;
  for (const std::string& line : file.lines) {
    file.code.push_back(line.starts_with("#include") ? line : blanker.line(line));
  }
  return file;
}

std::vector<SourceFile> read_house(const std::filesystem::path& root) {
  std::vector<SourceFile> files;
  auto it = std::filesystem::recursive_directory_iterator(root);
  for (; it != std::filesystem::end(it); ++it) {
    const std::string name = it->path().filename().string();
    const bool hidden = name.starts_with('.') && name != ".ci";
    const bool build_tree = it.depth() == 0 && name.starts_with("build");
    if (it->is_directory() && (hidden || build_tree)) it.disable_recursion_pending();
    if (!it->is_regular_file() || it->is_symlink()) continue;
    std::ifstream stream(it->path(), std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!is_text(text.view())) continue;
    files.push_back(make_source(std::filesystem::relative(it->path(), root).string(), text.view()));
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

std::vector<Include> includes_of(const SourceFile& file) {
  std::vector<Include> found;
  for (std::size_t i = 0; i < file.code.size(); ++i) {
    const std::string_view line = file.code[i];
    if (!line.starts_with("#include ") || line.size() < 12) continue;
    const char close = line[9] == '"' ? '"' : '>';
    const auto end = line.find(close, 10);
    if (end == std::string_view::npos) continue;
    found.push_back({i + 1, std::string(line.substr(10, end - 10)), close == '"'});
  }
  return found;
}

bool has_word(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const char before = at == 0 ? ' ' : text[at - 1];
    const auto end = at + word.size();
    const char after = end < text.size() ? text[end] : ' ';
    const bool open_end = !is_name(word.back());
    const bool member = before == '.' || (before == '>' && at > 1 && text[at - 2] == '-');
    if (!is_name(before) && !member && (open_end || !is_name(after))) return true;
  }
  return false;
}

}  // namespace mold::tidy
