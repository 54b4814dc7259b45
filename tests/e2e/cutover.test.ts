// The evening of the move as it is rehearsed: two PostgreSQL, authstated, and eight services under PM2, which write all the
// while; there, and back with what was written since. And what has to be said yes to before it.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { useAuthState } from "../../client/node/dist/esm/index.js";
import { DatabasePair } from "./cutover_pair.ts";
import { NEEDS, numberOf, SERVICES, SESSION_ID, SESSION_SERVICE, statementsOf } from "./cutover_tables.mjs";
import { Pm2 } from "./pm2.ts";
import { BINARIES, REPOSITORY, TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { PostgresStore, query } from "./stores.ts";

const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 20;
const EVENING = join(REPOSITORY, "deploy/cutover/evening.toml");
const HERE = join(REPOSITORY, "tests/e2e");
const ENOUGH_ROWS = 5;
const PAIR = ["--from", "supabase", "--to", "timeweb"];

interface Gate {
  gate: string;
  answer: "yes" | "no" | "unknown";
  reason: string;
  remedy: string;
}

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

describe("The evening of the move", () => {
  const folders = [new TestFolder(), new TestFolder()] as const;
  const path = (name: string): string => join(folders[0].path, name);
  const pm2 = new Pm2(path("pm2"));
  const servers: PostgresStore[] = [];
  let live: DatabasePair;
  let copy: DatabasePair;
  let onLive: Authstated;
  let onCopy: Authstated;

  before(async () => {
    for (const folder of folders) servers.push(await PostgresStore.create(folder));
    await Promise.all(servers.map((server) => server.start()));
    const [supabase, timeweb] = servers as [PostgresStore, PostgresStore];
    live = await DatabasePair.make("live", { supabase, timeweb }, folders[0]);
    copy = await DatabasePair.make("copy", { supabase, timeweb }, folders[0]);
    onLive = new Authstated(["--config", live.config]);
    onCopy = new Authstated(["--config", copy.config]);
    await Promise.all([onLive.start(), onCopy.start()]);
    await control({}, "keyring", "init", path("keyring"), "backups");
  });
  after(async () => {
    await pm2.kill();
    await Promise.all([onLive?.crash(), onCopy?.crash()]);
    await Promise.all(servers.map((server) => server.stop()));
    for (const folder of folders) folder.remove();
  });

  // What an operator has in the environment, who works on this pair of databases.
  function environment(server: Authstated, pair: DatabasePair): NodeJS.ProcessEnv {
    return {
      ...pm2.env,
      PATH: `${BINARIES}:${pm2.env["PATH"]}`,
      AUTHSTATE_ADDRESS: server.address,
      AUTHSTATE_KEYRING_FILE: path("keyring"),
      CUTOVER_PAIR: [...PAIR, "--config", pair.config].join(" "),
      CUTOVER_NEEDS: NEEDS.join(" "),
      CUTOVER_REPORT: path("evening.json"),
      CUTOVER_BACKUPS: path("backups-of-copy"),
      CUTOVER_SERVER_ENV: path("authstated.env"),
      CUTOVER_SERVICES: `${join(REPOSITORY, "deploy/cutover/services.sh")} pm2`,
      CUTOVER_FIRST: SESSION_SERVICE,
      CUTOVER_REST: SERVICES.filter((name) => name !== SESSION_SERVICE).join(" "),
      CUTOVER_ALLOW: SESSION_ID,
      CUTOVER_SMOKE: `node ${join(HERE, "cutover_smoke.mjs")}`,
      // For the smoke test.
      CUTOVER_LEDGERS: path("ledgers"),
      SUPABASE_URL: pair.url("supabase"),
    };
  }

  async function tryControl(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Ended> {
    try {
      return { code: 0, ...(await pm2.exec(join(BINARIES, "authstatectl"), args, env)) };
    } catch (error) {
      return error as Ended;
    }
  }

  async function control(env: NodeJS.ProcessEnv, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await tryControl(env, ...args);
    assert.equal(code, 0, `${args.join(" ")}:\n${stdout}${stderr}`);
    return stdout;
  }

  // What a service has noted as acknowledged: where, and the number of the row.
  const ledger = (service: string): { database: string; row: number }[] =>
    readFileSync(path(`ledgers/${service}`), { encoding: "utf8", flag: "a+" })
      .split("\n")
      .slice(0, -1)
      .map((line) => ({ database: line.split(" ")[0]!, row: Number(line.split(" ")[1]) }));

  async function everyoneWrites(): Promise<void> {
    const wanted = SERVICES.map((service) => ({ service, rows: ledger(service).length + ENOUGH_ROWS }));
    const deadline = Date.now() + PATIENCE_MS;
    for (const { service, rows } of wanted) {
      while (ledger(service).length < rows) {
        assert.ok(Date.now() < deadline, `${service} does not write`);
        await setTimeout(LOOK_EVERY_MS);
      }
    }
  }

  it("is rehearsed there and back, while services write, and loses nothing that they were told is kept", async () => {
    mkdirSync(path("ledgers"));
    writeFileSync(path("authstated.env"), "USE_LEGACY_SUPABASE=true\n");
    const env = {
      USE_LEGACY_SUPABASE: "true",
      SUPABASE_URL: copy.url("supabase"),
      TIMEWEB_URL: copy.url("timeweb"),
      AUTHSTATE_ADDRESS: onCopy.address,
    };
    const apps = SERVICES.map((name) => {
      const args = [name, path(`ledgers/${name}`)];
      return { name, args, env, script: join(HERE, "cutover_service.mjs"), kill_timeout: 10_000, autorestart: false };
    });
    writeFileSync(path("services.json"), JSON.stringify({ apps }));
    await pm2.run("start", path("services.json"));
    await everyoneWrites();

    // Days before, under traffic.
    const operator = environment(onCopy, copy);
    const pair = [...PAIR, "--config", copy.config];
    const { code, stderr } = await tryControl(operator, "tables", "sync", ...pair, ...NEEDS, "--create");
    // Not equal yet, as long as they write.
    assert.ok(code === 0 || code === 6, stderr);
    await control(operator, "backend", "sync", "timeweb", "--follow");
    await everyoneWrites();

    const files = ["--steps", EVENING, "--config", copy.config, "--live", live.config, "--record", path("record.json")];
    await control(operator, "cutover", "rehearse", ...PAIR, ...files);
    const record = JSON.parse(readFileSync(path("record.json"), "utf8"));
    assert.equal(record.outcome, "done");
    assert.deepEqual(new Set(record.steps.map(({ outcome }: { outcome: string }) => outcome)), new Set(["done"]));
    assert.ok(record.forward_seconds > 0 && record.way_back_seconds > 0);
    await everyoneWrites();

    for (const service of SERVICES) await pm2.run("stop", service);
    const supabase = new pg.Client({ connectionString: copy.url("supabase") });
    await supabase.connect();
    try {
      for (const service of SERVICES) {
        const rows = ledger(service);
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
        assert.throws(() => readFileSync(path(`ledgers/${service}.failed`)), { code: "ENOENT" });
      }
    } finally {
      await supabase.end();
    }
    const auth = await useAuthState(SESSION_ID, { address: onCopy.address, lease: false, create: false });
    const keys = ledger(SESSION_SERVICE).map(({ row }) => String(row));
    assert.deepEqual(await auth.state.keys.get("lid-mapping", keys), Object.fromEntries(keys.map((key) => [key, key])));
    await auth.close();
    assert.equal(readFileSync(path("authstated.env"), "utf8"), "USE_LEGACY_SUPABASE=true\n");
  });

  it("has gates that each say no and why, and all yes once what they ask for is done", async () => {
    const operator = { ...environment(onLive, live), CUTOVER_BACKUPS: path("backups-of-live") };
    const backups = operator.CUTOVER_BACKUPS;
    const pair = [...PAIR, "--config", live.config];
    const check = async (rehearsal: string): Promise<{ go: boolean; gates: Gate[] }> => {
      const files = ["--steps", EVENING, "--report", path("live.json"), "--rehearsal", path(rehearsal)];
      const options = [...pair, ...NEEDS, ...files, "--backups", backups, "--may-connect", "postgres/authstated"];
      const { code, stdout, stderr } = await tryControl(operator, "cutover", "check", ...options, "--json");
      assert.ok(code === 0 || code === 6, stderr);
      const answer = JSON.parse(stdout) as { go: boolean; gates: Gate[] };
      assert.equal(answer.go, code === 0);
      return answer;
    };
    const auth = await useAuthState("sales", { address: onLive.address });
    await auth.saveCreds();
    await auth.close();
    mkdirSync(backups);
    const forgotten = new pg.Client({ connectionString: live.url("supabase"), application_name: "reminders" });
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

    await control(operator, "backup", "create", backups);
    await control(operator, "backup", "drill", backups, "--metrics-file", join(backups, "drill.prom"));
    await control(operator, "tables", "sync", ...pair, ...NEEDS, "--create");
    await control(operator, "tables", "verify", ...pair, ...NEEDS, "--report", path("live.json"));
    await control(operator, "backend", "sync", "timeweb", "--follow");
    const deadline = Date.now() + PATIENCE_MS;
    // Who follows has to have caught up once.
    let gates = await check("record.json");
    while (!gates.go && Date.now() < deadline) gates = await check("record.json");
    assert.deepEqual(
      gates.gates.filter(({ answer }) => answer !== "yes"),
      [],
    );

    // One that is shut is enough.
    await query(live.url("timeweb"), "ALTER TABLE staff ADD COLUMN added int");
    const { go, gates: after } = await check("record.json");
    assert.equal(go, false);
    assert.deepEqual(
      after.filter(({ answer }) => answer !== "yes").map(({ gate, answer }) => `${gate} ${answer}`),
      ["verified no"],
    );
  });
});
