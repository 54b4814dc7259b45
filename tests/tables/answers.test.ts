// What becomes of calls whose database, or whose way to it, fails.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { createTables, isTablesError, type Tables } from "../../client/tables/dist/esm/index.js";
import { REPOSITORY } from "../e2e/processes.ts";
import { isPostgrestHere } from "./databases.ts";
import { caught, Fixture } from "./fixture.ts";
import type { Fate, Gateway } from "./gateway.ts";

const COMPANY = 962302;

describe("tables whose database fails", { skip: !isPostgrestHere }, () => {
  let fixture: Fixture;
  let gateway: Gateway;
  let tables: Tables;
  before(async () => {
    fixture = await Fixture.start({ supabase: "live", timeweb: "second_form" });
    gateway = fixture.gateway("supabase");
    tables = fixture.tables("supabase");
  });
  after(() => fixture.stop());
  afterEach(() => {
    assert.deepEqual(gateway.fates.splice(0), [], "a request that was expected did not come");
    gateway.onRequest = undefined;
  });

  const count = async (where: string): Promise<number> => {
    const { rows } = await fixture.databases.run("supabase", `SELECT count(*)::int AS n FROM clients WHERE ${where}`);
    return (rows[0] as { n: number }).n;
  };

  const outages: [what: string, fate: Fate][] = [
    ["a connection that ends before the answer", "refuse"],
    ["a lost answer", "lose"],
    ["half an answer", "half"],
    ["a gateway's page", { status: 502, body: "<html>Bad Gateway</html>" }],
    [
      "a page with status 200",
      { status: 200, body: "<html>maintenance</html>", headers: { "content-type": "text/html" } },
    ],
    ["an empty answer", { status: 200, body: "", headers: { "content-type": "application/json" } }],
    ["an empty 404, of which postgrest-js makes success", { status: 404, body: "" }],
    ["a 404 with a list, of which postgrest-js makes no rows", { status: 404, body: "[]" }],
    ["too many requests", { status: 429, body: "{}", headers: { "retry-after": "0" } }],
    [
      "a database that PostgREST does not reach",
      { status: 503, body: '{"code":"PGRST000","message":"Database connection error","details":null,"hint":null}' },
    ],
    [
      "a connection that the database ended",
      { status: 503, body: '{"code":"57P01","message":"terminating connection"}' },
    ],
  ];
  for (const [what, fate] of outages) {
    it(`waits for a read through ${what}`, async () => {
      gateway.fates.push(fate, fate);
      const { data, error } = await tables.from("clients").select("id").eq("id", 7).single();
      assert.equal(error, null);
      assert.deepEqual(data, { id: 7 });
    });

    it(`throws for ${what} when patience is over, and never says that there is no row`, async () => {
      const hasty = tables.with({ patienceMs: 0 });
      for (const read of [
        () => hasty.from("clients").select("id").eq("id", 7).single(),
        () => hasty.from("clients").select("id").eq("id", 7).maybeSingle(),
        () => hasty.from("clients").select("id").throwOnError(),
      ]) {
        gateway.fates.push(fate);
        const error = await caught(read());
        assert.ok(isTablesError(error), String(error));
        assert.match(error.code, /^(UNAVAILABLE|UNEXPECTED_ANSWER)$/);
        assert.equal(error.outcome, undefined);
        assert.equal(error.database, "supabase");
        assert.equal(error.table, "clients");
        assert.ok(error.retryable);
      }
    });

    it(`has ${what} in error with outage: "return"`, async () => {
      gateway.fates.push(fate);
      const hasty = tables.with({ patienceMs: 0, outage: "return" });
      const { data, error } = await hasty.from("clients").select("id").eq("id", 7).single();
      assert.equal(data, null);
      assert.match(error?.code ?? "", /^(UNAVAILABLE|UNEXPECTED_ANSWER)$/);
    });
  }

  it("does not send an insert again whose answer was lost, and says that it may have been applied", async () => {
    gateway.fates.push("lose");
    const error = await caught(tables.from("clients").insert({ yclients_id: 1, company_id: COMPANY }));
    assert.equal(error["code"], "UNAVAILABLE");
    assert.equal(error["outcome"], "UNKNOWN");
    assert.equal(error["retryable"], false);
    assert.equal(await count("yclients_id = 1"), 1);
  });

  it("sends an insert again that never reached the database", async () => {
    const away = { status: 503, body: '{"code":"PGRST000","message":"away"}' };
    gateway.fates.push(away, away);
    const { error } = await tables.from("clients").insert({ yclients_id: 2, company_id: COMPANY });
    assert.equal(error, null);
    assert.equal(await count("yclients_id = 2"), 1);
    gateway.fates.push(away);
    const failure = await caught(
      tables.with({ patienceMs: 0 }).from("clients").insert({ yclients_id: 3, company_id: COMPANY }),
    );
    assert.equal(failure["outcome"], "NOT_APPLIED");
    assert.equal(await count("yclients_id = 3"), 0);
  });

  const ROW = { yclients_id: 10, company_id: COMPANY, name: "kept" };
  type Write = (to: Tables) => PromiseLike<{ error: unknown }>;
  const again: [what: string, write: Write][] = [
    ["an upsert by a UNIQUE key", (to) => to.from("clients").upsert(ROW, { onConflict: "yclients_id,company_id" })],
    ["an upsert by the primary key", (to) => to.from("clients").upsert({ id: 5, ...ROW, yclients_id: 100_005 })],
    [
      "an upsert that tells its rows",
      (to) => to.from("companies").upsert({ id: 1, company_id: COMPANY, title: "t" }).select(),
    ],
    ["an update by the primary key", (to) => to.from("clients").update({ name: "kept" }).eq("id", 6)],
    ["a delete by the primary key", (to) => to.from("clients").delete().eq("id", 1298)],
  ];
  for (const [what, write] of again) {
    it(`sends ${what} again whose answer was lost`, async () => {
      gateway.fates.push("lose", "lose");
      assert.equal((await write(tables)).error, null);
    });

    it(`says of ${what} that it may have been applied where no answer ever comes`, async () => {
      gateway.fates.push("lose");
      const error = await caught(write(tables.with({ patienceMs: 0 })));
      assert.equal(error["outcome"], "UNKNOWN");
      // The key, which tells whether it may be sent again, is known by now.
      assert.equal(error["retryable"], true);
    });
  }

  const sentOnce: [what: string, write: Write][] = [
    [
      "an upsert whose key the table makes",
      (to) => to.from("clients").upsert({ yclients_id: 20, company_id: COMPANY }),
    ],
    [
      "an upsert with a NULL in its key",
      (to) => to.from("clients").upsert({ ...ROW, yclients_id: null }, { onConflict: "yclients_id" }),
    ],
    [
      "an upsert that tells which rows it did not ignore",
      (to) => to.from("clients").upsert(ROW, { onConflict: "yclients_id,company_id", ignoreDuplicates: true }).select(),
    ],
    ["an update by another column", (to) => to.from("clients").update({ name: "x" }).eq("phone", "1")],
    [
      "an update that its own filter would not find again",
      (to) => to.from("clients").update({ name: "new" }).eq("id", 8).eq("name", "old"),
    ],
    ["an update by or()", (to) => to.from("clients").update({ name: "new" }).or("id.eq.8,id.eq.9")],
    ["a delete that tells its rows", (to) => to.from("clients").delete().eq("id", 9).select()],
    ["a delete by a range of keys", (to) => to.from("clients").delete().gt("id", 100_000)],
    ["a function", (to) => to.rpc("nothing")],
  ];
  for (const [what, write] of sentOnce) {
    it(`sends ${what} once`, async () => {
      gateway.fates.push("lose");
      const before = gateway.seen.length;
      const error = await caught(write(tables));
      assert.equal(error["outcome"], "UNKNOWN");
      assert.equal(error["retryable"], false);
      const sent = gateway.seen.slice(before).filter((line) => !line.startsWith("GET "));
      assert.equal(sent.length, 1, sent.join("\n"));
    });
  }

  it("never reads a database that is killed in the middle of single() as no row", async () => {
    const outcomes = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const killed = new Promise<void>((resolve) => {
        gateway.onRequest = () => {
          gateway.onRequest = undefined;
          fixture.databases.killPostgres();
          resolve();
        };
      });
      const reads = Array.from({ length: 40 }, async (_, index) => {
        const one = tables
          .with({ patienceMs: 60_000 })
          .from("clients")
          .select("id")
          .eq("id", index + 101);
        const { data, error } = await one.single();
        outcomes.add(error === null ? "row" : error.code);
        assert.deepEqual(data, { id: index + 101 }, JSON.stringify(error));
      });
      await killed;
      await fixture.databases.startPostgres();
      await Promise.all(reads);
    }
    assert.deepEqual([...outcomes], ["row"]);
  });

  it("throws while the database is away, and goes on once it is back", async () => {
    await fixture.databases.stopPostgres();
    const error = await caught(tables.with({ patienceMs: 300 }).from("clients").select("id").eq("id", 1).maybeSingle());
    assert.equal(error["code"], "UNAVAILABLE");
    const waiting = tables.with({ patienceMs: 60_000 }).from("clients").update({ name: "late" }).eq("id", 30);
    const written = Promise.resolve(waiting);
    await fixture.databases.startPostgres();
    assert.equal((await written).error, null);
    assert.equal(await count("name = 'late'"), 1);
  });

  it("lets a caller give up, as postgrest-js does", async () => {
    gateway.fates.push({ status: 503, body: "" }, { status: 503, body: "" });
    const end = new AbortController();
    gateway.onRequest = () => end.abort();
    const { data, error } = await tables.from("clients").select("id").abortSignal(end.signal);
    assert.equal(data, null);
    assert.match(error!.message, /AbortError/);
    gateway.fates.splice(0);
  });

  it("says at once that it does not trust a certificate", async () => {
    const folder = join(fixture.databases.folder.path, "tls");
    execFileSync("sh", [join(REPOSITORY, "tests/support/make_certificates.sh"), folder], { stdio: "pipe" });
    const server = createServer({
      cert: readFileSync(join(folder, "server.pem")),
      key: readFileSync(join(folder, "server.key")),
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const untrusting = createTables({ use: "timeweb", timeweb: { url: `https://localhost:${port}` } });
    const error = await caught(untrusting.from("clients").insert({ id: 1 }));
    server.close();
    assert.match(String(error["message"]), /certificate is not trusted/);
    assert.equal(error["retryable"], false);
    assert.equal(error["outcome"], "NOT_APPLIED");
  });
});
