// Random reads and writes, by postgrest-js alone on one database and by the module on the other: every answer alike, and in the
// end every row.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isWhole } from "../e2e/stores.ts";
import { isPostgrestHere } from "./databases.ts";
import { Fixture } from "./fixture.ts";

const COMPANY = 962302;
const STEPS = isWhole ? 3_000 : 300;
// Printed with a failure; the same number makes the same calls.
const SEED = Number(process.env["AUTHSTATE_TEST_SEED"] ?? Date.now() % 1_000_000);

// mulberry32
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// One type for both: what they have in common is all that is called.
type Client = Pick<ReturnType<Fixture["direct"]>, "from">;
type Call = (client: Client) => PromiseLike<{ data: unknown; error: unknown; count: number | null; status: number }>;

function calls(random: () => number): () => [what: string, call: Call] {
  const below = (most: number): number => Math.floor(random() * most);
  const one = <T>(all: readonly T[]): T => all[below(all.length)]!;
  const text = (): string =>
    one(["", "O'Brien", "a,b", "{x}", 'say "d"', "\\", "Анна", "null", "%", "a\nb", "(1)", "é\u0301😀"]);
  const client = (): number => 500_000 + below(40);
  const row = (): Record<string, unknown> => ({
    yclients_id: client(),
    company_id: COMPANY,
    name: one([text(), null]),
    tags: one([[], null, [text(), text()], [null]]),
    last_service_ids: one([[], [1, 2], [below(100)]]),
    preferences: one<unknown>([{}, null, [], { [text()]: text() }, text(), below(10)]),
    balance: one([0, 10.1, "12.30", 1e9]),
    visit_count: one([below(5), "x", null, 2 ** 40]),
    last_visit_date: one([null, "2025-03-30T02:30:00", "2025-02-30"]),
    next_visit_at: one([null, "2025-12-01T00:00:00+03:00"]),
  });
  // All but the times of the clock, and the ids, which a refused row uses up too.
  const columns =
    "yclients_id,company_id,name,tags,last_service_ids,preferences,balance,visit_count,last_visit_date,next_visit_at";
  const ways: (() => [string, Call])[] = [
    () => {
      const [value, order] = [text(), random() < 0.5];
      return [
        "select",
        (to) =>
          to
            .from("clients")
            .select(columns, { count: "exact" })
            .eq("name", value)
            .order("yclients_id", { ascending: order })
            .limit(20),
      ];
    },
    () => {
      const id = client();
      return ["single", (to) => to.from("clients").select(columns).eq("yclients_id", id).single()];
    },
    () => {
      const id = client();
      return ["maybeSingle", (to) => to.from("clients").select(columns).eq("yclients_id", id).maybeSingle()];
    },
    () => {
      const [from, rows] = [below(100), 1 + below(50)];
      return [
        "range",
        (to) =>
          to
            .from("clients")
            .select(columns)
            .order("yclients_id")
            .range(from, from + rows),
      ];
    },
    () => {
      const made = row();
      return ["insert", (to) => to.from("clients").insert(made).select(columns)];
    },
    () => {
      const made = Array.from({ length: 1 + below(4) }, row);
      return [
        "upsert",
        (to) => to.from("clients").upsert(made, { onConflict: "yclients_id,company_id" }).select(columns),
      ];
    },
    () => {
      const [id, { yclients_id: _, ...made }] = [client(), row()];
      // Where no row passes the filter, it is the plan's choice whether a value that is none is looked at.
      const changes = { ...made, visit_count: below(5), last_visit_date: one([null, "2025-03-30T02:30:00"]) };
      return ["update", (to) => to.from("clients").update(changes).eq("yclients_id", id).select(columns)];
    },
    () => {
      const [low, high] = [client(), client()];
      return [
        "delete",
        (to) => to.from("clients").delete({ count: "exact" }).gte("yclients_id", low).lt("yclients_id", high),
      ];
    },
    () => {
      const ids = Array.from({ length: below(5) }, client);
      return ["in", (to) => to.from("clients").select(columns).in("yclients_id", ids).order("yclients_id")];
    },
    () => {
      const value = text();
      return [
        "or",
        (to) =>
          to
            .from("clients")
            .select(columns)
            .or(`name.eq."${value.replace(/["\\]/g, "\\$&")}",yclients_id.gt.500030`)
            .order("yclients_id")
            .limit(50),
      ];
    },
    () => {
      const value = text();
      return [
        "contains",
        (to) => to.from("clients").select("yclients_id").contains("tags", [value]).order("yclients_id").limit(100),
      ];
    },
    () => ["no such column", (to) => to.from("clients").select("nope")],
    () => ["no such table", (to) => to.from("nope").select()],
    () => ["embedding", (to) => to.from("bookings").select("id, clients(name)").order("id").limit(5)],
  ];
  return () => one(ways)();
}

describe("random calls", { skip: !isPostgrestHere }, () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await Fixture.start({ supabase: "second_form", timeweb: "second_form" });
  });
  after(() => fixture.stop());

  it(`come to the same by both ways (AUTHSTATE_TEST_SEED=${SEED})`, async () => {
    const next = calls(chance(SEED));
    const direct = fixture.direct("supabase");
    const tables = fixture.tables("timeweb");
    for (let step = 0; step < STEPS; step++) {
      const [what, call] = next();
      const [expected, actual] = await Promise.all([call(direct), call(tables)]);
      for (const { error } of [expected, actual] as { error: Record<string, unknown> | null }[]) {
        for (const name of ["table", "column", "constraint"]) delete error?.[name];
        // The failing row, with an id and times of its own.
        if (error?.["code"] === "23502") error["details"] = "";
      }
      assert.deepEqual(actual, expected, `step ${step}: ${what}`);
    }
    const all = `SELECT md5(string_agg(to_jsonb(c)::text, '' ORDER BY yclients_id)) AS sum, count(*) FROM
      (SELECT yclients_id, name, tags, last_service_ids, preferences, balance, visit_count, last_visit_date FROM clients) AS c`;
    const [one, other] = await Promise.all(["supabase", "timeweb"].map((name) => fixture.databases.run(name, all)));
    assert.deepEqual(other!.rows, one!.rows);
  });
});
