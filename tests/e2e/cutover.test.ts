// The evening of the move as it is rehearsed, while eight services write; there, and back with what was written since. And
// what has to be said yes to before it.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import pg from "pg";
import { useAuthState } from "../../client/node/dist/esm/index.js";
import { CutoverWorld, ENOUGH_ROWS, EVENING, type Site } from "./cutover_evening.ts";
import { NEEDS, numberOf, SERVICES, SESSION_ID, SESSION_SERVICE, statementsOf } from "./cutover_tables.mjs";
import { query } from "./stores.ts";

const PATIENCE_MS = 60_000;
// Of the live system's account, as large as grown Signal sessions are.
const KEYS = 728;
const KEY_BYTES = 1_600;

interface Gate {
  gate: string;
  answer: "yes" | "no" | "unknown";
  reason: string;
  remedy: string;
}

describe("The evening of the move", () => {
  const world = new CutoverWorld();
  let live: Site;
  let copy: Site;

  before(async () => {
    await world.start();
    live = await world.site("live");
    copy = await world.site("copy");
  });
  after(() => world.end());

  it("is rehearsed there and back, while services write, and loses nothing that they were told is kept", async () => {
    const account = await useAuthState("account", { address: copy.server.address });
    await account.saveCreds();
    const session = Object.fromEntries(
      Array.from({ length: KEYS }, (_, key) => [`7999${key}.0`, Buffer.alloc(KEY_BYTES, key)]),
    );
    await account.state.keys.set({ session });
    await account.close();
    await world.startServices(copy);
    await world.prepare(copy);
    await world.everyoneWrites();

    const { code, stderr } = await world.rehearse(copy, live);
    assert.equal(code, 0, stderr);
    const record = world.record();
    assert.equal(record.outcome, "done");
    assert.deepEqual(new Set(record.steps.map(({ outcome }) => outcome)), new Set(["done"]));
    assert.ok(record.forward_seconds! > 0 && record.way_back_seconds! > 0);
    console.log(`cutover report: there ${record.forward_seconds} s, back ${record.way_back_seconds} s`);
    await world.everyoneWrites();

    await world.stopServices();
    const supabase = new pg.Client({ connectionString: copy.pair.url("supabase") });
    await supabase.connect();
    try {
      for (const service of SERVICES) {
        const rows = world.ledger(service);
        assert.equal(rows.at(-1)!.database, "supabase");
        assert.ok(rows.filter(({ database }) => database === "timeweb").length >= ENOUGH_ROWS);
        // Each row was written once, and is there.
        assert.deepEqual(
          rows.map(({ row }) => row),
          rows.map((_, index) => index + 1),
        );
        for (const { row } of rows) {
          const { rowCount } = await supabase.query(statementsOf(service).read, [numberOf(row)]);
          assert.equal(rowCount, 1, `${service} ${row} is lost`);
        }
        assert.equal(world.failureOf(service), undefined);
      }
    } finally {
      await supabase.end();
    }
    const reading = { address: copy.server.address, lease: false, create: false };
    const auth = await useAuthState(SESSION_ID, reading);
    const keys = world.ledger(SESSION_SERVICE).map(({ row }) => String(row));
    assert.deepEqual(await auth.state.keys.get("lid-mapping", keys), Object.fromEntries(keys.map((key) => [key, key])));
    await auth.close();
    const after = await useAuthState("account", reading);
    assert.deepEqual(await after.state.keys.get("session", Object.keys(session)), session);
    await after.close();
    assert.equal(readFileSync(world.path("authstated.env"), "utf8"), "USE_LEGACY_SUPABASE=true\n");
  });

  it("has gates that each say no and why, and all yes once what they ask for is done", async () => {
    const operator = world.environment(live);
    const backups = operator["CUTOVER_BACKUPS"]!;
    const pair = world.options(live);
    const check = async (rehearsal: string): Promise<{ go: boolean; gates: Gate[] }> => {
      const files = ["--steps", EVENING, "--report", world.path("live.json"), "--rehearsal", world.path(rehearsal)];
      const options = [...pair, ...NEEDS, ...files, "--backups", backups, "--may-connect", "postgres/authstated"];
      const { code, stdout, stderr } = await world.tryControl(operator, "cutover", "check", ...options, "--json");
      assert.ok(code === 0 || code === 6, stderr);
      const answer = JSON.parse(stdout) as { go: boolean; gates: Gate[] };
      assert.equal(answer.go, code === 0);
      return answer;
    };
    const auth = await useAuthState("sales", { address: live.server.address });
    await auth.saveCreds();
    await auth.close();
    mkdirSync(backups);
    const forgotten = new pg.Client({ connectionString: live.pair.url("supabase"), application_name: "reminders" });
    await forgotten.connect();

    const refusals: Record<string, RegExp> = {
      "backup-fresh": /backups-of-live/,
      "backup-drilled": /drill\.prom/,
      "plan-clean": /missing/,
      verified: /live\.json/,
      "backend-equal": /not kept equal/,
      "nobody-else": /reminders/,
      "way-back": /none\.json/,
    };
    const before = await check("none.json").finally(() => forgotten.end());
    assert.deepEqual(before.gates.map(({ gate }) => gate).sort(), Object.keys(refusals).sort());
    for (const { gate, answer, reason, remedy } of before.gates) {
      assert.equal(answer, "no", `${gate}: ${reason}`);
      assert.match(reason, refusals[gate]!);
      assert.notEqual(remedy, "");
    }

    await world.control(operator, "backup", "create", backups);
    await world.control(operator, "backup", "drill", backups, "--metrics-file", join(backups, "drill.prom"));
    await world.control(operator, "tables", "sync", ...pair, ...NEEDS, "--create");
    await world.control(operator, "tables", "verify", ...pair, ...NEEDS, "--report", world.path("live.json"));
    await world.control(operator, "backend", "sync", "timeweb", "--follow");
    const deadline = Date.now() + PATIENCE_MS;
    // Who follows has to have caught up once.
    let gates = await check("record.json");
    while (!gates.go && Date.now() < deadline) gates = await check("record.json");
    assert.deepEqual(
      gates.gates.filter(({ answer }) => answer !== "yes"),
      [],
    );

    // One that is shut is enough.
    await query(live.pair.url("timeweb"), "ALTER TABLE staff ADD COLUMN added int");
    const { go, gates: after } = await check("record.json");
    assert.equal(go, false);
    assert.deepEqual(
      after.filter(({ answer }) => answer !== "yes").map(({ gate, answer }) => `${gate} ${answer}`),
      ["verified no"],
    );
  });

  it("takes a table that was emptied since for a mistake, unless it is told", async () => {
    const site = await world.site("emptied");
    await query(site.pair.url("supabase"), "CREATE TABLE drafts (id int PRIMARY KEY); INSERT INTO drafts VALUES (1)");
    await world.prepare(site);
    await query(site.pair.url("supabase"), "DELETE FROM drafts");
    const steps = world.someSteps("tables-sync", "tables-verify");
    const refused = await world.rehearse(site, live, steps);
    assert.equal(refused.code, 6, refused.stderr);
    assert.match(refused.stderr, /drafts/);
    assert.equal(world.record().failed_step, "tables-sync");
    const done = await world.rehearse(site, live, steps, { CUTOVER_SYNC: "--allow-emptying" });
    assert.equal(done.code, 0, done.stderr);
    assert.equal((await query(site.pair.url("timeweb"), "SELECT 1 FROM drafts")).rowCount, 0);
  });
});
