#include "config/settings.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>

namespace kopial {
namespace {

constexpr std::uint64_t kFileBytesMax = 1 << 20;

class Reader {
 public:
  Reader(const std::filesystem::path& file, Settings& settings) : file_(file), settings_(settings) {}

  Result<void> read(const toml::table& root) {
    // The first error in the order of the file is the one a person mends first; they are reported one at a time.
    for (const auto& [key, node] : root) {
      const std::string name(key.str());
      if (name == "data_dir") {
        string(node, name, [&](const std::string& value) { return path(value, settings_.data_dir); });
      } else if (const auto section = sections_.find(name); section != sections_.end()) {
        const toml::table* table = node.as_table();
        if (table == nullptr) fail(node, fmt::format("'{}' is a section; write [{}] and its keys below", name, name));
        else read_section(name, *table, section->second);
      } else {
        fail(node, fmt::format("the key '{}' is not known; keys here are data_dir and the sections http, smtp, keys, limits, log, backup, scrub, evidence, connectors", name));
      }
    }
    if (error_) return Error{ErrorCode::invalid, error_->second};
    return check_together();
  }

 private:
  using Take = std::function<void(const toml::node&, const std::string&)>;
  using Section = std::vector<std::pair<std::string, Take>>;

  void fail(const toml::node& node, const std::string& what) {
    const std::uint64_t line = node.source().begin.line;
    if (!error_ || line < error_->first) error_ = {line, fmt::format("{}:{}: {}", file_.string(), line, what)};
  }

  void read_section(const std::string& section, const toml::table& table, const Section& keys) {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const auto known = std::find_if(keys.begin(), keys.end(), [&](const auto& entry) { return entry.first == name; });
      if (known == keys.end()) {
        std::string names;
        for (const auto& entry : keys) names += (names.empty() ? "" : ", ") + entry.first;
        fail(node, fmt::format("the key '{}' is not known in [{}]; keys there are {}", name, section, names));
      } else {
        known->second(node, section + "." + name);
      }
    }
  }

  // `take` answers "" or what is wrong.
  void string(const toml::node& node, const std::string& name, const std::function<std::string(const std::string&)>& take) {
    const auto value = node.value_exact<std::string>();
    if (!value) return fail(node, fmt::format("{} must be a text in quotes", name));
    if (const std::string wrong = take(*value); !wrong.empty()) fail(node, fmt::format("{}: {}", name, wrong));
  }
  static std::string path(const std::string& value, std::filesystem::path& into) {
    if (!value.empty() && value.front() != '/') return "write an absolute path, beginning with '/'";
    into = value;
    return "";
  }
  Take path_key(std::filesystem::path& into) {
    return [this, &into](const toml::node& node, const std::string& name) {
      string(node, name, [&](const std::string& value) { return path(value, into); });
    };
  }
  Take text_key(std::string& into) {
    return [this, &into](const toml::node& node, const std::string& name) {
      string(node, name, [&](const std::string& value) { return into = value, std::string(); });
    };
  }
  Take choice_key(std::string& into, std::vector<std::string> choices) {
    return [this, &into, choices](const toml::node& node, const std::string& name) {
      string(node, name, [&](const std::string& value) -> std::string {
        if (std::find(choices.begin(), choices.end(), value) == choices.end()) return fmt::format("write one of {}", fmt::join(choices, ", "));
        into = value;
        return "";
      });
    };
  }
  Take bool_key(bool& into) {
    return [this, &into](const toml::node& node, const std::string& name) {
      const auto value = node.value_exact<bool>();
      if (!value) return fail(node, fmt::format("{} must be true or false", name));
      into = *value;
    };
  }
  Take size_key(std::uint64_t& into, std::uint64_t low, std::uint64_t high) {
    return [this, &into, low, high](const toml::node& node, const std::string& name) {
      string(node, name, [&](const std::string& value) -> std::string {
        const auto size = parse_size(value);
        if (!size) return size.error().message;
        if (*size < low || *size > high) return fmt::format("{} is out of range; write {} to {} bytes, as \"64MiB\"", value, low, high);
        into = *size;
        return "";
      });
    };
  }
  Take duration_key(std::chrono::seconds& into) {
    return [this, &into](const toml::node& node, const std::string& name) {
      string(node, name, [&](const std::string& value) -> std::string {
        const auto duration = parse_duration(value);
        if (!duration) return duration.error().message;
        into = *duration;
        return "";
      });
    };
  }
  Take count_key(std::uint64_t& into, std::int64_t low, std::int64_t high) {
    return [this, &into, low, high](const toml::node& node, const std::string& name) {
      const auto value = node.value_exact<std::int64_t>();
      if (!value || *value < low || *value > high) return fail(node, fmt::format("{} must be a number from {} to {}", name, low, high));
      into = static_cast<std::uint64_t>(*value);
    };
  }
  Take list_key(std::vector<std::string>& into, std::function<std::string(const std::string&)> check) {
    return [this, &into, check](const toml::node& node, const std::string& name) {
      const toml::array* list = node.as_array();
      if (list == nullptr) return fail(node, fmt::format("{} must be a list, as [\"…\"]", name));
      into.clear();
      for (const toml::node& item : *list) {
        string(item, name, [&](const std::string& value) {
          into.push_back(value);
          return check(value);
        });
      }
    };
  }

