#include "server/cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace kopial::cli {
namespace {

constexpr std::size_t kSecretBytesMax = 4096;

std::size_t terminal_columns(int descriptor) {
  winsize size{};
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 0;
}

std::size_t width_of(UChar32 character) {
  const auto type = u_charType(character);
  if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK || type == U_FORMAT_CHAR) return 0;
  const auto width = u_getIntPropertyValue(character, UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

template <typename Visit>
void each_character(std::string_view text, Visit visit) {
  const auto length = static_cast<std::int32_t>(std::min<std::size_t>(text.size(), 1 << 20));
  for (std::int32_t at = 0; at < length;) {
    const auto from = at;
    UChar32 character = 0;
    U8_NEXT(text.data(), at, length, character);
    if (!visit(character < 0 ? UChar32{0xFFFD} : character, text.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(at - from)))) return;
  }
}

}  // namespace

std::size_t width_of(std::string_view utf8) {
  std::size_t columns = 0;
  each_character(utf8, [&](UChar32 character, std::string_view) { return columns += width_of(character), true; });
  return columns;
}

std::string fitted(std::string_view utf8, std::size_t columns) {
  std::string out, shorter;
  std::size_t used = 0;
  bool cut = false;
  each_character(utf8, [&](UChar32 character, std::string_view bytes) {
    const bool control = u_iscntrl(character) != 0;
    // Bidirectional overrides would turn the rest of the line around.
    if (!control && u_charType(character) == U_FORMAT_CHAR) return true;
    const auto width = control ? 1 : width_of(character);
    if (used + width > columns) return !(cut = true);
    if (used + width < columns) shorter = out + (control ? " " : std::string(bytes));
    used += width;
    out += control ? std::string_view(" ") : character == 0xFFFD ? std::string_view("\xEF\xBF\xBD") : bytes;
    return true;
  });
  return cut && columns > 0 ? shorter + "…" : out;
}

void Table::print() const {
  const auto line = terminal_columns(STDOUT_FILENO);
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t n = 0; n < widths.size() && n < row.size(); ++n) widths[n] = std::max(widths[n], std::min<std::size_t>(width_of(row[n]), n + 1 == widths.size() ? 4096 : 60));
  }
  std::size_t before = 0;
  for (std::size_t n = 0; n + 1 < widths.size(); ++n) before += widths[n] + 2;
  if (line > 0) widths.back() = std::min(widths.back(), line > before + 20 ? line - before : 20);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string out;
    for (std::size_t n = 0; n < widths.size(); ++n) {
      const auto cell = fitted(n < rows_[r].size() ? rows_[r][n] : "", widths[n]);
      const std::string blank(widths[n] - std::min(widths[n], width_of(cell)), ' ');
      const bool right = std::find(right_.begin(), right_.end(), n) != right_.end();
      out += (right ? blank + cell : n + 1 == widths.size() ? cell : cell + blank) + (n + 1 == widths.size() ? "" : "  ");
    }
    if (r == 0 && is_colourful()) out = "\033[1m" + out + "\033[0m";
    fmt::print("{}\n", out);
  }
}

void ProgressBar::show(std::uint64_t done, std::uint64_t of, std::string_view text) {
  const auto line = terminal_columns(STDERR_FILENO);
  if (line == 0) return;
  std::string bar;
  if (of > 0) {
    constexpr std::size_t kCells = 24;
    const auto filled = static_cast<std::size_t>(std::min<std::uint64_t>(done, of) * kCells / of);
    for (std::size_t n = 0; n < kCells; ++n) bar += n < filled ? "█" : "░";
    bar += fmt::format(" {:3d} % ", std::min<std::uint64_t>(done, of) * 100 / of);
  }
  fmt::print(stderr, "\r\033[K{}", fitted(bar + std::string(text), line - 1));
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressBar::clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

std::string bytes_text(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) value /= 1000, ++unit;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string time_text(std::string_view rfc3339) {
  if (rfc3339.size() < 16) return std::string(rfc3339);
  return std::string(rfc3339.substr(0, 10)) + " " + std::string(rfc3339.substr(11, 5));
}

bool is_colourful() {
  const char* wish = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) != 0 && (wish == nullptr || *wish == '\0');
}

Result<Secret> ask_secret(const std::string& prompt, bool from_stdin) {
  termios before{};
  const bool terminal = !from_stdin && ::tcgetattr(STDIN_FILENO, &before) == 0;
  if (!from_stdin && !terminal) return Error{ErrorCode::invalid, "there is no terminal to ask on; use --password-stdin"};
  if (terminal) {
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    fmt::print(stderr, "{}: ", prompt);
    std::fflush(stderr);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  std::string line;
  std::getline(std::cin, line);
  if (terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fmt::print(stderr, "\n");
  }
  if (line.empty()) return Error{ErrorCode::invalid, "nothing was given as " + prompt};
  if (line.size() > kSecretBytesMax) return Error{ErrorCode::invalid, prompt + " is too long"};
  return Secret(std::move(line));
}

}  // namespace kopial::cli
