#include "storage/evidence/note.h"

#include <gtest/gtest.h>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

// The example of the specification of signed notes (C2SP signed-note, first printed with Go's checksum database).
constexpr std::string_view kVkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view kNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

Ed25519Key key(char fill = 's') { return *Ed25519Key::from_seed(Secret(std::string(32, fill))); }
const std::string kOrigin = "kopial/acme/0011223344556677";

std::string signed_checkpoint(const Checkpoint& checkpoint) {
  const auto text = format_checkpoint(checkpoint);
  return format_note({text, {sign_note(key(), kOrigin, text)}});
}
NoteVerifier verifier() { return {kOrigin, NoteAlgorithm::ed25519, key().public_key()}; }
Checkpoint some() { return {kOrigin, 17, Digest::from_hex(std::string(64, 'a')).value(), {}}; }

TEST(NoteTest, ReadsTheExampleOfTheSpecification) {
  const auto verifier = NoteVerifier::parse(kVkey);
  ASSERT_TRUE(verifier) << verifier.error().message;
  EXPECT_EQ(verifier->vkey(), kVkey);
  const auto note = parse_note(kNote);
  ASSERT_TRUE(note) << note.error().message;
  EXPECT_NE(verifier->find(*note), nullptr);
  EXPECT_EQ(format_note(*note), kNote);
  auto changed = *note;
  changed.text[3] = 'X';
  EXPECT_EQ(verifier->find(changed), nullptr);
}

TEST(NoteTest, RefusesWhatIsNoNote) {
  const std::string good(kNote);
  for (const auto& bad : {std::string(), std::string("text\n"), good.substr(0, good.size() - 1), good + "\n", good + "more\n",
                          "a\x01" + good, std::string("text\n\n"), std::string("text\n\n\xe2\x80\x94 name\n"),
                          std::string("text\n\n\xe2\x80\x94 name AAA=\n"), std::string("text\n\n- name AAAAAAAA\n")}) {
    EXPECT_FALSE(parse_note(bad)) << bad;
  }
}

TEST(NoteTest, RefusesAKeyWithATypingError) {
  std::string wrong(kVkey);
  wrong[wrong.size() - 2] ^= 1;
  EXPECT_FALSE(NoteVerifier::parse(wrong));
  EXPECT_FALSE(NoteVerifier::parse("name"));
  EXPECT_FALSE(NoteVerifier::parse(""));
}

TEST(NoteTest, CheckpointsComeBack) {
  const auto note = signed_checkpoint(some());
  EXPECT_TRUE(note.starts_with(kOrigin + "\n17\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n\n\xe2\x80\x94 " + kOrigin + " ")) << note;
  const auto opened = open_checkpoint(note, verifier());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(*opened, some());
}

TEST(NoteTest, AChangedCheckpointDoesNotOpen) {
  const auto note = signed_checkpoint(some());
  for (std::size_t i = 0; i < note.size(); ++i) {
    auto changed = note;
    changed[i] = static_cast<char>(changed[i] ^ 2);
    EXPECT_FALSE(open_checkpoint(changed, verifier())) << i;
  }
  EXPECT_FALSE(open_checkpoint(note, {kOrigin, NoteAlgorithm::ed25519, key('t').public_key()})) << "another's key";
  auto foreign = some();
  foreign.origin = "kopial/other/1";
  EXPECT_FALSE(open_checkpoint(signed_checkpoint(foreign), verifier())) << "another log, signed with this one's key";
}

TEST(NoteTest, CosignaturesSayWhen) {
  const auto at = from_milliseconds(1'790'000'000'000);
  const auto text = format_checkpoint(some());
  Note note{text, {sign_note(key(), kOrigin, text), cosign(key('w'), "witness.example/one", text, at)}};
  const NoteVerifier witness{"witness.example/one", NoteAlgorithm::cosignature, key('w').public_key()};
  EXPECT_EQ(cosigned_at(parse_note(format_note(note)).value(), witness), at);
  EXPECT_EQ(NoteVerifier::parse(witness.vkey()).value().key_id(), witness.key_id());
  note.signatures[1].signature[7] ^= 1;
  EXPECT_EQ(cosigned_at(note, witness), std::nullopt) << "another time than was signed";
  EXPECT_NE(verifier().find(note), nullptr);
}

}  // namespace
}  // namespace kopial
