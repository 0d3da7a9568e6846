#include <algorithm>
#include <array>
#include <iterator>

#include "tests/tidy/rules.h"

namespace mold::tidy {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kFileLines = 600;
constexpr std::size_t kFunctionLines = 80;

struct Ban {
  std::string_view word;
  std::string_view instead;
};

constexpr std::array<Ban, 14> kNotInCore = {{
    {"system_clock::now", "time is a parameter: Now"},
    {"steady_clock::now", "time is a parameter: Now"},
    {"clock_gettime(", "time is a parameter: Now"},
    {"time(nullptr)", "time is a parameter: Now"},
    {"rand(", "use the Rng that is handed in"},
    {"random_device", "use the Rng that is handed in"},
    {"getenv(", "settings come in a Policy"},
    {"sleep(", "say when in deadline()"},
    {"sleep_for(", "say when in deadline()"},
    {"std::thread", "core has no threads; the shell has"},
    {"std::mutex", "core has no threads; the shell has"},
    {"std::cout", "return a NoteTransition or NoteEvidence"},
    {"std::cerr", "return a NoteTransition or NoteEvidence"},
    {"printf(", "return a NoteTransition or NoteEvidence"},
}};

constexpr std::array<Ban, 11> kNowhere = {{
    {"system(", "run_child(): no shell, with a deadline"},
    {"popen(", "run_child(): no shell, with a deadline"},
    {"strcpy(", "std::string, or a span with its size"},
    {"strcat(", "std::string, or a span with its size"},
    {"sprintf(", "fmt::format, or snprintf with its size"},
    {"atoi(", "parse_number()"},
    {"atol(", "parse_number()"},
    {"std::stoi(", "parse_number(): it does not throw"},
    {"std::stol(", "parse_number(): it does not throw"},
    {"std::stoul(", "parse_number(): it does not throw"},
    {"std::stoull(", "parse_number(): it does not throw"},
}};

bool is_product(const SourceFile& file) {
  constexpr std::array<std::string_view, 8> kRooms = {"core",    "lib",   "agentd",      "manager",
                                                      "fencing", "hooks", "maintenance", "hactl"};
  return file.is_cpp() &&
         std::any_of(kRooms.begin(), kRooms.end(), [&](auto room) { return file.in(room); });
}

template <std::size_t N>
void find_bans(const SourceFile& file, const std::array<Ban, N>& bans, const std::string& rule,
               Problems& problems) {
  for (std::size_t i = 0; i < file.code.size(); ++i) {
    for (const Ban& ban : bans) {
      if (!has_word(file.code[i], ban.word)) continue;
      problems.push_back(
          {rule, file.path, i + 1, "'" + std::string(ban.word) + "': " + std::string(ban.instead)});
    }
  }
}

std::size_t characters(std::string_view line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

// Functions of this house begin and end in the first column (namespaces do not indent).
void check_functions(const SourceFile& file, Problems& problems) {
  std::size_t start = 0;
  for (std::size_t i = 0; i < file.code.size(); ++i) {
    const std::string& line = file.code[i];
    if (line.empty() || line[0] == ' ' || line[0] == '#') continue;
    const bool end_of_function =
        line == "}" || (line[0] == '}' && line.find(';') == std::string::npos &&
                        file.lines[i].find("namespace") == std::string::npos);
    if (end_of_function && i - start + 1 > kFunctionLines) {
      problems.push_back({"function-fits-a-screen", file.path, start + 1,
                          std::to_string(i - start + 1) + " lines; at most " +
                              std::to_string(kFunctionLines) + ": give its parts names"});
    }
    start = line[0] == '}' ? i + 1 : i;
  }
}

}  // namespace

Problems check_core_is_pure(const SourceFile& file) {
  if (!file.in("core") || !file.is_cpp()) return {};
  Problems problems;
  find_bans(file, kNotInCore, "core-is-pure", problems);
  for (std::size_t i = 0; i < file.code.size(); ++i) {
    if (file.code[i].find("unordered_") != std::string::npos) {
      problems.push_back({"core-is-pure", file.path, i + 1,
                          "std::map or std::set: iteration must have one order everywhere"});
    }
    if (file.code[i].starts_with("#include <iostream>")) {
      problems.push_back({"core-is-pure", file.path, i + 1, "core has no output of its own"});
    }
  }
  return problems;
}

Problems check_banned_calls(const SourceFile& file) {
  Problems problems;
  if (is_product(file)) find_bans(file, kNowhere, "banned-call", problems);
  return problems;
}

Problems check_no_default_in_core(const SourceFile& file) {
  if (!file.in("core") || !file.is_cpp()) return {};
  Problems problems;
  for (std::size_t i = 0; i < file.code.size(); ++i) {
    if (!has_word(file.code[i], "default:")) continue;
    problems.push_back({"no-default-in-core", file.path, i + 1,
                        "name every enumerator, so that a new one breaks the build here"});
  }
  return problems;
}

Problems check_sizes(const SourceFile& file) {
  if (!file.is_cpp()) return {};
  Problems problems;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    if (characters(file.lines[i]) <= kColumns) continue;
    problems.push_back({"line-width", file.path, i + 1, "at most 100 columns"});
  }
  if (file.lines.size() > kFileLines) {
    problems.push_back({"file-size", file.path, file.lines.size(),
                        "at most 600 lines: this file holds more than one idea"});
  }
  check_functions(file, problems);
  return problems;
}

Problems check_header_form(const SourceFile& file) {
  if (!file.is_header()) return {};
  Problems problems;
  const bool story =
      !file.lines.empty() &&
      std::any_of(
          file.lines.begin(),
          file.lines.begin() + std::min<std::ptrdiff_t>(std::ssize(file.lines), 4),
          [](const std::string& line) { return line.starts_with("//") || line.starts_with("/*"); });
  // The lab shares headers with plain C, whose guards are older.
  const bool pragma =
      std::any_of(file.lines.begin(), file.lines.end(), [&](const std::string& line) {
        return line == "#pragma once" ||
               (file.in("tests/lab") && line.starts_with("#ifndef ") && line.ends_with("_H_"));
      });
  if (!pragma) problems.push_back({"header-form", file.path, 1, "guard it with #pragma once"});
  if (!story) {
    problems.push_back({"header-form", file.path, 1,
                        "open with its story: why it exists, which thread, which lifetime"});
  }
  return problems;
}

Problems check_no_loose_ends(const SourceFile& file) {
  static const std::array<std::string, 3> words = {
      std::string("TO") + "DO", std::string("FIX") + "ME", std::string("XX") + "X"};
  Problems problems;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    for (const std::string& word : words) {
      if (!has_word(file.lines[i], word)) continue;
      problems.push_back({"no-loose-ends", file.path, i + 1, "do it, or open an issue"});
    }
  }
  return problems;
}

Problems check_stands_alone(const SourceFile& file) {
  static const std::array<std::string, 2> paths = {std::string("/work") + "/shared",
                                                   std::string("/work") + "/main"};
  static const std::array<std::string, 2> words = {std::string("po") + "c",
                                                   std::string("PO") + "C"};
  Problems problems;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const std::string& line = file.lines[i];
    const bool path = std::any_of(paths.begin(), paths.end(), [&](const std::string& text) {
      return line.find(text) != std::string::npos;
    });
    const bool word = std::any_of(words.begin(), words.end(),
                                  [&](const std::string& text) { return has_word(line, text); });
    if (path || word) {
      problems.push_back({"stands-alone", file.path, i + 1,
                          "this names a place outside the house: say here what is to be known"});
    }
  }
  return problems;
}

}  // namespace mold::tidy
