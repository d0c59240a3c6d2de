#include "storage/evidence/bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <map>
#include <set>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"
#include "storage/evidence/proof.h"

namespace kopial {
namespace fs = std::filesystem;
namespace json = boost::json;
namespace {

constexpr std::size_t kReportBytesMax = 16 << 20;  // a message in thousands of folders
constexpr std::size_t kPieceBytes = 1 << 20;

const json::value* member(const json::value& value, std::string_view name) { return value.is_object() ? value.get_object().if_contains(name) : nullptr; }

std::string text(const json::value& value, std::string_view name) {
  const auto* found = member(value, name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

class Bundle {
 public:
  Bundle(const std::optional<NoteVerifier>& verifier, std::size_t findings_max) : verifier_(verifier), findings_max_(findings_max) {}

  Result<BundleReport> run(const fs::path& path) {
    std::error_code bad;
    const bool folder = fs::is_directory(path, bad);
    if (auto read = reports(folder ? path / kBundleProofs : path); !read) return read.error();
    if (folder) {
      if (auto held = files(path); !held) return held.error();
    }
    report_.keys.assign(keys_.begin(), keys_.end());
    return std::move(report_);
  }

 private:
  template <typename... Args>
  void finding(fmt::format_string<Args...> said, Args&&... args) {
    if (report_.findings.size() < findings_max_) report_.findings.push_back(fmt::format(said, std::forward<Args>(args)...));
  }

  Result<void> reports(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return Error{ErrorCode::not_found, fmt::format("{} cannot be read", path.string())};
    const auto name = path.filename().string();
    json::stream_parser parser;  // An object may lie on one line, or on several.
    std::size_t number = 0, bytes = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      if (bytes == 0 && line.find_first_not_of(" \t\r") == line.npos) continue;
      bytes += line.size();
      if (bytes > kReportBytesMax) return Error{ErrorCode::too_large, fmt::format("{}, line {}: a report is longer than {} bytes", path.string(), number, kReportBytesMax)};
      json::error_code bad;
      parser.write(line, bad);
      if (bad) finding("{}, line {}: it is no JSON", name, number);
      else if (!parser.done()) continue;
      else report(parser.release(), fmt::format("{}, line {}", name, number));
      parser.reset();
      bytes = 0;
    }
    if (in.bad()) return Error{ErrorCode::unavailable, fmt::format("{} cannot be read to its end", path.string())};
    if (bytes > 0) finding("{}: it ends within a report", name);
    if (report_.messages == 0 && report_.findings.empty()) finding("{}: there is no report in it", name);
    return {};
  }

  void report(const json::value& line, const std::string& where) {
    ++report_.messages;
    auto verifier = NoteVerifier::parse(text(line, "public_key"));
    if (verifier_) verifier = *verifier_;
    if (!verifier) return finding("{}: its public key cannot be read", where);
    const auto note = parse_note(text(line, "signed_report"));
    if (!note) return finding("{}: it has no signed report: {}", where, note.error().message);
    if (verifier->find(*note) == nullptr) return finding("{}: the report has no right signature of {}", where, verifier->name);
    keys_.insert(verifier->vkey());
    json::error_code bad;
    const auto said = json::parse(note->text, bad);
    if (bad) return finding("{}: the signed report is no JSON", where);
    const auto id = text(said, "message_id");
    const auto what = fmt::format("{}, message {}", where, id);
    const auto checkpoint = text(said, "checkpoint");
    if (const auto* proven = member(said, "arrival_proven"); proven != nullptr && proven->is_bool() && !proven->get_bool()) ++report_.unproven_arrivals;
    const auto* unchanged = member(said, "unchanged");
    if (unchanged == nullptr || !unchanged->is_bool() || !unchanged->get_bool()) finding("{}: the archive itself said that it is not as it arrived", what);
    const auto* copies = member(said, "copies");
    if (copies == nullptr || !copies->is_array() || copies->get_array().empty()) return finding("{}: the report proves no copy", what);
    for (const auto& copy : copies->get_array()) prove(copy, checkpoint, *verifier, what);
  }

  void prove(const json::value& copy, const std::string& checkpoint, const NoteVerifier& verifier, const std::string& what) {
    const auto id = text(copy, "copy_id");
    const auto decoded = base64_decode(text(copy, "proof"));
    const auto claim = decoded ? decode_proof(*decoded) : std::nullopt;
    if (!claim) return finding("{}: the proof of copy {} cannot be read", what, id);
    const auto entry = check_proof(*claim, checkpoint, verifier);
    if (!entry) return finding("{}: the proof of copy {}: {}", what, id, entry.error().message);
    if (entry->copy.hex() != id) return finding("{}: the proof of copy {} is of copy {}", what, id, entry->copy.hex());
    if (format_rfc3339(entry->at) != text(copy, "recorded_at")) return finding("{}: copy {} was recorded {}, and not when the report says", what, id, format_rfc3339(entry->at));
    ++report_.copies;
    proven_.emplace(entry->copy, what);
  }

  Result<void> files(const fs::path& folder) {
    std::set<CopyId> found;
    std::error_code bad;
    std::vector<fs::path> paths;
    for (fs::recursive_directory_iterator entry(folder, bad), end; !bad && entry != end; entry.increment(bad)) {
      if (entry->is_regular_file() && entry->path() != folder / kBundleProofs) paths.push_back(entry->path());
    }
    if (bad) return Error{ErrorCode::unavailable, fmt::format("listing {}: {}", folder.string(), bad.message())};
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      ++report_.files;
      std::ifstream in(path, std::ios::binary);
      Sha256 digest;
      std::string piece(kPieceBytes, '\0');
      while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())), in.gcount() > 0) digest.update(BytesView(piece.data(), static_cast<std::size_t>(in.gcount())));
      if (in.bad() || !in.eof()) return Error{ErrorCode::unavailable, fmt::format("{} cannot be read", path.string())};
      const CopyId id = digest.finish();
      if (!proven_.contains(id)) finding("{}: no report proves these bytes", fs::relative(path, folder, bad).string());
      found.insert(id);
    }
    for (const auto& [id, what] : proven_) {
      if (!found.contains(id)) finding("{}: copy {} is proven and its file is not there, or was changed", what, id.hex());
    }
    return {};
  }

  const std::optional<NoteVerifier> verifier_;
  const std::size_t findings_max_;
  BundleReport report_;
  std::set<std::string> keys_;
  std::map<CopyId, std::string> proven_;
};

}  // namespace

Result<BundleReport> verify_bundle(const fs::path& path, const std::optional<NoteVerifier>& verifier, std::size_t findings_max) {
  return Bundle(verifier, findings_max).run(path);
}

}  // namespace kopial
