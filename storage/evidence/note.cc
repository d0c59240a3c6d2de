#include "storage/evidence/note.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // U+2014 and a space
constexpr std::size_t kKeyIdBytes = 4;
constexpr std::size_t kSignaturesMax = 64;
constexpr std::size_t kCosignedTimeBytes = 8;

Error no_note(std::string_view why) { return Error{ErrorCode::invalid, fmt::format("this is not a signed note: {}", why)}; }

std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string cosigned_text(std::uint64_t seconds, std::string_view text) {
  return fmt::format("cosignature/v1\ntime {}\n{}", seconds, text);
}

std::uint64_t seconds_of(BytesView bytes) {
  Decoder in(bytes);
  return in.fixed64();
}

}  // namespace

std::string NoteSignature::line() const { return fmt::format("{}{} {}\n", kDash, name, base64_encode(key_id + signature)); }

bool is_note_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 &&
         std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '+' && c != 0x7f; });
}

Result<Note> parse_note(BytesView bytes) {
  if (bytes.size() > kNoteBytesMax) return no_note("it is too long");
  const bool control = std::any_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\n'; });
  if (control) return no_note("it has control characters");
  const auto split = bytes.rfind("\n\n");
  if (split == bytes.npos) return no_note("it has no signatures");
  Note note;
  note.text = bytes.substr(0, split + 1);
  auto rest = bytes.substr(split + 2);
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (end == rest.npos) return no_note("its last line does not end");
    auto line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (!line.starts_with(kDash)) return no_note("a signature line does not begin with a dash");
    line.remove_prefix(kDash.size());
    const auto space = line.find(' ');
    if (space == line.npos || !is_note_name(line.substr(0, space))) return no_note("a signature has no name");
    const auto decoded = base64_decode(line.substr(space + 1));
    if (!decoded || decoded->size() <= kKeyIdBytes) return no_note("a signature cannot be read");
    if (note.signatures.size() == kSignaturesMax) return no_note("it has too many signatures");
    note.signatures.push_back({std::string(line.substr(0, space)), decoded->substr(0, kKeyIdBytes), decoded->substr(kKeyIdBytes)});
  }
  if (note.signatures.empty()) return no_note("it has no signatures");
  return note;
}

std::string format_note(const Note& note) {
  std::string out = note.text + "\n";
  for (const auto& signature : note.signatures) out += signature.line();
  return out;
}

Bytes NoteVerifier::key_id() const {
  Bytes input = name + "\n";
  input += static_cast<char>(algorithm);
  return Bytes(sha256(input + public_key).view().substr(0, kKeyIdBytes));
}

std::string NoteVerifier::vkey() const {
  return fmt::format("{}+{}+{}", name, hex_encode(key_id()), base64_encode(Bytes(1, static_cast<char>(algorithm)) + public_key));
}

Result<NoteVerifier> NoteVerifier::parse(std::string_view vkey) {
  const Error wrong{ErrorCode::invalid, "this is not a verifier key: expected NAME+KEYID+BASE64 in one line"};
  while (!vkey.empty() && (vkey.back() == '\n' || vkey.back() == '\r' || vkey.back() == ' ')) vkey.remove_suffix(1);
  const auto first = vkey.find('+');
  const auto second = first == vkey.npos ? vkey.npos : vkey.find('+', first + 1);
  if (second == vkey.npos) return wrong;
  NoteVerifier verifier;
  verifier.name = vkey.substr(0, first);
  const auto id = hex_decode(vkey.substr(first + 1, second - first - 1));
  const auto key = base64_decode(vkey.substr(second + 1));
  if (!is_note_name(verifier.name) || !id || !key || key->size() != 1 + kEd25519PublicBytes) return wrong;
  const auto algorithm = static_cast<std::uint8_t>((*key)[0]);
  if (algorithm != 1 && algorithm != 4) return Error{ErrorCode::invalid, "the verifier key is of an algorithm that is not known here"};
  verifier.algorithm = static_cast<NoteAlgorithm>(algorithm);
  verifier.public_key = key->substr(1);
  if (verifier.key_id() != *id) return Error{ErrorCode::invalid, "the verifier key's id does not fit its name and key: a typing error?"};
  return verifier;
}

const NoteSignature* NoteVerifier::find(const Note& note) const {
  const Bytes id = key_id();
  for (const auto& signature : note.signatures) {
    if (signature.name != name || signature.key_id != id) continue;
    if (algorithm == NoteAlgorithm::ed25519) {
      if (ed25519_verify(public_key, note.text, signature.signature)) return &signature;
    } else if (signature.signature.size() == kCosignedTimeBytes + kEd25519SignatureBytes) {
      const auto text = cosigned_text(seconds_of(signature.signature), note.text);
      if (ed25519_verify(public_key, text, BytesView(signature.signature).substr(kCosignedTimeBytes))) return &signature;
    }
  }
  return nullptr;
}

NoteSignature sign_note(const Ed25519Key& key, const std::string& name, const std::string& text) {
  return {name, NoteVerifier{name, NoteAlgorithm::ed25519, key.public_key()}.key_id(), key.sign(text)};
}

std::string format_checkpoint(const Checkpoint& checkpoint) {
  auto text = fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.size, base64_encode(checkpoint.root.view()));
  for (const auto& line : checkpoint.extensions) text += line + "\n";
  return text;
}

Result<Checkpoint> parse_checkpoint(const std::string& text) {
  const Error wrong{ErrorCode::invalid, "this is not a checkpoint: expected origin, size and root, a line each"};
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    if (end == text.npos) return wrong;
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  if (lines.size() < 3 || lines[0].empty()) return wrong;
  const auto size = parse_number(lines[1]);
  const auto decoded = base64_decode(lines[2]);
  const auto root = decoded ? Digest::from_bytes(*decoded) : std::nullopt;
  if (!size || !root) return wrong;
  return Checkpoint{lines[0], *size, *root, {lines.begin() + 3, lines.end()}};
}

Result<Checkpoint> open_checkpoint(BytesView bytes, const NoteVerifier& verifier) {
  auto note = parse_note(bytes);
  if (!note) return note.error();
  if (verifier.find(*note) == nullptr) {
    return Error{ErrorCode::corrupt, fmt::format("the checkpoint has no right signature of {}", verifier.name)};
  }
  auto checkpoint = parse_checkpoint(note->text);
  if (checkpoint && checkpoint->origin != verifier.name) {
    return Error{ErrorCode::corrupt, fmt::format("the checkpoint is of the log {}, not of {}", checkpoint->origin, verifier.name)};
  }
  return checkpoint;
}

NoteSignature cosign(const Ed25519Key& key, const std::string& name, const std::string& text, Time at) {
  const auto seconds = static_cast<std::uint64_t>(to_milliseconds(at) / 1000);
  const Bytes time = Encoder().fixed64(seconds).take();
  return {name, NoteVerifier{name, NoteAlgorithm::cosignature, key.public_key()}.key_id(), time + key.sign(cosigned_text(seconds, text))};
}

std::optional<Time> cosigned_at(const Note& note, const NoteVerifier& witness) {
  const auto* signature = witness.find(note);
  if (signature == nullptr || witness.algorithm != NoteAlgorithm::cosignature) return std::nullopt;
  return from_milliseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(seconds_of(signature->signature), 1ull << 50) * 1000));
}

}  // namespace kopial
