// Asking a witness to cosign a checkpoint (C2SP tlog-witness): a witness signs only what follows from what it signed before, so that
// nobody can be shown another history than everybody else. The text of the protocol, without the network.
#pragma once

#include <optional>

#include "storage/evidence/evidence.h"

namespace kopial {

// The body of POST <prefix>/add-checkpoint: "old N", the consistency proof a line each, an empty line, the checkpoint.
std::string witness_request(std::uint64_t old_size, const std::vector<Digest>& proof, const std::string& checkpoint);

struct WitnessRequest {
  std::uint64_t old_size = 0;
  std::vector<Digest> proof;
  std::string checkpoint;
};
Result<WitnessRequest> parse_witness_request(const std::string& body);

// The size a witness knows, from the body of its 409.
std::optional<std::uint64_t> parse_witness_size(const std::string& body);

// The note with the cosignatures of the answer that are right and from this witness. Fails with corrupt when there is none.
Result<std::string> add_cosignature(const std::string& checkpoint, const std::string& answer, const NoteVerifier& witness);

}  // namespace kopial
