#include "storage/evidence/witness.h"

#include <gmock/gmock.h>

#include "tests/doubles/witness/witness.h"
#include "tests/storage/store_fixture.h"

namespace kopial {
namespace {

class WitnessTest : public StoreTest {
 protected:
  WitnessTest() { options_.anchoring.checkpoint_every = std::chrono::milliseconds(0); }
  void SetUp() override {
    StoreTest::SetUp();
    witness_.know(store_->evidence().status().verifier);
  }
  WitnessDouble::Answer ask(std::uint64_t old_size) {
    note_ = store_->evidence().checkpoint().value();
    const auto size = store_->evidence().status().size;
    std::vector<Digest> proof;
    if (old_size > 0 && old_size <= size) proof = store_->evidence().consistency(old_size, size).value();
    return witness_.add_checkpoint(witness_request(old_size, proof, note_), clock_.now());
  }
  WitnessDouble witness_{"witness.example/one", 'w'};
  std::string note_;
};

TEST_F(WitnessTest, CosignsOneHistory) {
  keep(intake(mail("first")));
  auto answer = ask(0);
  ASSERT_EQ(answer.status, 200) << answer.body;
  auto note = add_cosignature(note_, answer.body, witness_.verifier());
  ASSERT_TRUE(note) << note.error().message;
  EXPECT_EQ(cosigned_at(parse_note(*note).value(), witness_.verifier()), from_milliseconds(to_milliseconds(clock_.now()) / 1000 * 1000));
  EXPECT_TRUE(open_checkpoint(*note, store_->evidence().status().verifier)) << "the log's own signature is still there";
  const auto before = store_->evidence().status().size;
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(store_->append_audit("{}"));
  EXPECT_EQ(ask(before).status, 200);
}

TEST_F(WitnessTest, SaysWhatItKnowsAndRefusesAnotherHistory) {
  keep(intake(mail("first")));
  ASSERT_EQ(ask(0).status, 200);
  const auto known = store_->evidence().status().size;
  keep(intake(mail("second")));
  const auto answer = ask(0);
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(parse_witness_size(answer.body), known);
  // A proof that does not fit, as a log with another history would have to make one up.
  auto proof = store_->evidence().consistency(known, store_->evidence().status().size).value();
  ASSERT_FALSE(proof.empty());
  proof[0].bytes[0] ^= 1;
  EXPECT_EQ(witness_.add_checkpoint(witness_request(known, proof, note_), clock_.now()).status, 422);
}

TEST_F(WitnessTest, AnotherWitnessesAnswerIsRefused) {
  keep(intake(mail("first")));
  const auto answer = ask(0);
  const WitnessDouble other("witness.example/one", 'x');
  EXPECT_FALSE(add_cosignature(note_, answer.body, other.verifier()));
  EXPECT_FALSE(add_cosignature(note_, "nonsense", witness_.verifier()));
}

}  // namespace
}  // namespace kopial
