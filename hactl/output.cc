#include "hactl/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "lib/base/text.h"
#include "lib/runtime/journal_log.h"

namespace mold::hactl {
namespace {

bool stdout_takes_colour() {
  const char* const term = std::getenv("TERM");
  const char* const no_color = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         term != nullptr && std::string_view(term) != "dumb";
}

// Columns are counted in characters, not bytes: UTF-8 continuation bytes take no place.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string padded(const std::string& text, std::size_t shown, std::size_t width) {
  return shown >= width ? text : text + std::string(width - shown, ' ');
}

struct ToneWords {
  Tone tone;
  std::vector<std::string_view> words;
};

}  // namespace

Output::Output(bool json, ColourMode colour)
    : json_(json),
      colour_(colour == ColourMode::kAlways ||
              (colour == ColourMode::kAuto && stdout_takes_colour())),
      live_(::isatty(STDERR_FILENO) == 1) {}

std::string Output::paint(const std::string& text, Tone tone) const {
  if (!colour_) return text;
  switch (tone) {
    case Tone::kPlain:
      return text;
    case Tone::kGood:
      return "\x1b[32m" + text + "\x1b[0m";
    case Tone::kWarn:
      return "\x1b[33m" + text + "\x1b[0m";
    case Tone::kBad:
      return "\x1b[31m" + text + "\x1b[0m";
    case Tone::kDim:
      return "\x1b[2m" + text + "\x1b[0m";
  }
  return text;
}

void Output::line(std::string_view text, Tone tone) const {
  fmt::print("{}\n", paint(runtime::one_line(text), tone));
}

void Output::table(const std::vector<std::string>& head,
                   const std::vector<std::vector<Cell>>& rows) const {
  std::vector<std::size_t> widths;
  for (const auto& title : head) widths.push_back(width_of(title));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(runtime::one_line(row[i].text)));
    }
  }
  const auto print_row = [&](const std::vector<Cell>& row) {
    std::string out;
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      const std::string text = runtime::one_line(row[i].text);
      const bool last = i + 1 == widths.size();
      out += last ? paint(text, row[i].tone)
                  : padded(paint(text, row[i].tone), width_of(text), widths[i]) + "  ";
    }
    out.erase(out.find_last_not_of(' ') + 1);
    fmt::print("{}\n", out);
  };
  std::vector<Cell> titles;
  for (const auto& title : head) titles.push_back({title, Tone::kDim});
  print_row(titles);
  for (const auto& row : rows) print_row(row);
}

void Output::value(const Json& value) const {
  fmt::print("{}\n", dump_json(value));
}

void Output::facts(const std::vector<std::pair<std::string, Cell>>& facts) const {
  std::size_t width = 0;
  for (const auto& [name, cell] : facts) {
    if (!cell.text.empty()) width = std::max(width, name.size());
  }
  for (const auto& [name, cell] : facts) {
    if (cell.text.empty()) continue;
    fmt::print("{}  {}\n", padded(name, name.size(), width),
               paint(runtime::one_line(cell.text), cell.tone));
  }
}

void Output::progress(std::string_view text) const {
  if (live_) fmt::print(stderr, "\r\x1b[K{}", runtime::one_line(text));
}
void Output::end_progress() const {
  if (live_) fmt::print(stderr, "\r\x1b[K");
}

void Output::warn(std::string_view text) {
  fmt::print(stderr, "hactl: {}\n", text);
}

bool Output::on_terminal() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
}

bool Output::ask(std::string_view question, std::string_view word) {
  if (!on_terminal()) return false;
  fmt::print(stderr, "{}\nType {} to go on: ", question, word);
  std::array<char, 256> answer{};
  if (std::fgets(answer.data(), static_cast<int>(answer.size()), stdin) == nullptr) return false;
  return trim(answer.data()) == word;
}

Tone tone_of(std::string_view state) {
  static const std::vector<ToneWords> table = {
      {Tone::kGood,
       {"Up", "Running", "Available", "Recovered", "On", "INFO", "Enabled", "Proof", "good"}},
      {Tone::kWarn,
       {"Suspect", "Checking", "Degraded", "Recovering", "Fencing", "Starting", "Stopping",
        "Connecting", "Disconnected", "Ineligible", "Unknown", "WARN", "Provisioning", "Verdict",
        "Alert", "degraded", "unknown"}},
      {Tone::kBad, {"Down", "Fenced", "Error", "ERROR", "Off", "Alarm", "bad"}},
      {Tone::kDim, {"Disabled", "Stopped", "Destroyed", "Removed", "Reading", "-"}},
  };
  for (const auto& entry : table) {
    if (std::find(entry.words.begin(), entry.words.end(), state) != entry.words.end()) {
      return entry.tone;
    }
  }
  return Tone::kPlain;
}

Cell state_cell(const std::string& state) {
  const std::string shown = state.empty() ? "-" : state;
  return {shown, tone_of(shown)};
}

std::string local_time(const std::string& api_time) {
  std::string text = api_time;  // "...:00.123+0000" has its milliseconds taken out first
  std::int64_t ms = -1;
  if (const auto dot = text.find('.'); dot != std::string::npos && dot + 4 <= text.size()) {
    ms = parse_number<std::int64_t>(text.substr(dot + 1, 3)).value_or(-1);
    text.erase(dot, 4);
  }
  std::tm parts{};
  const char* const rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S%z", &parts);
  if (rest == nullptr || *rest != '\0') return api_time;
  const long offset = parts.tm_gmtoff;
  const std::time_t seconds = ::timegm(&parts) - offset;
  const std::string local = local_time(WallTime{seconds * 1000 + std::max<std::int64_t>(ms, 0)});
  return ms < 0 ? local.substr(0, 19) : local;
}

std::string local_time(WallTime time) {
  const std::time_t seconds = time.ms / 1000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return fmt::format("{}.{:03}", std::string_view(text.data(), length), time.ms % 1000);
}

std::string size_text(std::int64_t bytes) {
  if (bytes <= 0) return "-";
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  const int decimals = unit == 0 || amount >= 100 ? 0 : 1;
  return fmt::format("{:.{}f} {}", amount, decimals, kUnits[unit]);
}

}  // namespace mold::hactl
