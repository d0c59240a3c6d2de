// What a person sees: tables that line up in every script, a progress bar on a terminal, passwords typed without an echo.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/result.h"
#include "storage/base/secret.h"

namespace kopial::cli {

// Columns taken on a terminal (UAX #11: wide is two, combining is none).
std::size_t width_of(std::string_view utf8);
// Cut to `columns` with an ellipsis; control characters, which could act on the terminal, become spaces.
std::string fitted(std::string_view utf8, std::size_t columns);

// Printed with a heading; a column is as wide as its widest cell, and the last takes what is left of the terminal's line.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) : rows_{std::move(heading)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void align_right(std::size_t column) { right_.push_back(column); }
  void print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> right_;
};

// One line on stderr, drawn anew with each call; nothing unless stderr is a terminal.
class ProgressBar {
 public:
  // `of` 0: how much there is is not known.
  void show(std::uint64_t done, std::uint64_t of, std::string_view text);
  void clear();
  ~ProgressBar() { clear(); }

 private:
  bool drawn_ = false;
};

std::string bytes_text(std::uint64_t bytes);  // "12.3 MB"
std::string time_text(std::string_view rfc3339);  // "2026-11-24 14:05", in UTC
bool is_colourful();                          // stdout is a terminal, and NO_COLOR is not set
// From the terminal without an echo, or the first line of standard input.
Result<Secret> ask_secret(const std::string& prompt, bool from_stdin);

}  // namespace kopial::cli
