#include "storage/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

namespace kopial {
namespace {

// The length of the UTF-8 character at the start of `text`, or 0 when there is none.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const std::size_t size = byte(0) >= 0xc2 && byte(0) < 0xe0 ? 2 : (byte(0) & 0xf0) == 0xe0 ? 3 : byte(0) >= 0xf0 && byte(0) < 0xf5 ? 4 : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what is behind the last character.
  if ((byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) >= 0xa0)) return 0;
  if ((byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) >= 0x90)) return 0;
  return size;
}

// %J and %U: the message as the inside of a JSON string, or as text. Strangers' words stand in messages, so either way one
// event stays one line: control characters are escaped, and bytes that are no UTF-8 become U+FFFD.
class SafeMessage final : public spdlog::custom_flag_formatter {
 public:
  explicit SafeMessage(bool json) : json_(json) {}
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    std::string_view rest(message.payload.data(), message.payload.size());
    while (!rest.empty()) {
      const auto size = character_size(rest);
      const auto c = static_cast<unsigned char>(rest[0]);
      if (size == 0) {
        out.append(std::string_view("\xef\xbf\xbd"));
      } else if (c < 0x20 || c == 0x7f) {
        fmt::format_to(fmt::appender(out), "\\u{:04x}", c);
      } else {
        if (json_ && (c == '"' || c == '\\')) out.push_back('\\');
        out.append(rest.substr(0, size));
      }
      rest.remove_prefix(size == 0 ? 1 : size);
    }
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override { return std::make_unique<SafeMessage>(json_); }

 private:
  const bool json_;
};

}  // namespace

Result<void> set_up_logging(std::string_view level, std::string_view format) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off") {
    return Error{ErrorCode::invalid, "log.level must be trace, debug, info, warn or error"};
  }
  auto logger = std::make_shared<spdlog::logger>("kopial", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (format == "json") {
    formatter->add_flag<SafeMessage>('J', true).set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%J"})");
  } else if (format == "text") {
    formatter->add_flag<SafeMessage>('U', false).set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %U");
  } else {
    return Error{ErrorCode::invalid, "log.format must be text or json"};
  }
  logger->set_formatter(std::move(formatter));
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  return {};
}

}  // namespace kopial
