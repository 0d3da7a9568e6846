#include <algorithm>
#include <map>
#include <set>

#include "tests/tidy/rules.h"

namespace mold::tidy {
namespace {

std::pair<std::string, std::string> parts(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

void append(Problems& all, Problems more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

// A source counts as built when any CMakeLists.txt mentions it, be it as x_test.cc, x_test or x.
bool is_mentioned(const std::string& name, const std::string& cmake) {
  std::string stem = name.substr(0, name.size() - 3);
  if (stem.ends_with("_test")) stem.resize(stem.size() - 5);
  return cmake.find(stem) != std::string::npos;
}

}  // namespace

Problems check_golden_readmes(const std::vector<SourceFile>& house) {
  std::map<std::string, std::set<std::string>> folders;
  for (const SourceFile& file : house) {
    if (!file.in("tests/golden")) continue;
    const auto [folder, name] = parts(file.path);
    folders[folder].insert(name);
  }
  Problems problems;
  for (const auto& [folder, names] : folders) {
    const bool is_case = std::any_of(names.begin(), names.end(), [](const std::string& name) {
      return name.starts_with("given") || name.starts_with("script") || name.starts_with("expect");
    });
    if (!is_case || names.contains("README") || names.contains("README.md")) continue;
    problems.push_back({"golden-readme", folder, 0, "add a README: what this case shows and why"});
  }
  return problems;
}

Problems check_sources_are_built(const std::vector<SourceFile>& house) {
  std::string cmake;
  for (const SourceFile& file : house) {
    if (!file.path.ends_with("CMakeLists.txt") && !file.path.ends_with(".cmake")) continue;
    for (const std::string& line : file.lines) cmake += line + "\n";
  }
  Problems problems;
  for (const SourceFile& file : house) {
    const auto [folder, name] = parts(file.path);
    if (!name.ends_with(".cc") || is_mentioned(name, cmake)) continue;
    problems.push_back(
        {"sources-are-built", file.path, 1, "name it in a CMakeLists.txt or remove it"});
  }
  return problems;
}

Problems check_house(const std::vector<SourceFile>& house) {
  Problems all;
  for (const SourceFile& file : house) {
    append(all, check_floors(file));
    append(all, check_json_stays_in_codecs(file));
    append(all, check_core_is_pure(file));
    append(all, check_banned_calls(file));
    append(all, check_no_default_in_core(file));
    append(all, check_sizes(file));
    append(all, check_header_form(file));
    append(all, check_no_loose_ends(file));
    append(all, check_stands_alone(file));
  }
  append(all, check_golden_readmes(house));
  append(all, check_sources_are_built(house));
  return all;
}

}  // namespace mold::tidy
