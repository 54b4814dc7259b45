// What an evening of the move takes: a PostgreSQL and a newer one, with a pair of databases each, authstated, and eight
// services under PM2, which write all the while.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DatabasePair } from "./cutover_pair.ts";
import { NEEDS, SERVICES, SESSION_ID, SESSION_SERVICE } from "./cutover_tables.mjs";
import { Pm2 } from "./pm2.ts";
import { BINARIES, REPOSITORY, TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { PostgresStore } from "./stores.ts";

const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 20;
const HERE = join(REPOSITORY, "tests/e2e");
export const ENOUGH_ROWS = 5;
export const EVENING = join(REPOSITORY, "deploy/cutover/evening.toml");
export const PAIR = ["--from", "supabase", "--to", "timeweb"];

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RehearsalRecord {
  outcome: string;
  failed_step: string | null;
  forward_seconds: number | null;
  way_back_seconds: number | null;
  steps: { name: string; outcome: string }[];
}

// A pair of databases, and the authstated that serves from one of them.
export interface Site {
  pair: DatabasePair;
  server: Authstated;
}

export class CutoverWorld {
  readonly #folders = [new TestFolder(), new TestFolder()] as const;
  readonly #pm2 = new Pm2(this.path("pm2"));
  readonly #postgres: PostgresStore[] = [];
  readonly #authstated: Authstated[] = [];

  async start(): Promise<void> {
    const [supabase, timeweb] = this.#folders;
    this.#postgres.push(await PostgresStore.create(supabase), await PostgresStore.createNewest(timeweb));
    await Promise.all(this.#postgres.map((server) => server.start()));
    await this.control({}, "keyring", "init", this.path("keyring"), "backups");
  }

  async end(): Promise<void> {
    await this.#pm2.kill();
    await Promise.all(this.#authstated.map((server) => server.crash()));
    await Promise.all(this.#postgres.map((server) => server.stop()));
    for (const folder of this.#folders) folder.remove();
  }

  path(name: string): string {
    return join(this.#folders[0].path, name);
  }

  async site(name: string): Promise<Site> {
    const [supabase, timeweb] = this.#postgres as [PostgresStore, PostgresStore];
    const pair = await DatabasePair.make(name, { supabase, timeweb }, this.#folders[0]);
    const server = new Authstated(["--config", pair.config]);
    this.#authstated.push(server);
    await server.start();
    return { pair, server };
  }

  // What an operator has in the environment, who works on these databases.
  environment({ pair, server }: Site): NodeJS.ProcessEnv {
    return {
      ...this.#pm2.env,
      PATH: `${BINARIES}:${this.#pm2.env["PATH"]}`,
      AUTHSTATE_ADDRESS: server.address,
      AUTHSTATE_KEYRING_FILE: this.path("keyring"),
      CUTOVER_PAIR: [...PAIR, "--config", pair.config].join(" "),
      CUTOVER_NEEDS: NEEDS.join(" "),
      CUTOVER_REPORT: this.path("evening.json"),
      CUTOVER_BACKUPS: this.path(`backups-of-${pair.name}`),
      CUTOVER_TABLES_BACKUP: join(HERE, "cutover_backup.sh"),
      CUTOVER_SERVER_ENV: this.path("authstated.env"),
      CUTOVER_SERVICES: `${join(REPOSITORY, "deploy/cutover/services.sh")} pm2`,
      CUTOVER_FIRST: SESSION_SERVICE,
      CUTOVER_REST: SERVICES.filter((name) => name !== SESSION_SERVICE).join(" "),
      CUTOVER_ALLOW: SESSION_ID,
      CUTOVER_SMOKE: `node ${join(HERE, "cutover_smoke.mjs")}`,
      // For the smoke test and the backup of the tables.
      CUTOVER_LEDGERS: this.path("ledgers"),
      CUTOVER_TABLES_DUMP: this.path("tables.dump"),
      SUPABASE_URL: pair.url("supabase"),
    };
  }

  async tryControl(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Ended> {
    try {
      return { code: 0, ...(await this.#pm2.exec(join(BINARIES, "authstatectl"), args, env)) };
    } catch (error) {
      return error as Ended;
    }
  }

  async control(env: NodeJS.ProcessEnv, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryControl(env, ...args);
    assert.equal(code, 0, `${args.join(" ")}:\n${stdout}${stderr}`);
    return stdout;
  }

  // Starts all services on Supabase. `forgotten` is what one of them, `service`, sets for itself before it begins,
  // whatever it was started with: `USE_LEGACY_SUPABASE=true`.
  async startServices({ pair, server }: Site, forgotten?: { service: string; setting: string }): Promise<void> {
    mkdirSync(this.path("ledgers"));
    writeFileSync(this.path("authstated.env"), "USE_LEGACY_SUPABASE=true\n");
    const env = {
      USE_LEGACY_SUPABASE: "true",
      SUPABASE_URL: pair.url("supabase"),
      TIMEWEB_URL: pair.url("timeweb"),
      AUTHSTATE_ADDRESS: server.address,
    };
    const program = join(HERE, "cutover_service.mjs");
    const apps = SERVICES.map((name) => {
      const app = { name, args: [name, this.#ledgerOf(name)], env, kill_timeout: 10_000, autorestart: false };
      if (name !== forgotten?.service) return { ...app, script: program };
      const script = this.path(`${name}.sh`);
      writeFileSync(script, `#!/bin/sh\nexport ${forgotten.setting}\nexec node ${program} "$@"\n`);
      chmodSync(script, 0o755);
      return { ...app, script, interpreter: "none" };
    });
    writeFileSync(this.path("services.json"), JSON.stringify({ apps }));
    await this.#pm2.run("start", this.path("services.json"));
    await this.everyoneWrites();
  }

  async stopServices(): Promise<void> {
    await this.#pm2.run("stop", ...SERVICES);
  }

  // PM2 then knows none of them.
  async dropServices(): Promise<void> {
    await this.#pm2.run("delete", ...SERVICES);
  }

  #ledgerOf(service: string): string {
    return this.path(`ledgers/${service}`);
  }

  // What a service has noted as acknowledged: where, and the number of the row.
  ledger(service: string): { database: string; row: number }[] {
    return readFileSync(this.#ledgerOf(service), { encoding: "utf8", flag: "a+" })
      .split("\n")
      .slice(0, -1)
      .map((line) => ({ database: line.split(" ")[0]!, row: Number(line.split(" ")[1]) }));
  }

  // Why a service ended by itself; undefined: it has not.
  failureOf(service: string): string | undefined {
    const text = readFileSync(`${this.#ledgerOf(service)}.failed`, { encoding: "utf8", flag: "a+" });
    return text === "" ? undefined : text;
  }

  async everyoneWrites(): Promise<void> {
    const wanted = SERVICES.map((service) => ({ service, rows: this.ledger(service).length + ENOUGH_ROWS }));
    const deadline = Date.now() + PATIENCE_MS;
    for (const { service, rows } of wanted) {
      while (this.ledger(service).length < rows) {
        assert.ok(Date.now() < deadline, `${service} does not write: ${this.failureOf(service)}`);
        await setTimeout(LOOK_EVERY_MS);
      }
    }
  }

  // As days before the evening.
  async prepare(site: Site): Promise<void> {
    const operator = this.environment(site);
    const { code, stderr } = await this.tryControl(
      operator,
      ...["tables", "sync", ...this.options(site), ...NEEDS, "--create"],
    );
    // Not equal yet, as long as they write.
    assert.ok(code === 0 || code === 6, stderr);
    await this.control(operator, "backend", "sync", "timeweb", "--follow");
  }

  options({ pair }: Site): string[] {
    return [...PAIR, "--config", pair.config];
  }

  // Rehearses on `copy`. `steps` are those of the evening, or some of them.
  async rehearse(copy: Site, live: Site, steps = EVENING, more: NodeJS.ProcessEnv = {}): Promise<Ended> {
    const files = ["--steps", steps, "--live", live.pair.config, "--record", this.path("record.json")];
    return this.tryControl(
      { ...this.environment(copy), ...more },
      "cutover",
      "rehearse",
      ...this.options(copy),
      ...files,
    );
  }

  record(): RehearsalRecord {
    return JSON.parse(readFileSync(this.path("record.json"), "utf8")) as RehearsalRecord;
  }

  // A file with these steps of the evening alone.
  someSteps(...names: string[]): string {
    const file = this.path(`${names.join("-")}.toml`);
    const all = readFileSync(EVENING, "utf8").split(/^(?=\[\[step\]\]$)/m);
    const some = names.map((name) => all.find((step) => step.includes(`name    = "${name}"`))!);
    writeFileSync(file, some.join(""));
    return file;
  }
}
