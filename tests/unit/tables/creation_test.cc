#include "migrations/tables/creation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/tables/catalogues.h"

namespace authstate::tables {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CreationTest : public testing::Test {
 protected:
  Table& here() { return from_.tables.at("clients"); }
  Table& there() { return to_.tables.at("clients"); }
  Creation Make() const { return PlanCreation(from_, to_, {"clients"}); }

  Catalogue from_ = CatalogueOf();
  Catalogue to_ = CatalogueOf();
};

TEST_F(CreationTest, WhatIsThereIsNotMade) {
  here().constraints.push_back(ConstraintOf('c', "positive", "CHECK ((id > 0))"));
  there().constraints.push_back(ConstraintOf('c', "other_name", "CHECK ((id > 0))"));
  AddUnique(here(), 'u', {"name", "status"});
  AddUnique(there(), 'u', {"status", "name"});
  EXPECT_THAT(Make().before_rows, IsEmpty());
  EXPECT_THAT(Make().after_rows, IsEmpty());
}

TEST_F(CreationTest, AnIdentityColumnKeepsTheOptionsOfItsSequence) {
  here().columns[0].identity = "a";
  Sequence sequence = SequenceOf("clients_id_seq", "clients", "id");
  sequence.of_identity = true;
  sequence.definition = "START WITH 1000 INCREMENT BY 10 MINVALUE 1 MAXVALUE 2147483647 CACHE 1 CYCLE";
  Add(from_, sequence);
  to_.tables.clear();
  EXPECT_THAT(Make().before_rows.front(),
              HasSubstr("\"id\" integer GENERATED ALWAYS AS IDENTITY (START WITH 1000 INCREMENT BY 10 MINVALUE 1 "
                        "MAXVALUE 2147483647 CACHE 1 CYCLE) NOT NULL"));
}

TEST_F(CreationTest, ASequenceThatTheColumnHasUnderAnotherNameIsNotMadeAgain) {
  Add(from_, SequenceOf("clients_id_seq", "clients", "id"));
  Add(to_, SequenceOf("clients_id_seq1", "clients", "id"));
  EXPECT_THAT(Make().before_rows, IsEmpty());
  to_.sequences.clear();
  EXPECT_THAT(
      Make().before_rows,
      ElementsAre("CREATE SEQUENCE \"public\".\"clients_id_seq\" AS integer START WITH 1 INCREMENT BY 1 MINVALUE 1 "
                  "MAXVALUE 2147483647 CACHE 1",
                  "ALTER SEQUENCE \"public\".\"clients_id_seq\" OWNED BY \"public\".\"clients\".\"id\""));
}

TEST_F(CreationTest, AVirtualColumnIsStoredWhereThereAreNoVirtualOnes) {
  here().columns.push_back(ColumnOf("twice"));
  here().columns.back().generated = "((id * 2)) VIRTUAL";
  EXPECT_THAT(
      Make().before_rows,
      ElementsAre("ALTER TABLE \"public\".\"clients\" ADD COLUMN \"twice\" integer GENERATED ALWAYS AS ((id * 2)) "
                  "STORED"));
  to_.version = 180000;
  EXPECT_THAT(Make().before_rows, Contains(HasSubstr("((id * 2)) VIRTUAL")));
}

TEST_F(CreationTest, WhatHasTheNameOfAnotherIsNotMade) {
  here().constraints.push_back(ConstraintOf('c', "known", "CHECK ((status = 'a'::text))"));
  there().constraints.push_back(ConstraintOf('c', "known", "CHECK ((status = 'b'::text))"));
  Index index;
  index.name = "clients_open";
  index.definition = "CREATE INDEX clients_open ON public.clients USING btree (id) WHERE (status = 'a'::text)";
  here().indexes.push_back(index);
  index.definition = "CREATE INDEX clients_open ON public.clients USING btree (id) WHERE (status = 'b'::text)";
  there().indexes.push_back(index);
  EXPECT_THAT(Make().after_rows, IsEmpty());
}

TEST_F(CreationTest, RowsComeBeforeWhatTheyAreCheckedBy) {
  here().constraints.push_back(ConstraintOf('f', "of_company", "FOREIGN KEY (id) REFERENCES public.companies(id)"));
  here().constraints.push_back(ConstraintOf('c', "positive", "CHECK ((id > 0))"));
  to_.tables.clear();
  from_.types = {{"mood", "CREATE TYPE public.mood AS ENUM ('ok')"}};
  const Creation creation = Make();
  EXPECT_THAT(creation.before_rows,
              ElementsAre("CREATE TYPE public.mood AS ENUM ('ok')", HasSubstr("CREATE TABLE \"public\".\"clients\""),
                          HasSubstr("PRIMARY KEY (id)")));
  EXPECT_THAT(creation.after_rows,
              ElementsAre(HasSubstr("CHECK ((id > 0))"), AllOf(HasSubstr("FOREIGN KEY"), HasSubstr("\"of_company\""))));
}

}  // namespace
}  // namespace authstate::tables
