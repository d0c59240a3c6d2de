#include "storage/evidence/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

constexpr std::size_t kProofLinesMax = 63;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string witness_request(std::uint64_t old_size, const std::vector<Digest>& proof, const std::string& checkpoint) {
  auto body = fmt::format("old {}\n", old_size);
  for (const auto& hash : proof) body += base64_encode(hash.view()) + "\n";
  return body + "\n" + checkpoint;
}

Result<WitnessRequest> parse_witness_request(const std::string& body) {
  const Error wrong{ErrorCode::invalid, "this is not a request to cosign: expected 'old N', a proof, an empty line and a checkpoint"};
  WitnessRequest request;
  std::size_t at = 0;
  for (bool first = true;; first = false) {
    const auto end = body.find('\n', at);
    if (end == body.npos) return wrong;
    const auto line = std::string_view(body).substr(at, end - at);
    at = end + 1;
    if (first) {
      const auto size = line.starts_with("old ") ? number(line.substr(4)) : std::nullopt;
      if (!size) return wrong;
      request.old_size = *size;
      continue;
    }
    if (line.empty()) break;
    const auto decoded = base64_decode(line);
    const auto hash = decoded ? Digest::from_bytes(*decoded) : std::nullopt;
    if (!hash || request.proof.size() == kProofLinesMax) return wrong;
    request.proof.push_back(*hash);
  }
  request.checkpoint = body.substr(at);
  return request;
}

std::optional<std::uint64_t> parse_witness_size(const std::string& body) {
  return number(std::string_view(body).substr(0, body.find('\n')));
}

Result<std::string> add_cosignature(const std::string& checkpoint, const std::string& answer, const NoteVerifier& witness) {
  auto note = parse_note(checkpoint);
  if (!note) return note.error();
  const auto given = parse_note(note->text + "\n" + answer);
  if (!given) return given.error().with_context("the witness's answer");
  const auto* signature = witness.find(*given);
  if (signature == nullptr) return Error{ErrorCode::corrupt, fmt::format("the answer has no right cosignature of {}", witness.name)};
  std::erase_if(note->signatures, [&](const NoteSignature& one) { return one.name == witness.name && one.key_id == witness.key_id(); });
  note->signatures.push_back(*signature);
  return format_note(*note);
}

}  // namespace kopial
