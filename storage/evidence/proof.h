// The proof of one leaf as a few bytes that stand alone: what the leaf says, its salt, and the way to the root of a checkpoint.
//
//   "kopial proof 1\n", varint leaf, varint size of the tree, 16 salt, blob canonical bytes (entry.h),
//   varint count, then the hashes of the inclusion proof (RFC 9162), 32 bytes each
// With the checkpoint of that size it proves that the log said this; about 1 KiB in a log of ten million leaves.
#pragma once

#include "storage/evidence/evidence.h"

namespace kopial {

struct LeafClaim {
  std::uint64_t leaf = 0, size = 0;
  Bytes salt, canonical;
  std::vector<Digest> path;
};
Bytes encode_proof(const LeafClaim& claim);
std::optional<LeafClaim> decode_proof(BytesView proof);

// What the leaf says, when the checkpoint is the verifier's and the proof leads to its root. Fails with corrupt and says which of
// the two does not fit.
Result<Entry> check_proof(const LeafClaim& claim, BytesView checkpoint, const NoteVerifier& verifier);

}  // namespace kopial
