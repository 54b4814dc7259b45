// Every operator on every type of column of the live schema, asked of PostgREST directly and through the module: the same rows,
// the same errors. On both databases, in both forms of the schema, and through a switch.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isWhole } from "../e2e/stores.ts";
import { type Form, isPostgrestHere } from "./databases.ts";
import { Fixture, type Name, NAMES } from "./fixture.ts";

// A column of each type, with values that are there, that are not, and that are none of the type.
const COLUMNS: [type: string, table: string, column: string, values: string[]][] = [
  ["integer", "clients", "visit_count", ["7", "-1", "seven"]],
  ["smallint", "clients", "sex", ["1", "9", ""]],
  ["bigint", "bookings", "yclients_record_id", ["9007199254740993", "1", "9223372036854775808"]],
  ["serial key", "clients", "id", ["17", "0", "1.5"]],
  ["bigserial key", "staff_schedules", "id", ["17", "0", "x"]],
  ["text", "clients", "name", ["Анна", "O'Brien", 'Ирина "Ира"', "Client, 4", ""]],
  ["varchar", "clients", "raw_phone", ["+7 (999) 0000007", "%", "*0000*"]],
  ["numeric", "clients", "balance", ["10.10", "10.1", "1e2", "NaN", "ten"]],
  ["double precision", "services", "weight", ["1", "0.5", "Infinity"]],
  ["boolean", "clients", "is_vip", ["true", "f", "maybe"]],
  ["date", "clients", "birth_date", ["1970-01-08", "2025-02-30", "today!"]],
  ["time", "staff_schedules", "work_start", ["09:30", "09:30:00", "25:00"]],
  ["timestamp", "clients", "last_visit_date", ["2025-03-30 03:30:01", "2025-03-30T03:30:01", "never"]],
  [
    "timestamptz",
    "clients",
    "next_visit_at",
    ["2025-12-11 00:00:00.123456+00", "2025-12-11T03:00:00.123456+03:00", "x"],
  ],
  ["uuid", "bookings", "id", ["5f4dcc3b-5aa7-65d6-1d83-27deb882cf99", "nil"]],
  ["integer[]", "clients", "last_service_ids", ["{2,3}", "{}", "2"]],
  ["text[]", "clients", "last_services", ['{"a,b"}', "{Стрижка}", "{", '{"say \\"d\\""}']],
  ["jsonb", "clients", "preferences", ['{"n":1}', "null", "[1]", "{"]],
  ["jsonb path", "clients", "preferences->>time", ["утро", "ночь"]],
];

const OPERATORS = [
  ...["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "is", "isdistinct", "in"],
  ...["cs", "cd", "ov", "sl", "sr", "nxl", "nxr", "adj", "fts", "plfts", "phfts", "wfts"],
  ...["like(any)", "like(all)", "ilike(any)", "ilike(all)"],
];

type Shape = Pick<Awaited<ReturnType<typeof ask>>, "data" | "error" | "count" | "status">;

const KEYS: Record<string, string> = { clients: "id", bookings: "id", staff_schedules: "id", services: "id" };

async function ask(
  client: ReturnType<Fixture["direct"]> | ReturnType<Fixture["tables"]>,
  [table, column, operator, value, negated]: [string, string, string, string, boolean],
): Promise<{ data: unknown; error: Record<string, unknown> | null; count: number | null; status: number }> {
  const query = client.from(table).select(`${KEYS[table]}, ${column}`, { count: "exact" });
  const asked = operator === "in" ? (`(${value})` as string) : value;
  const filtered = negated ? query.not(column, operator, asked) : query.filter(column, operator, asked);
  const { data, error, count, status } = await filtered.order(KEYS[table]!).limit(50);
  return { data, error: error as unknown as Record<string, unknown> | null, count, status };
}

// The module's error has names beside what PostgREST says.
function plain({ data, error, count, status }: Shape): unknown {
  if (error === null) return { data, count, status };
  const { code, message, details, hint } = error;
  return { error: { code, message, details, hint }, status };
}

// `work` on each of `all`, so many at a time.
async function inTurns<T>(
  all: readonly T[],
  atATime: number,
  work: (one: T, index: number) => Promise<void>,
): Promise<void> {
  const left = [...all.entries()].reverse();
  const run = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await work(next[1], next[0]);
  };
  await Promise.all(Array.from({ length: atATime }, run));
}

const AT_A_TIME = 8;
// `./dev test` takes one value of each type, on one form of the schema.
const FORMS: Form[] = isWhole ? ["live", "second_form"] : ["live"];
const VALUES = isWhole ? Infinity : 1;

describe("operators", { skip: !isPostgrestHere }, () => {
  for (const form of FORMS) {
    describe(`on the ${form} tables`, () => {
      let fixture: Fixture;
      before(async () => {
        fixture = await Fixture.start({ supabase: form, timeweb: form });
      });
      after(() => fixture.stop());

      for (const [type, table, column, values] of COLUMNS) {
        it(`answer alike on ${type}, and through a switch`, async () => {
          let use: Name = "supabase";
          const tables = fixture.tables({ serverInfo: async () => ({ profile: use }) });
          const direct = NAMES.map((name) => fixture.direct(name));
          const cases = OPERATORS.flatMap((operator) =>
            values
              .slice(0, VALUES)
              .flatMap((value, index) =>
                [false, true].slice(0, index === 0 ? 2 : 1).map((not) => ({ operator, value, not })),
              ),
          );
          let answered = 0;
          await inTurns(cases, AT_A_TIME, async ({ operator, value, not }, index) => {
            if (index === cases.length >> 1) use = "timeweb";
            const question: Parameters<typeof ask>[1] = [table, column, operator, value, not];
            const expected = await ask(direct[index % direct.length]!, question);
            const what = `${not ? "not." : ""}${operator} ${value}`;
            assert.deepEqual(plain(await ask(tables, question)), plain(expected), what);
            if (expected.error === null) answered++;
          });
          assert.ok(answered > 0, "every question was an error");
        });
      }
    });
  }
});
