// Results of which nothing is cut off, tables that nobody may reach, and strings that would be more than strings.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { Tables } from "../../client/tables/dist/esm/index.js";
import { isPostgrestHere } from "./databases.ts";
import { caught, Fixture, type Name, NAMES } from "./fixture.ts";

const COMPANY = 962302;

describe("tables", { skip: !isPostgrestHere }, () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await Fixture.start({ supabase: "live", timeweb: "second_form" });
    for (const name of NAMES) {
      await fixture.databases.run(
        name,
        `INSERT INTO clients (yclients_id, company_id) SELECT 900000 + i, ${COMPANY} FROM generate_series(1, 5) AS i;
         INSERT INTO messages (id, company_id, phone, direction, created_at) SELECT md5(i::text)::uuid, ${COMPANY}, '1', 'in',
           timestamptz '2025-10-30 00:00:00+00' + i % 100 * interval '1 hour' FROM generate_series(1, 2500) AS i;
         CREATE TABLE calls (n int); INSERT INTO calls VALUES (0);
         CREATE FUNCTION all_clients(first_id integer) RETURNS SETOF clients LANGUAGE sql VOLATILE AS $$
           UPDATE calls SET n = n + 1; SELECT * FROM clients WHERE id >= first_id ORDER BY id $$;
         GRANT ALL ON calls TO tables_app; NOTIFY pgrst, 'reload schema'`,
      );
    }
    // Until PostgREST has heard of them.
    for (const name of NAMES) {
      const heard = async (): Promise<string | undefined> =>
        (await fixture.tables(name).rpc("all_clients", { first_id: 1_300 })).error?.code;
      let code = await heard();
      while (code === "PGRST202") code = await heard();
      assert.equal(code, undefined);
    }
  });
  after(() => fixture.stop());
  afterEach(() => {
    for (const name of NAMES) fixture.gateway(name).onRequest = undefined;
  });

  for (const name of NAMES) {
    describe(`on ${name}`, () => {
      let tables: Tables;
      before(() => {
        tables = fixture.tables(name);
      });

      it("has 1,304 rows arrive as 1,304 with pages, and as an error without", async () => {
        const error = await caught(tables.from("clients").select("id"));
        assert.equal(error["code"], "CUT_OFF");
        assert.match(String(error["hint"]), /pages: true.*limit\(1000\)/);
        const { data, count } = await tables.with({ pages: true }).from("clients").select("*", { count: "exact" });
        assert.equal(data!.length, 1_304);
        assert.equal(count, 1_304);
        const { rows } = await fixture.databases.run(name, "SELECT to_jsonb(c) AS row FROM clients AS c ORDER BY id");
        assert.deepEqual(
          data,
          rows.map(({ row }: { row: unknown }) => row),
        );
      });

      it("reads on in the order of a key of one column or two, filtered, and with columns that the key is not among", async () => {
        const paged = tables.with({ pages: true });
        const messages = await paged.from("messages").select("direction").eq("company_id", COMPANY);
        assert.equal(messages.data!.length, 2_500);
        assert.deepEqual(messages.data![2_499], { direction: "in" });
        const some = await paged.from("clients").select("yclients_id").or("id.gt.10,name.is.null").limit(1_100);
        assert.equal(new Set(some.data!.map((row) => row["yclients_id"])).size, 1_100);
        const none = await paged.from("clients").select().eq("id", -1);
        assert.deepEqual(none.data, []);
      });

      it("asks nothing more of a small result, and says so of one in another order that was cut off", async () => {
        const before = fixture.gateway(name).seen.length;
        assert.equal((await tables.from("services").select("id")).data!.length, 63);
        assert.equal(fixture.gateway(name).seen.length, before + 1);
        const error = await caught(tables.with({ pages: true }).from("clients").select("id").order("name"));
        assert.match(String(error["hint"]), /leave out \.order\(\)/);
        const csv = await caught(tables.from("clients").select("id").csv());
        assert.equal(csv["code"], "CUT_OFF");
      });

      it("tells of a function whose rows were cut off, and has called it once", async () => {
        const calls = async (): Promise<number> => {
          const { rows } = await fixture.databases.run(name, "SELECT n FROM calls");
          return (rows[0] as { n: number }).n;
        };
        const before = await calls();
        const error = await caught(tables.rpc("all_clients", { first_id: 1 }));
        assert.equal(error["code"], "CUT_OFF");
        assert.equal((await tables.rpc("all_clients", { first_id: 1_000 })).data!.length > 200, true);
        assert.equal(await calls(), before + 2);
      });

      it("refuses what nobody means, before anything is sent", async () => {
        const before = fixture.gateway(name).seen.length;
        const refused: [code: string, call: PromiseLike<unknown>][] = [
          ["UNFILTERED", tables.from("clients").update({ name: "x" })],
          ["UNFILTERED", tables.from("clients").delete()],
          ["UNFILTERED", tables.from("clients").delete().eq("bookings.id", 1)],
          ["UNORDERED", tables.from("clients").select().range(0, 9)],
        ];
        for (const [code, call] of refused) {
          const error = await caught(call);
          assert.equal(error["code"], code);
          assert.equal(error["outcome"], "NOT_APPLIED");
          assert.ok(error["hint"]);
        }
        assert.equal(fixture.gateway(name).seen.length, before);
      });

      it("answers as forbidden what is forbidden, and as missing what is missing", async () => {
        for (const table of ["whatsapp_auth", "whatsapp_keys"]) {
          const calls: PromiseLike<{ data: unknown; error: { code?: string } | null }>[] = [
            tables.from(table).select(),
            tables.from(table).select("*", { count: "exact", head: true }),
            tables.from(table).insert({ company_id: "1" }),
            tables.from(table).upsert({ company_id: "1", creds: {} }),
            tables.from(table).update({ company_id: "2" }).eq("company_id", "1"),
            tables.from(table).delete().eq("company_id", "1"),
          ];
          for (const call of calls) {
            const { data, error } = await call;
            // PostgREST tells nobody the columns of a table that they have no right on.
            assert.match(error?.code ?? "", /^(42501|PGRST204)$/);
            assert.equal(data, null);
          }
        }
        assert.equal((await tables.from("nope").select()).error?.code, "42P01");
        assert.equal((await tables.from("nope").select("*", { count: "exact", head: true })).error?.code, "42P01");
        assert.equal((await tables.from("clients").select().eq("id", -1).single()).error?.code, "PGRST116");
        const { error } = await tables.from("clients").insert({ yclients_id: 900_001, company_id: COMPANY });
        assert.equal(error?.code, "23505");
        assert.equal((error as unknown as { constraint: string }).constraint, "clients_yclients_id_company_id_key");
      });

      it("takes what would be more than a string for a string, in every position", async () => {
        const evil = [
          "'; DROP TABLE clients; --",
          "1) OR (1=1",
          "eq.1&id=gt.0",
          'a"),id.gt.0,("',
          "*",
          "../rpc/all_clients",
          "#",
          "%00",
        ];
        const all = async (): Promise<unknown> =>
          (await fixture.databases.run(name, "SELECT count(*), sum(id) FROM clients")).rows;
        const before = await all();
        for (const text of evil) {
          const value = await tables.from("clients").select("id").eq("name", text);
          assert.deepEqual(value.data, []);
          assert.deepEqual(
            (
              await tables
                .from("clients")
                .select("id")
                .in("name", [text, `${text},`])
            ).data,
            [],
          );
          const calls: PromiseLike<{ error: unknown }>[] = [
            tables.from("clients").select("id").filter(text, "eq", "1").limit(1),
            tables.from("clients").select("id").filter("id", text, "1").limit(1),
            tables.from("clients").select("id").or(text).limit(1),
            tables.from("clients").select("id").order(text).limit(1),
            tables.from("clients").insert({ [text]: 1 } as never),
            tables.from("clients").upsert({ id: 1 }, { onConflict: text }),
            tables.from("clients").update({ name: "x" }).eq("id", text),
            tables.from("clients").delete().eq("id", text),
          ];
          for (const [index, call] of calls.entries()) {
            const failed = await Promise.resolve(call).then(
              ({ error }) => error !== null,
              () => true,
            );
            assert.ok(failed, `${text} in position ${index}`);
          }
          if (text !== "*") assert.throws(() => tables.from(text), { code: "INVALID" });
          if (text !== "*") assert.throws(() => tables.rpc(text), { code: "INVALID" });
          const written = await tables.from("clients").update({ comment: text }).eq("id", 3).select("comment").single();
          assert.deepEqual(written.data, { comment: text });
        }
        assert.deepEqual(await all(), before);
      });
    });
  }

  // The second form has the foreign keys that rows are embedded by.
  it("tells of rows within rows that were cut off, and asks nothing more of a few", async () => {
    const tables = fixture.tables("timeweb");
    const companies = (of = tables): ReturnType<Tables["from"]> => of.from("companies");
    const cut: PromiseLike<unknown>[] = [
      companies().select("id, clients(id)"),
      companies().select("id, all:clients!inner(id, bookings(id))").single(),
      companies(tables.with({ pages: true })).select("clients(id)"),
      tables.from("services").select("id, companies(*, clients(id))").limit(1),
    ];
    for (const [index, call] of cut.entries()) {
      const error = await caught(call);
      assert.equal(error["code"], "CUT_OFF", `call ${index}`);
      assert.match(String(error["message"]), /more rows of (companies\.clients|clients|all) than the 1000/);
    }
    const limited = companies().select("id, clients(id)").limit(1_000, { referencedTable: "clients" }).single();
    const { data } = (await limited) as { data: { clients: unknown[] } };
    assert.equal(data.clients.length, 1_000);
    const before = fixture.gateway("timeweb").seen.length;
    await companies().select("id, services(id), clients(count)").eq("services.is_active", true);
    assert.equal(fixture.gateway("timeweb").seen.length, before + 1);
  });

  it("reads pages anew where another database serves before the end", async () => {
    let use: Name = "supabase";
    await fixture.databases.run("timeweb", "UPDATE clients SET source = 'timeweb'");
    await fixture.databases.run("supabase", "UPDATE clients SET source = 'supabase'");
    const tables = fixture.tables({ serverInfo: async () => ({ profile: use }) }, { pages: true });
    let asked = 0;
    fixture.gateway("supabase").onRequest = async () => {
      if (++asked === 4) use = "timeweb";
      // For as long as an answer of who serves is taken.
      if (asked === 5) while ((await tables.serving()).database !== "timeweb");
    };
    const { data } = await tables.from("clients").select("source");
    assert.deepEqual([...new Set(data!.map((row) => row["source"]))].length, 1);
    assert.equal(data!.length, 1_304);
  });

  it("writes an upsert in batches to its end through a switch, and counts what each database was asked", async () => {
    let use: Name = "supabase";
    const tables = fixture.tables({ serverInfo: async () => ({ profile: use }) });
    const rows = Array.from({ length: 950 }, (_, index) => ({
      yclients_id: 700_000 + index,
      company_id: COMPANY,
      name: `n${index}`,
    }));
    const progress: number[] = [];
    const written = await tables.upsert("clients", [...rows, { ...rows[0]!, name: "last" }], {
      onConflict: "yclients_id,company_id",
      onProgress: ({ done, total }) => {
        progress.push(done);
        assert.equal(total, 950);
        if (done === 500) use = "timeweb";
      },
    });
    assert.equal(written, 950);
    assert.deepEqual(progress, [100, 200, 300, 400, 500, 600, 700, 800, 900, 950]);
    const { supabase, timeweb } = tables.counts();
    assert.equal(supabase!.requests + timeweb!.requests, 10);
  });

  it("tells how far an upsert came, and writes all or nothing where that is asked for", async () => {
    const tables = fixture.tables("timeweb");
    const row = (id: number): Record<string, unknown> => ({
      yclients_id: 800_000 + id,
      company_id: COMPANY,
      visit_count: id === 7 ? -1 : 1,
    });
    const rows = Array.from({ length: 10 }, (_, id) => row(id));
    const options = { onConflict: "yclients_id,company_id", batch: 5 };
    const error = await caught(tables.upsert("clients", rows, options));
    assert.equal(error["code"], "23514");
    assert.equal(error["constraint"], "clients_visit_count_check");
    assert.equal(error["rowsWritten"], 5);
    const count = async (): Promise<number> =>
      (
        await tables
          .from("clients")
          .select("*", { count: "exact", head: true })
          .gte("yclients_id", 800_000)
          .lt("yclients_id", 800_010)
      ).count!;
    assert.equal(await count(), 5);
    await tables.from("clients").delete().gte("yclients_id", 800_000).lt("yclients_id", 800_010);
    assert.equal((await caught(tables.upsert("clients", rows, { ...options, whole: true })))["rowsWritten"], 0);
    assert.equal(await count(), 0);
  });

  it("does not write in maintenance, reads on, and writes what waited once it is over", async () => {
    const tables = fixture.tables("supabase");
    tables.beginMaintenance("the move");
    const hasty = tables.with({ patienceMs: 0 });
    const error = await caught(hasty.from("clients").update({ name: "x" }).eq("id", 1));
    assert.equal(error["code"], "MAINTENANCE");
    assert.equal(error["outcome"], "NOT_APPLIED");
    assert.match(String(error["message"]), /the move/);
    assert.equal((await hasty.from("clients").select("id").eq("id", 1)).error, null);
    const waiting = Promise.resolve(tables.from("clients").update({ name: "waited" }).eq("id", 1));
    tables.endMaintenance();
    assert.equal((await waiting).error, null);
  });
});
