#pragma once
// What a person sees: tables whose columns fit, colour on a terminal, times in the local zone. Text
// from outside (names, reasons) has its control characters made harmless. Results go to stdout;
// progress, questions and warnings to stderr, so that output can be piped.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "hactl/json.h"
#include "lib/base/time.h"

namespace mold::hactl {

enum class Tone : std::uint8_t { kPlain, kGood, kWarn, kBad, kDim };
enum class ColourMode : std::uint8_t { kAuto, kAlways, kNever };

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
};

class Output {
 public:
  // kAuto: colour when stdout is a terminal, NO_COLOR is not set and TERM is not "dumb".
  Output(bool json, ColourMode colour);

  [[nodiscard]] bool json() const { return json_; }
  void line(std::string_view text, Tone tone = Tone::kPlain) const;
  void table(const std::vector<std::string>& head,
             const std::vector<std::vector<Cell>>& rows) const;
  void value(const Json& value) const;
  // "name: value" pairs, aligned, empty ones left out.
  void facts(const std::vector<std::pair<std::string, Cell>>& facts) const;

  // stderr; only when it is a terminal, overwriting itself.
  void progress(std::string_view text) const;
  void end_progress() const;
  static void warn(std::string_view text);
  // True when the person at the terminal types `word`. False without a terminal.
  static bool ask(std::string_view question, std::string_view word);
  static bool on_terminal();

 private:
  [[nodiscard]] std::string paint(const std::string& text, Tone tone) const;

  bool json_;
  bool colour_;
  bool live_;
};

// The tone of a word as the API uses it: Up, Down, Fenced, Running, ERROR, ...
Tone tone_of(std::string_view state);
Cell state_cell(const std::string& state);

// "2024-05-22T09:00:00+0900" as local "2024-05-22 09:00:00"; anything else stays as it is.
std::string local_time(const std::string& api_time);
std::string local_time(WallTime time);  // with milliseconds
std::string size_text(std::int64_t bytes);

}  // namespace mold::hactl
