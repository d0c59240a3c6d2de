// A small witness: it remembers what it signed last for a log, and signs only what a proof shows to follow from it.
#pragma once

#include <map>
#include <string>

#include "storage/evidence/witness.h"

namespace kopial {

class WitnessDouble {
 public:
  WitnessDouble(std::string name, char fill) : name_(std::move(name)), key_(*Ed25519Key::from_seed(Secret(std::string(32, fill)))) {}
  NoteVerifier verifier() const { return {name_, NoteAlgorithm::cosignature, key_.public_key()}; }
  void know(NoteVerifier log) { logs_[log.name] = std::move(log); }

  struct Answer {
    int status = 0;
    std::string body;
  };
  // POST add-checkpoint, as C2SP tlog-witness tells it.
  Answer add_checkpoint(const std::string& body, Time now) {
    const auto request = parse_witness_request(body);
    if (!request) return {400, request.error().message};
    const auto note = parse_note(request->checkpoint);
    if (!note) return {400, note.error().message};
    const auto origin = note->text.substr(0, note->text.find('\n'));
    const auto log = logs_.find(origin);
    if (log == logs_.end()) return {404, "unknown log"};
    const auto checkpoint = open_checkpoint(request->checkpoint, log->second);
    if (!checkpoint) return {403, checkpoint.error().message};
    if (request->old_size > checkpoint->size) return {400, "the old size is larger than the new one"};
    const auto known = signed_.find(origin);
    const auto known_size = known == signed_.end() ? 0 : known->second.size;
    if (request->old_size != known_size) return {409, std::to_string(known_size) + "\n"};
    const auto known_root = known == signed_.end() ? empty_root() : known->second.root;
    if (!verify_consistency(known_size, checkpoint->size, request->proof, known_root, checkpoint->root)) return {422, "not consistent"};
    signed_[origin] = *checkpoint;
    return {200, cosign(key_, name_, note->text, now).line()};
  }

 private:
  const std::string name_;
  const Ed25519Key key_;
  std::map<std::string, NoteVerifier> logs_;
  std::map<std::string, Checkpoint> signed_;
};

}  // namespace kopial
