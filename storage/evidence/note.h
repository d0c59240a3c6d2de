// Signed notes and checkpoints, as C2SP writes them (signed-note, tlog-checkpoint, tlog-cosignature).
//
// A note is a text that ends in a newline, an empty line, and lines "— name base64(key id, signature)". A checkpoint is the note
//   origin / size / base64 root
// signed under the origin's name. A verifier key is the line "name+hex key id+base64(0x01, public key)".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/crypto/ed25519.h"

namespace kopial {

inline constexpr std::size_t kNoteBytesMax = 64 << 10;

struct NoteSignature {
  std::string name;
  Bytes key_id;     // 4 bytes
  Bytes signature;  // what follows the key id
  std::string line() const;
};
struct Note {
  std::string text;  // with its last newline
  std::vector<NoteSignature> signatures;
};
// invalid when it is no note.
Result<Note> parse_note(BytesView note);
std::string format_note(const Note& note);

enum class NoteAlgorithm : std::uint8_t { ed25519 = 1, cosignature = 4 };
// A name and a public key, as others must know them. A value.
struct NoteVerifier {
  std::string name;
  NoteAlgorithm algorithm = NoteAlgorithm::ed25519;
  Bytes public_key;

  Bytes key_id() const;
  std::string vkey() const;  // the line to give to others
  static Result<NoteVerifier> parse(std::string_view vkey);
  // The signature of this key, when the note has one that is right. For a cosignature: with the time in front.
  const NoteSignature* find(const Note& note) const;
};
bool is_note_name(std::string_view name);  // not empty, no white space, no '+'

NoteSignature sign_note(const Ed25519Key& key, const std::string& name, const std::string& text);

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Digest root;
  std::vector<std::string> extensions;
  bool operator==(const Checkpoint&) const = default;
};
std::string format_checkpoint(const Checkpoint& checkpoint);  // the text that is signed
Result<Checkpoint> parse_checkpoint(const std::string& text);
// The checkpoint of a note that this verifier has signed and whose origin is its name.
Result<Checkpoint> open_checkpoint(BytesView note, const NoteVerifier& verifier);

// tlog-cosignature: what a witness signs, and when it did. nullopt when the witness has not signed this note.
NoteSignature cosign(const Ed25519Key& key, const std::string& name, const std::string& text, Time at);
std::optional<Time> cosigned_at(const Note& note, const NoteVerifier& witness);

}  // namespace kopial
