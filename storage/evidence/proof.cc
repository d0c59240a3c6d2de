#include "storage/evidence/proof.h"

#include <fmt/format.h>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

constexpr std::string_view kPrefix = "kopial proof 1\n";
constexpr std::uint64_t kPathMax = 64;  // hashes in a proof of any tree that can be

}  // namespace

Bytes encode_proof(const LeafClaim& claim) {
  Encoder out;
  out.raw(kPrefix).varint(claim.leaf).varint(claim.size).raw(claim.salt).blob(claim.canonical).varint(claim.path.size());
  for (const auto& hash : claim.path) out.raw(hash.view());
  return out.take();
}

std::optional<LeafClaim> decode_proof(BytesView proof) {
  Decoder in(proof);
  if (in.raw(kPrefix.size()) != kPrefix) return std::nullopt;
  LeafClaim claim;
  claim.leaf = in.varint();
  claim.size = in.varint();
  claim.salt = in.raw(kSaltBytes);
  claim.canonical = in.blob();
  const auto count = in.varint();
  if (!in.ok() || count > kPathMax) return std::nullopt;
  for (std::uint64_t i = 0; i < count; ++i) claim.path.push_back(Digest::from_bytes(in.raw(32)).value_or(Digest{}));
  if (!in.done()) return std::nullopt;
  return claim;
}

Result<Entry> check_proof(const LeafClaim& claim, BytesView note, const NoteVerifier& verifier) {
  auto checkpoint = open_checkpoint(note, verifier);
  if (!checkpoint) return checkpoint.error();
  if (checkpoint->size != claim.size) {
    return Error{ErrorCode::corrupt, fmt::format("the proof is for a tree of {} leaves, and the checkpoint of {}", claim.size, checkpoint->size)};
  }
  const auto leaf = leaf_hash(commitment(claim.salt, claim.canonical).view());
  if (!verify_inclusion(leaf, claim.leaf, claim.size, claim.path, checkpoint->root)) {
    return Error{ErrorCode::corrupt, fmt::format("leaf {} does not say this: the proof does not lead to the checkpoint's root", claim.leaf)};
  }
  auto entry = decode_entry(claim.canonical);
  if (!entry) return Error{ErrorCode::invalid, "the leaf was signed, and says something that this version does not understand"};
  return *std::move(entry);
}

}  // namespace kopial
