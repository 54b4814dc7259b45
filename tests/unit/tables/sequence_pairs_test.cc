#include "migrations/tables/sequence_pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/tables/catalogues.h"

namespace authstate::tables {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// `here+here=there`, `-` for none.
std::vector<std::string> Pairs(const Catalogue& from, const Catalogue& to, bool free_ones = true) {
  std::vector<std::string> texts;
  for (const SequencePair& pair : PairSequences(from, to, {"clients"}, free_ones)) {
    std::vector<std::string> here;
    for (const Sequence* const sequence : pair.here) here.push_back(sequence->name);
    texts.push_back(absl::StrCat(here.empty() ? "-" : absl::StrJoin(here, "+"), "=",
                                 pair.there == nullptr ? "-" : pair.there->name));
  }
  return texts;
}

class SequencePairsTest : public testing::Test {
 protected:
  Catalogue from_ = CatalogueOf();
  Catalogue to_ = CatalogueOf();
};

TEST_F(SequencePairsTest, OfOneColumnAreAPairWhateverTheirNames) {
  Add(from_, SequenceOf("clients_id_seq", "clients", "id"));
  Add(to_, SequenceOf("clients_id_seq1", "clients", "id"));
  EXPECT_THAT(Pairs(from_, to_), ElementsAre("clients_id_seq=clients_id_seq1"));
}

TEST_F(SequencePairsTest, ALeftoverOfTheSameNameIsAPairToo) {
  Add(from_, SequenceOf("clients_id_seq", "clients", "id"));
  Add(to_, SequenceOf("clients_id_seq"));
  Add(to_, SequenceOf("clients_id_seq1", "clients", "id"));
  EXPECT_THAT(Pairs(from_, to_), ElementsAre("clients_id_seq=clients_id_seq", "clients_id_seq=clients_id_seq1"));
}

TEST_F(SequencePairsTest, TheTargetOfTwoOfTheSourceIsOnePair) {
  Add(from_, SequenceOf("clients_id_seq", "clients", "id"));
  Add(from_, SequenceOf("other", "clients", "id"));
  Add(to_, SequenceOf("clients_id_seq", "clients", "id"));
  EXPECT_THAT(Pairs(from_, to_), ElementsAre("clients_id_seq+other=clients_id_seq"));
}

TEST_F(SequencePairsTest, OneThatOnlyTheTargetTakesFromIsThere) {
  Add(to_, SequenceOf("clients_id_seq", "clients", "id"));
  Add(to_, SequenceOf("of_no_table"));
  Add(to_, SequenceOf("others", "staff", "id"));
  EXPECT_THAT(Pairs(from_, to_), ElementsAre("-=clients_id_seq"));
}

TEST_F(SequencePairsTest, OneThatTheTargetLacksHasNoOther) {
  Add(from_, SequenceOf("clients_id_seq", "clients", "id"));
  Add(from_, SequenceOf("numbers"));
  Add(from_, SequenceOf("others", "staff", "id"));
  EXPECT_THAT(Pairs(from_, to_), ElementsAre("clients_id_seq=-", "numbers=-"));
  EXPECT_THAT(Pairs(from_, to_, /*free_ones=*/false), ElementsAre("clients_id_seq=-"));
}

TEST_F(SequencePairsTest, ThoseOfOtherTablesAreLeftAlone) {
  Add(from_, SequenceOf("others", "staff", "id"));
  Add(to_, SequenceOf("others", "staff", "id"));
  EXPECT_THAT(Pairs(from_, to_), IsEmpty());
}

}  // namespace
}  // namespace authstate::tables
