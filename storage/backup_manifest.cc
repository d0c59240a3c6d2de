#include "storage/backup_manifest.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "storage/base/encoding.h"
#include "storage/base/files.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::uint64_t kManifestBytesMax = 1ull << 30;
constexpr int kFormat = 1;

std::string mark(const std::string& body, const Secret& key) {
  return "mark " + hmac_sha256(derive_key(key, "kopial backup manifest").reveal(), body).hex();
}
std::string digest_line(const std::string& body) { return "sha256 " + sha256(body).hex(); }

// Names come from a file that somebody may have written: they must stay inside the folder.
bool is_plain(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of("/\\") == std::string::npos && name.find('\0') == std::string::npos;
}

}  // namespace

bool is_backup_id(std::string_view text) {
  return text.size() >= 16 && text.size() <= 24 && text.find_first_not_of("0123456789TZ-") == std::string_view::npos;
}

std::string backup_id(Time time) {
  return fmt::format("{:%Y%m%dT%H%M%S}Z", fmt::gmtime(static_cast<std::time_t>(to_milliseconds(time) / 1000)));
}

std::string encode_manifest(const BackupManifest& manifest, const Secret& key) {
  const auto& record = manifest.record;
  json::array files;
  for (const auto& file : manifest.files) {
    files.push_back(json::object{{"name", file.name}, {"stored", file.stored}, {"size", file.size}, {"sha256", file.sha256.hex()}});
  }
  const json::object body{{"kopial_backup", kFormat},
                          {"id", record.id},
                          {"taken_at", to_milliseconds(record.taken_at)},
                          {"messages", record.messages},
                          {"copies", record.copies},
                          {"placements", record.placements},
                          {"raw_bytes", record.raw_bytes},
                          {"last_message", to_number(record.last_message)},
                          {"last_change", to_number(record.last_change)},
                          {"checkpoint", record.checkpoint},
                          {"attachment", record.attachment},
                          {"new_files", record.new_files},
                          {"new_bytes", record.new_bytes},
                          {"files", std::move(files)}};
  const auto text = json::serialize(body) + "\n";
  return text + digest_line(text) + "\n" + mark(text, key) + "\n";
}

Result<BackupManifest> decode_manifest(const std::string& text, const std::optional<Secret>& key) {
  const Error damaged{ErrorCode::corrupt, "the manifest of the backup is damaged"};
  const auto end = text.find('\n');
  if (end == std::string::npos) return damaged;
  const auto body = text.substr(0, end + 1);
  const auto expected = digest_line(body) + "\n";
  if (text.compare(end + 1, expected.size(), expected) != 0) return damaged;
  const auto rest = text.substr(end + 1 + expected.size());
  if (key && rest != mark(body, *key) + "\n") {
    return Error{ErrorCode::corrupt, "the manifest of the backup was not written under this tenant's key"};
  }
  json::error_code bad;
  const auto parsed = json::parse(body, bad);
  if (bad || !parsed.is_object()) return damaged;
  try {
    const auto& object = parsed.get_object();
    if (object.at("kopial_backup").to_number<int>() > kFormat) {
      return Error{ErrorCode::invalid, "the backup was made by a newer version"};
    }
    BackupManifest manifest;
    auto& record = manifest.record;
    record.id = object.at("id").as_string();
    record.taken_at = from_milliseconds(object.at("taken_at").to_number<std::int64_t>());
    const auto number = [&](const char* name) { return object.at(name).to_number<std::uint64_t>(); };
    record.messages = number("messages");
    record.copies = number("copies");
    record.placements = number("placements");
    record.raw_bytes = number("raw_bytes");
    record.last_message = Serial{number("last_message")};
    record.last_change = Sequence{number("last_change")};
    record.checkpoint = object.at("checkpoint").as_string();
    record.attachment = object.at("attachment").as_string();
    record.new_files = number("new_files");
    record.new_bytes = number("new_bytes");
    for (const auto& value : object.at("files").as_array()) {
      BackupFile& file = manifest.files.emplace_back();
      file.name = value.at("name").as_string();
      file.stored = value.at("stored").as_string();
      file.size = value.at("size").to_number<std::uint64_t>();
      const auto digest = Digest::from_hex(std::string_view(value.at("sha256").as_string()));
      const std::filesystem::path stored(file.stored);
      const bool inside = std::distance(stored.begin(), stored.end()) == 2 && is_plain(stored.begin()->string()) && is_plain(stored.filename().string());
      if (!digest || !is_plain(file.name) || !inside) return damaged;
      file.sha256 = *digest;
      record.bytes += file.size;
    }
    record.files = manifest.files.size();
    return manifest;
  } catch (const std::exception&) {  // A field that is missing or of another kind.
    return damaged;
  }
}

Result<BackupManifest> read_manifest(const std::filesystem::path& folder, const std::string& id, const std::optional<Secret>& key) {
  if (!is_backup_id(id)) return Error{ErrorCode::invalid, "this is not the id of a backup"};
  auto text = read_file(folder / id / "manifest", kManifestBytesMax);
  if (!text && text.error().code == ErrorCode::not_found) return Error{ErrorCode::not_found, "there is no complete backup " + id};
  if (!text) return text.error();
  auto manifest = decode_manifest(*text, key);
  if (!manifest) return manifest.error().with_context("backup " + id);
  if (manifest->record.id != id) return Error{ErrorCode::corrupt, "backup " + id + " has the manifest of another one"};
  return manifest;
}

Result<std::vector<std::string>> backup_ids(const std::filesystem::path& folder) {
  std::vector<std::string> ids;
  std::error_code bad;
  if (!std::filesystem::exists(folder, bad)) return ids;
  for (std::filesystem::directory_iterator entry(folder, bad), end; !bad && entry != end; entry.increment(bad)) {
    const auto name = entry->path().filename().string();
    std::error_code none;
    if (is_backup_id(name) && std::filesystem::exists(entry->path() / "manifest", none)) ids.push_back(name);
  }
  if (bad) return Error{ErrorCode::unavailable, fmt::format("listing {}: {}", folder.string(), bad.message())};
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<std::vector<BackupRecord>> list_backups(const std::filesystem::path& folder, const std::optional<Secret>& key) {
  auto ids = backup_ids(folder);
  if (!ids) return ids.error();
  std::vector<BackupRecord> records;
  for (const auto& id : *ids) {
    auto manifest = read_manifest(folder, id, key);
    if (manifest) records.push_back(std::move(manifest->record));
  }
  return records;
}

}  // namespace kopial
