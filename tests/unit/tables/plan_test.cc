#include "migrations/tables/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/tables/catalogues.h"

namespace authstate::tables {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Two catalogues with the same table; a test makes one of them differ.
class PlanTest : public testing::Test {
 protected:
  Table& here() { return from_.tables.at("clients"); }
  Table& there() { return to_.tables.at("clients"); }

  Plan Make() const {
    const auto plan = PlanFrom(from_, to_, request_);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.value_or(Plan());
  }
  // `blocks clients.type.id`; `makes` where --create mends it.
  std::vector<std::string> Found() const {
    std::vector<std::string> found;
    for (const Finding& finding : Make().findings) {
      const char* const severity = finding.severity == Severity::kWarns ? "warns"
                                   : finding.created                    ? "makes"
                                                                        : "blocks";
      found.push_back(absl::StrCat(severity, " ", finding.id));
    }
    return found;
  }
  Finding Only() const {
    const Plan plan = Make();
    EXPECT_EQ(plan.findings.size(), 1);
    return plan.findings.empty() ? Finding() : plan.findings.front();
  }

  Catalogue from_ = CatalogueOf();
  Catalogue to_ = CatalogueOf();
  PlanRequest request_;
};

TEST_F(PlanTest, NothingStandsBetweenTablesThatAreAlike) { EXPECT_THAT(Found(), IsEmpty()); }

TEST_F(PlanTest, WhatCreateMakesAndWhatIsAcceptedDoesNotBlock) {
  to_.tables.clear();
  const Plan missing = Make();
  EXPECT_EQ(missing.Blocking({}).size(), 1);
  PlanRequest request;
  request.create = true;
  EXPECT_THAT(missing.Blocking(request), IsEmpty());
  request.create = false;
  request.accepted = {"clients.table-missing"};
  EXPECT_THAT(missing.Blocking(request), IsEmpty());
}

TEST_F(PlanTest, ATableThatTheSourceDoesNotHaveIsBadInput) {
  request_.tables = {"clients", "no_such_table"};
  EXPECT_EQ(PlanFrom(from_, to_, request_).status().code(), absl::StatusCode::kInvalidArgument);
  request_.tables.clear();
  request_.needs = {"clients"};
  EXPECT_EQ(PlanFrom(from_, to_, request_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PlanTest, DatabasesThatDifferAreNamed) {
  to_.collation = "ru_RU.UTF-8 (libc)";
  from_.timeouts = {"statement_timeout = 8000 ms", "transaction_timeout = 9000 ms"};
  from_.others = {"view active_clients"};
  EXPECT_THAT(Found(), UnorderedElementsAre("warns database.collation", "warns database.time-outs.source",
                                            "warns database.not-moved"));
  from_.timeouts.clear();
  from_.others.clear();
  to_.collation = from_.collation;
  to_.encoding = "LATIN1";
  EXPECT_THAT(Found(), ElementsAre("blocks database.encoding"));
  to_.encoding = "UTF8";
  from_.encoding = "LATIN1";
  EXPECT_THAT(Found(), ElementsAre("warns database.encoding"));
  from_.encoding = "SQL_ASCII";
  EXPECT_THAT(Found(), ElementsAre("blocks database.encoding"));
}

TEST_F(PlanTest, WhereNothingMayBeMadeCreateIsRefused) {
  to_.may_create = false;
  EXPECT_THAT(Found(), IsEmpty());
  request_.create = true;
  EXPECT_THAT(Found(), ElementsAre("blocks database.right-create.target"));
}

TEST_F(PlanTest, AMissingSchemaExtensionOrTypeIsMadeWhereItCanBe) {
  to_ = Catalogue();
  to_.schema = "public";
  to_.encoding = from_.encoding;
  to_.collation = from_.collation;
  to_.available_extensions = {"citext"};
  from_.needed_extensions = {{"citext", "public"}, {"postgis", "public"}};
  from_.types = {{"mood", "CREATE TYPE public.mood AS ENUM ('sad', 'ok')"}};
  EXPECT_THAT(Found(), UnorderedElementsAre("makes database.schema.target", "makes database.extension.citext",
                                            "blocks database.extension.postgis", "makes database.type-missing.mood",
                                            "makes clients.table-missing"));
}

TEST_F(PlanTest, ATypeThatDiffersBlocksUnlessItIsOnlyPrintedOtherwise) {
  from_.types = {{"mood", "CREATE TYPE public.mood AS ENUM ('sad', 'ok')"}};
  to_.types = {{"mood", "CREATE TYPE public.mood AS ENUM ('ok')"}};
  EXPECT_THAT(Found(), ElementsAre("blocks database.type-differs.mood"));
  from_.types = {{"state",
                  "CREATE DOMAIN public.state AS character varying CONSTRAINT known CHECK (((VALUE)::text = ANY "
                  "((ARRAY['a'::character varying, 'b'::character varying])::text[])))"}};
  to_.types = {{"state",
                "CREATE DOMAIN public.state AS character varying CONSTRAINT known CHECK (((VALUE)::text = ANY "
                "(ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))"}};
  EXPECT_THAT(Found(), ElementsAre("warns database.type-differs.state"));
}

TEST_F(PlanTest, AFunctionThatTheTableIsMadeWithHasToBeThere) {
  from_.needed_functions = {
      {"clients", "public.code(integer)"}, {"staff", "public.other()"}, {"", "public.valid(text)"}};
  to_.functions = {"public.valid(text)"};
  EXPECT_THAT(Found(), ElementsAre("warns clients.function-missing.public.code(integer)"));
  request_.create = true;
  EXPECT_THAT(Found(), ElementsAre("blocks clients.function-missing.public.code(integer)"));
}

TEST_F(PlanTest, WhatRefersToATableFromOutsideBlocksWhereItWouldChange) {
  Table child = TableOf("child");
  child.constraints.push_back(
      ConstraintOf('f', "of_client", "FOREIGN KEY (id) REFERENCES public.clients(id) ON DELETE CASCADE", "clients"));
  Add(from_, child);
  Add(to_, child);
  EXPECT_THAT(Found(), IsEmpty());
  request_.tables = {"clients"};
  EXPECT_THAT(Found(), ElementsAre("blocks clients.referenced-from-outside.child"));
  to_.tables.at("child").constraints.back().definition = "FOREIGN KEY (id) REFERENCES public.clients(id)";
  EXPECT_THAT(Found(), ElementsAre("warns clients.referenced-from-outside.child"));
  to_.tables.erase("child");
  there().referrers = {"audit.visits: FOREIGN KEY (client_id) REFERENCES public.clients(id) ON DELETE SET NULL"};
  EXPECT_THAT(Found(), ElementsAre("blocks clients.referenced-from-outside.audit.visits"));
  EXPECT_THAT(SchemaDifferences(Make()), IsEmpty());
}

TEST_F(PlanTest, RightsAndHiddenRowsAreOfOneSide) {
  here().missing_rights = {"SELECT", "INSERT"};
  there().missing_rights = {"DELETE"};
  there().hides_rows = true;
  here().has_policies = true;
  EXPECT_THAT(Found(), UnorderedElementsAre("blocks clients.right-select.source", "warns clients.right-insert.source",
                                            "blocks clients.right-delete.target", "blocks clients.row-security.target",
                                            "warns clients.policies-not-moved"));
  EXPECT_THAT(SchemaDifferences(Make()), IsEmpty());
}

TEST_F(PlanTest, ATableOfTheTargetAloneIsLeftAlone) {
  Add(to_, TableOf("reports"));
  Add(to_, TableOf("auth_keys"));
  EXPECT_THAT(Found(), ElementsAre("warns reports.table-extra"));
}

TEST_F(PlanTest, AConflictTargetNeedsAUnique) {
  request_.needs = {"clients:status,name"};
  EXPECT_THAT(Found(), ElementsAre("blocks clients.need.status,name"));
  AddUnique(here(), 'u', {"name", "status"});
  AddUnique(there(), 'u', {"name", "status"});
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(PlanTest, ColumnsThatDifferAreNamed) {
  here().columns = {ColumnOf("id", "integer", true), ColumnOf("name", "text"), ColumnOf("status", "text"),
                    ColumnOf("price", "numeric(12,2)"), ColumnOf("tags", "text[]")};
  there().columns = {ColumnOf("id", "bigint", true),     ColumnOf("name", "text", true),
                     ColumnOf("status", "text"),         ColumnOf("labels", "text[]"),
                     ColumnOf("price", "numeric(12,2)"), ColumnOf("must", "text", true)};
  there().columns[2].collation = "pg_catalog.\"C\"";
  EXPECT_THAT(Found(), UnorderedElementsAre("blocks clients.type.id", "blocks clients.nullability.name",
                                            "warns clients.collation.status", "makes clients.column-missing.tags",
                                            "warns clients.column-extra.labels", "blocks clients.column-extra.must"));
}

TEST_F(PlanTest, ADefaultThatTheTargetLacksIsMadeAndAnotherOneIsToBeKnown) {
  here().columns[1].default_value = "'new'::text";
  EXPECT_THAT(Found(), ElementsAre("makes clients.default.name"));
  there().columns[1].default_value = "'old'::text";
  EXPECT_THAT(Found(), ElementsAre("warns clients.default.name"));
}

TEST_F(PlanTest, IdentityAndGeneratedColumnsAreCompared) {
  here().columns[0].identity = "a";
  EXPECT_THAT(Found(), ElementsAre("blocks clients.identity.id"));
  there().columns[0].default_value = "nextval('public.clients_id_seq'::regclass)";
  EXPECT_THAT(Found(), ElementsAre("warns clients.identity.id"));
  there().columns[0] = here().columns[0];
  here().columns[1].generated = "((id * 2)) STORED";
  EXPECT_THAT(Found(), ElementsAre("blocks clients.generated.name"));
  there().columns[1].generated = "((id * 3)) STORED";
  EXPECT_THAT(Found(), ElementsAre("blocks clients.generated.name"));
  there().columns[1].generated = "((id * 2)) VIRTUAL";
  EXPECT_THAT(Found(), ElementsAre("warns clients.generated.name"));
}

TEST_F(PlanTest, RowsNeedAKeyThatIsUniqueOnBothSides) {
  there() = Table();
  there().name = "clients";
  there().columns = here().columns;
  EXPECT_THAT(Found(), ElementsAre("makes clients.primary-key-missing"));
  AddUnique(there(), 'p', {"id", "name"});
  EXPECT_THAT(Found(), ElementsAre("warns clients.primary-key", "warns clients.way-back.key"));
  there().constraints.clear();
  there().indexes.clear();
  AddUnique(there(), 'p', {"name"});
  // Whether names are unique in the source is for its rows to tell.
  EXPECT_THAT(Found(), ElementsAre("warns clients.primary-key", "warns clients.way-back.key"));
  there().constraints[0].deferrable = true;
  EXPECT_THAT(Found(), Contains("blocks clients.key"));
  here().constraints.clear();
  here().indexes.clear();
  to_.tables.clear();
  EXPECT_THAT(Found(), ElementsAre("makes clients.table-missing", "blocks clients.primary-key-missing"));
}

TEST_F(PlanTest, AKeyColumnThatTheSourceDoesNotHaveIsNoKey) {
  there().columns.push_back(ColumnOf("tenant", "integer", true));
  there().columns.back().default_value = "1";
  there().constraints.clear();
  there().indexes.clear();
  AddUnique(there(), 'p', {"id", "tenant"});
  EXPECT_THAT(Found(), UnorderedElementsAre("warns clients.column-extra.tenant", "warns clients.primary-key",
                                            "blocks clients.key"));
}

TEST_F(PlanTest, AMissingUniqueIsMadeAsTheSourceHasIt) {
  AddUnique(here(), 'u', {"name", "status"});
  here().constraints.back().definition = "UNIQUE NULLS NOT DISTINCT (name, status)";
  EXPECT_EQ(Only().id, "clients.unique-missing.name,status");
  EXPECT_EQ(Only().remedy, "ALTER TABLE \"clients\" ADD UNIQUE NULLS NOT DISTINCT (name, status)");
  // ADD UNIQUE knows neither expressions nor conditions.
  here() = TableOf("clients");
  Index index;
  index.name = "one_open";
  index.definition =
      "CREATE UNIQUE INDEX one_open ON public.clients USING btree (lower(name)) WHERE (status = 'a'::text)";
  index.unique = true;
  here().indexes.push_back(index);
  EXPECT_EQ(Only().id, "clients.unique-missing.one_open");
  EXPECT_EQ(Only().remedy, index.definition);
  EXPECT_TRUE(Only().created);
  // Another name makes no other index.
  index.name = "other_name";
  index.definition =
      "CREATE UNIQUE INDEX other_name ON public.clients USING btree (lower(name)) WHERE (status = 'a'::text)";
  there().indexes.push_back(index);
  EXPECT_THAT(Found(), IsEmpty());
  // A name that another has cannot be made.
  there().indexes.back().name = "one_open";
  there().indexes.back().definition = "CREATE UNIQUE INDEX one_open ON public.clients USING btree (lower(name))";
  EXPECT_THAT(Found(), ElementsAre("blocks clients.unique-missing.one_open", "warns clients.unique-extra.one_open"));
}

TEST_F(PlanTest, WhetherNullIsEqualToNullIsPartOfAUnique) {
  AddUnique(here(), 'u', {"name"});
  AddUnique(there(), 'u', {"name"});
  here().indexes.back().nulls_not_distinct = true;
  EXPECT_THAT(Found(), ElementsAre("blocks clients.unique-nulls.name"));
  std::swap(here(), there());
  EXPECT_THAT(Found(), ElementsAre("warns clients.unique-nulls.name", "warns clients.way-back.unique-nulls.name"));
}

TEST_F(PlanTest, AUniqueOfTheTargetAloneMayRefuseRows) {
  AddUnique(there(), 'u', {"name"});
  EXPECT_THAT(Found(), ElementsAre("warns clients.unique-extra.name"));
  // One that is checked late is none for ON CONFLICT.
  std::swap(here(), there());
  AddUnique(there(), 'u', {"name"});
  there().indexes.back().plain = false;
  EXPECT_THAT(Found(), Contains("blocks clients.unique-missing.name"));
}

TEST_F(PlanTest, ChecksAndForeignKeysThatAreMissingAreMade) {
  here().constraints.push_back(ConstraintOf('c', "positive", "CHECK ((id > 0))"));
  here().constraints.push_back(ConstraintOf('f', "of_company", "FOREIGN KEY (id) REFERENCES public.companies(id)"));
  EXPECT_THAT(Found(),
              ElementsAre("makes clients.check-missing.positive", "makes clients.foreign-key-missing.of_company"));
  std::swap(here(), there());
  EXPECT_THAT(Found(), ElementsAre("warns clients.check-extra.positive", "warns clients.foreign-key-extra.of_company"));
}

TEST_F(PlanTest, AConstraintOfTheSameNameIsTheSameOrIsNamed) {
  // What a varchar is checked by, as it was written, and as it is printed once it was read from that.
  here().constraints.push_back(ConstraintOf('c', "known",
                                            "CHECK (((status)::text = ANY ((ARRAY['a'::character varying, "
                                            "'b'::character varying])::text[])))"));
  there().constraints.push_back(ConstraintOf('c', "known",
                                             "CHECK (((status)::text = ANY (ARRAY[('a'::character varying)::text, "
                                             "('b'::character varying)::text])))"));
  EXPECT_THAT(Found(), ElementsAre("warns clients.check-differs.known"));
  there().constraints.back().definition = "CHECK (((status)::text = 'a'::text))";
  EXPECT_THAT(Found(), ElementsAre("blocks clients.check-differs.known"));
  here().constraints.back() = ConstraintOf('f', "of_company", "FOREIGN KEY (id) REFERENCES public.companies(id)");
  there().constraints.back() =
      ConstraintOf('f', "of_company", "FOREIGN KEY (id) REFERENCES public.companies(id) ON DELETE CASCADE");
  EXPECT_THAT(Found(), ElementsAre("blocks clients.foreign-key-differs.of_company"));
}

TEST_F(PlanTest, PartitionsAreComparedByTheirBounds) {
  here().partition_key = there().partition_key = "RANGE (id)";
  here().partitions = {{"clients_1", "clients", "FOR VALUES FROM (1) TO (10)", ""},
                       {"clients_2", "clients", "FOR VALUES FROM (10) TO (20)", ""}};
  there().partitions = {{"other_name", "clients", "FOR VALUES FROM (1) TO (10)", ""}};
  EXPECT_THAT(Found(), ElementsAre("makes clients.partition-missing.clients_2"));
  there().partition_key = "";
  EXPECT_THAT(Found(), ElementsAre("warns clients.partitioning"));
}

TEST_F(PlanTest, InheritanceAndTriggersStandInTheWay) {
  there().inherits = true;
  there().triggers = {"stamp: CREATE TRIGGER stamp …"};
  here().triggers = {"log: CREATE TRIGGER log …"};
  EXPECT_THAT(Found(), UnorderedElementsAre("blocks clients.inheritance", "blocks clients.trigger.stamp",
                                            "warns clients.trigger-not-moved.log"));
}

TEST_F(PlanTest, SequencesAreComparedWithThatOfTheSameColumn) {
  Add(from_, SequenceOf("clients_id_seq", "clients", "id"));
  EXPECT_THAT(Found(), ElementsAre("makes clients.sequence-missing.clients_id_seq"));
  Sequence other = SequenceOf("clients_id_seq1", "clients", "id");
  Add(to_, other);
  EXPECT_THAT(Found(), IsEmpty());
  other.definition = "START WITH 1 INCREMENT BY 10 MINVALUE 1 MAXVALUE 2147483647 CACHE 1";
  other.increment = 10;
  other.writable = false;
  Add(to_, other);
  EXPECT_THAT(Found(), ElementsAre("warns clients.sequence-differs.clients_id_seq1",
                                   "blocks clients.sequence-right.clients_id_seq1"));
  EXPECT_THAT(Make().findings.front().what, AllOf(HasSubstr("INCREMENT BY 1 "), HasSubstr("INCREMENT BY 10 ")));
  other.increment = -1;
  other.writable = true;
  Add(to_, other);
  from_.sequences.at("clients_id_seq").readable = false;
  EXPECT_THAT(Found(), ElementsAre("blocks clients.sequence-right.clients_id_seq",
                                   "blocks clients.sequence-differs.clients_id_seq1"));
}

TEST_F(PlanTest, TheSequenceOfAnIdentityColumnComesWithTheColumn) {
  here().columns[0].identity = "a";
  Sequence sequence = SequenceOf("clients_id_seq", "clients", "id");
  sequence.of_identity = true;
  Add(from_, sequence);
  to_.tables.clear();
  EXPECT_THAT(Found(), ElementsAre("makes clients.table-missing"));
}

TEST_F(PlanTest, ACircleOfForeignKeysThatNothingOpensIsNamed) {
  Add(from_, TableOf("companies"));
  Add(to_, TableOf("companies"));
  for (Catalogue* const side : {&from_, &to_}) {
    side->tables.at("clients").constraints.push_back(
        ConstraintOf('f', "to_company", "FOREIGN KEY (id) REFERENCES public.companies(id)", "companies"));
    side->tables.at("companies")
        .constraints.push_back(
            ConstraintOf('f', "to_client", "FOREIGN KEY (id) REFERENCES public.clients(id)", "clients"));
  }
  EXPECT_THAT(Found(), ElementsAre("blocks database.circle"));
  to_.tables.at("clients").constraints.back().deferrable = true;
  EXPECT_THAT(Found(), IsEmpty());
}

}  // namespace
}  // namespace authstate::tables
