// The way back of sessions: how long `authstatectl backend switch` takes to return to old tables that have followed.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Authstated } from "../e2e/servers.ts";
import type { Contender, Row } from "./row.ts";
import type { Testbed } from "./testbed.ts";

const TABLES = fileURLToPath(new URL("../support/legacy_tables.sql", import.meta.url));
// The live system has one session of so many keys.
const KEYS = 728;
const SESSIONS = 100;
const SESSIONS_IN_QUICK = 2;
const WRITTEN = 20;
const OLD = "way_back_old";
const NEW = "way_back_new";

export class WayBackRow {
  readonly #sessions: number;
  #server: Promise<Authstated> | undefined;
  #turn = 0;

  constructor(
    private readonly bed: Testbed,
    quick: boolean,
  ) {
    this.#sessions = quick ? SESSIONS_IN_QUICK : SESSIONS;
  }

  rows(): Row[] {
    return [
      {
        ...{ name: `way-back/${this.#sessions}`, unit: "s", better: "lower" },
        conditions:
          `${this.#sessions} sessions of ${KEYS} keys, native tables back to old ones, ${WRITTEN} commits just before; ` +
          "both databases of one PostgreSQL; self: the old ones were not followed",
        ours: this.#contender("ours", true),
        peers: [this.#contender("self", false)],
      },
    ];
  }

  async stop(): Promise<void> {
    await (await this.#server)?.stop();
  }

  #contender<Name extends string>(name: Name, follow: boolean): Contender<Name> {
    return {
      ...{ name, conditions: () => "" },
      prepare: async () => void (await (this.#server ??= this.#start())),
      measure: () => this.#wayBack(follow),
    };
  }

  async #start(): Promise<Authstated> {
    for (const database of [OLD, NEW]) await this.bed.run(`CREATE DATABASE ${database}`, "postgres");
    await this.bed.run(readFileSync(TABLES, "utf8"), OLD);
    await this.bed.run(
      `INSERT INTO whatsapp_auth SELECT s::text, '{"me": {"id": "1"}}' FROM generate_series(1, ${this.#sessions}) s;
       INSERT INTO whatsapp_keys SELECT s::text, 'pre-key', k::text, '{"type": "Buffer", "data": "${"a2V5".repeat(55)}"}'
         FROM generate_series(1, ${this.#sessions}) s, generate_series(1, ${KEYS}) k`,
      OLD,
    );
    const places = [`--supabase-url=${this.bed.urlOf(OLD)}`, `--timeweb-url=${this.bed.urlOf(NEW)}`];
    const plain = ["--supabase-sslmode=disable", "--timeweb-sslmode=disable", "--supabase-layout=legacy"];
    const server = new Authstated(["--backend=supabase", ...places, ...plain, "--log-level=warn"]);
    await server.start();
    return server;
  }

  async #wayBack(follow: boolean): Promise<number> {
    const server = await this.#server!;
    const switchTo = (target: string, ...more: string[]): Promise<string> =>
      server.control("backend", "switch", target, "--sync", "--yes", "--max-pause=30s", ...more);
    await switchTo("timeweb", ...(follow ? ["--follow"] : []));
    const value = String(++this.#turn);
    const sessions = Array.from({ length: WRITTEN }, (_, index) => String(1 + (index % this.#sessions)));
    for (const session of sessions) await server.control("keys", "set", session, "session", "1", value);
    const began = performance.now();
    await switchTo("supabase");
    const took = (performance.now() - began) / 1_000;
    for (const session of new Set(sessions)) {
      const { keys } = JSON.parse(await server.control("keys", "get", session, "session", "1", "--json"));
      if (String(keys[0]?.value) !== value) throw new Error(`${session} lost what was written before the way back`);
    }
    return took;
  }
}
