// Proofs that were taken away: are they signed by whom one trusts, do they lead to the checkpoint, and is the mail beside them the mail
// they are about? For `kopial-verify`; no store, no key but the log's public one.
//
// A proof file has integrity reports, one JSON object a line (or a single one over several lines), each as the API gives it for a
// message:
//   "public_key"     the log's verifier key, as the archive says
//   "signed_report"  a signed note (note.h); its text is one line of JSON:
//     "message_id", "origin", "made_at", "arrived_at", "arrival_proven", "log_began_at", "unchanged", "placements",
//     "checkpoint"   the signed checkpoint the proofs lead to
//     "copies"       "copy_id", "recorded_at", "unchanged", "proof": base64 of a proof (proof.h), ...
// What else is in a line ("report", for people) is not looked at. A bundle is a folder with such a file, "proofs.jsonl", and the mail:
// every other file below it must be a copy that a report is about, whatever its name, and every copy must be there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "storage/base/result.h"
#include "storage/evidence/note.h"

namespace kopial {

inline constexpr std::string_view kBundleProofs = "proofs.jsonl";

struct BundleReport {
  std::vector<std::string> findings;  // the first wrong thing first
  std::uint64_t messages = 0, copies = 0, files = 0;
  std::uint64_t unproven_arrivals = 0;  // messages from before their log began
  std::vector<std::string> keys;        // the verifier keys that signed; whose they are is for the reader to know when none was given
  bool sound() const { return findings.empty(); }
};

// `path`: a proof file, or a bundle's folder. With `verifier` only its signatures count. Fails when nothing can be read; whatever is wrong
// with what was read is a finding.
Result<BundleReport> verify_bundle(const std::filesystem::path& path, const std::optional<NoteVerifier>& verifier, std::size_t findings_max = 100);

}  // namespace kopial