  static std::string check_listen(const std::string& value) {
    const std::size_t colon = value.rfind(':');
    unsigned port = 0;
    const bool bracketed = value.starts_with('[') && colon != std::string::npos && colon > 0 && value[colon - 1] == ']';
    const bool plain = colon != std::string::npos && value.find(':') == colon;
    const char* first = value.data() + (colon == std::string::npos ? value.size() : colon + 1);
    const auto parsed = std::from_chars(first, value.data() + value.size(), port);
    const bool number = parsed.ec == std::errc() && parsed.ptr == value.data() + value.size() && port <= 65535;
    if (colon == 0 || !(bracketed || plain) || !number) return fmt::format("'{}' is no address; write \"127.0.0.1:8460\" or \"[::1]:8460\"", value);
    return "";
  }
  static std::string check_witness(const std::string& value) {
    const auto space = value.find(' ');
    if (space == value.npos || !value.starts_with("http")) return fmt::format("'{}' is no witness; write \"https://witness.example/ name+id+key\"", value);
    return "";
  }
  static bool is_loopback(const std::string& listen) {
    return listen.starts_with("127.") || listen.starts_with("[::1]:") || listen.starts_with("localhost:");
  }

  Result<void> check_together() {
    const auto wrong = [&](std::string_view what) { return Error{ErrorCode::invalid, fmt::format("{}: {}", file_.string(), what)}; };
    if (settings_.data_dir.empty()) return wrong("data_dir must not be empty");
    if (settings_.http.listen.empty()) return wrong("http.listen must name at least one address");
    if (!settings_.http.tls && !std::all_of(settings_.http.listen.begin(), settings_.http.listen.end(), is_loopback)) {
      return wrong("http.tls = false is accepted on loopback addresses only; listen on 127.0.0.1 or [::1], or use TLS");
    }
    if (settings_.http.certificate.empty() != settings_.http.private_key.empty()) {
      return wrong("http.certificate and http.private_key belong together; set both, or neither for a self-signed certificate");
    }
    return {};
  }

  const std::filesystem::path& file_;
  Settings& settings_;
  std::optional<std::pair<std::uint64_t, std::string>> error_;
  const std::map<std::string, Section> sections_ = {
      {"http",
       {{"listen", list_key(settings_.http.listen, check_listen)},
        {"tls", bool_key(settings_.http.tls)},
        {"certificate", path_key(settings_.http.certificate)},
        {"private_key", path_key(settings_.http.private_key)},
        {"public_url", text_key(settings_.http.public_url)}}},
      {"smtp", {{"listen", list_key(settings_.smtp.listen, check_listen)}, {"hostname", text_key(settings_.smtp.hostname)}}},
      {"keys", {{"master_key_file", path_key(settings_.keys.master_key_file)}}},
      {"limits",
       {{"message_bytes_max", size_key(settings_.limits.message_bytes_max, 1 << 20, 1ull << 30)},
        {"memory_bytes_max", size_key(settings_.limits.memory_bytes_max, 64ull << 20, 1ull << 40)}}},
      {"log",
       {{"level", choice_key(settings_.log.level, {"trace", "debug", "info", "warn", "error"})},
        {"format", choice_key(settings_.log.format, {"text", "json"})}}},
      {"backup",
       {{"folder", path_key(settings_.backup.folder)},
        {"every", duration_key(settings_.backup.every)},
        {"keep", count_key(settings_.backup.keep, 1, 10'000)},
        {"bytes_per_second", size_key(settings_.backup.bytes_per_second, 0, 1ull << 40)}}},
      {"scrub",
       {{"every", duration_key(settings_.scrub.every)}, {"bytes_per_second", size_key(settings_.scrub.bytes_per_second, 0, 1ull << 40)}}},
      {"evidence",
       {{"anchor_dir", path_key(settings_.evidence.anchor_dir)},
        {"timestamp_url", text_key(settings_.evidence.timestamp_url)},
        {"timestamp_every", duration_key(settings_.evidence.timestamp_every)},
        {"timestamp_ca", path_key(settings_.evidence.timestamp_ca)},
        {"witnesses", list_key(settings_.evidence.witnesses, check_witness)},
        {"witness_every", duration_key(settings_.evidence.witness_every)}}},
      {"connectors", {{"allowed_hosts", list_key(settings_.connectors.allowed_hosts, [](const std::string&) { return std::string(); })}}},
  };
};

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(parsed.ptr, static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  static constexpr std::array<std::pair<std::string_view, unsigned>, 4> kUnits = {{{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}}};
  if (parsed.ec == std::errc()) {
    for (const auto& [name, shift] : kUnits) {
      if (unit == name && number <= (~std::uint64_t{0} >> shift)) return number << shift;
    }
  }
  return Error{ErrorCode::invalid, fmt::format("'{}' is no size; write a number with KiB, MiB or GiB, as \"256MiB\"", text)};
}

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(parsed.ptr, static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  static constexpr std::array<std::pair<std::string_view, unsigned>, 4> kUnits = {{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}}};
  if (parsed.ec == std::errc() && number <= 100'000'000) {
    for (const auto& [name, seconds] : kUnits) {
      if (unit == name) return std::chrono::seconds(number * seconds);
    }
  }
  return Error{ErrorCode::invalid, fmt::format("'{}' is no duration; write a number with s, m, h or d, as \"6h\"", text)};
}

Result<Settings> load_settings(const std::filesystem::path& file) {
  Settings settings;
  if (file.empty()) return settings;
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (failed) return Error{ErrorCode::not_found, fmt::format("{}: {}; name a readable file with --config", file.string(), failed.message())};
  if (size > kFileBytesMax) return Error{ErrorCode::invalid, fmt::format("{}: larger than a configuration can be", file.string())};
  try {
    const toml::table table = toml::parse_file(file.string());
    Reader reader(file, settings);
    if (auto read = reader.read(table); !read) return read.error();
  } catch (const toml::parse_error& error) {
    return Error{ErrorCode::invalid, fmt::format("{}:{}: {}", file.string(), error.source().begin.line, error.description())};
  }
  return settings;
}

}  // namespace kopial
