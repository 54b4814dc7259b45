// Rows of a store that has 100,000 sessions: how long it takes to list those that were not written for 30 days, with their
// sizes, and what others get done meanwhile.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Authstated } from "../e2e/servers.ts";
import { type CommitFigures, commitFigures, runLoad } from "./native_rows.ts";
import type { Contender, Row } from "./row.ts";
import type { Testbed } from "./testbed.ts";
import type { Timing } from "./timing.ts";

const SESSIONS = 100_000;
const SESSIONS_IN_QUICK = 1_000;
const KEYS_EACH = 20;
const KEY_BYTES = 164;
const STALE_DAYS = 30;
const OTHERS_IN_FLIGHT = 64;
// Commits beside listings are measured for so many times as long as others, 5 s: time for a listing, and for what follows.
const LONGER = 5;
const DATABASE = "many_sessions";

// Every other session was last written two months ago.
const TABLES = { postgres: "authstate.auth_", sqlite: "auth_" };
type Kind = keyof typeof TABLES;

function fill(kind: Kind, sessions: number): string {
  const tables = TABLES[kind];
  const numbers =
    kind === "postgres"
      ? `SELECT g AS n FROM generate_series(1, ${sessions}) AS g`
      : `WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < ${sessions}) SELECT n FROM g`;
  const keys =
    kind === "postgres"
      ? `SELECT g AS k FROM generate_series(1, ${KEYS_EACH}) AS g`
      : `WITH RECURSIVE g(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM g WHERE k < ${KEYS_EACH}) SELECT k FROM g`;
  const updated =
    kind === "postgres"
      ? "now() - (n % 2) * interval '60 days'"
      : "(strftime('%s', 'now') - n % 2 * 60 * 86400) * 1000000";
  const value = kind === "postgres" ? `decode(repeat('6b', ${KEY_BYTES}), 'hex')` : `zeroblob(${KEY_BYTES})`;
  const creds = kind === "postgres" ? "convert_to('{}', 'UTF8')" : "x'7b7d'";
  const present = kind === "postgres" ? "true" : "1";
  return `
    INSERT INTO ${tables}sessions (session_id, revision, present, updated_at)
      SELECT 'many-' || n, 1, ${present}, ${updated} FROM (${numbers}) AS s;
    INSERT INTO ${tables}creds (session_id, kind, value) SELECT 'many-' || n, 2, ${creds} FROM (${numbers}) AS s;
    INSERT INTO ${tables}keys (session_id, key_type, key_id, kind, value)
      SELECT 'many-' || n, 'pre-key', k, 1, ${value} FROM (${numbers}) AS s CROSS JOIN (${keys}) AS t;`;
}

// A store with so many sessions, and the authstated over it, made when they are first needed.
class ManySessions {
  #server: Promise<Authstated> | undefined;

  constructor(
    private readonly bed: Testbed,
    private readonly kind: Kind,
    private readonly sessions: number,
  ) {}

  async address(): Promise<string> {
    return (await (this.#server ??= this.#start())).address;
  }

  async stop(): Promise<void> {
    await (await this.#server)?.stop();
  }

  async #start(): Promise<Authstated> {
    const folder = join(this.bed.folder.path, "many-sessions");
    const file = join(folder, "authstate.db");
    if (this.kind === "sqlite") mkdirSync(folder);
    else await this.bed.run(`CREATE DATABASE ${DATABASE}`, "postgres");
    const store = this.kind === "sqlite" ? ["--sqlite-path", file] : ["--postgres-url", this.bed.urlOf(DATABASE)];
    const server = new Authstated(["--backend", this.kind, ...store, "--log-level", "warn"]);
    // It makes the tables.
    await server.start();
    await server.stop();
    if (this.kind === "sqlite")
      execFileSync("sqlite3", [file], { input: `BEGIN; ${fill("sqlite", this.sessions)} COMMIT;` });
    else {
      await this.bed.run(fill("postgres", this.sessions), DATABASE);
      await this.bed.run("VACUUM ANALYZE", DATABASE);
    }
    await server.start();
    return server;
  }
}

function listing(store: ManySessions, staleDays: number): Omit<Contender, "name"> {
  return {
    conditions: () => (staleDays > 0 ? "" : "all sessions, without a filter and without sizes"),
    prepare: async () => void (await store.address()),
    measure: async () => runLoad("list_load", await store.address(), staleDays, 0),
  };
}

type Listings = "none" | "one" | "all the time";

// Commits while others list, or not. One run has the figures of several rows, so the rows share the runs.
class CommitsBeside {
  readonly #runs: Promise<CommitFigures>[] = [];

  constructor(
    private readonly store: ManySessions,
    private readonly listings: Listings,
  ) {}

  contender(figure: keyof CommitFigures): Omit<Contender, "name"> {
    let runs = 0;
    return {
      conditions: () => (this.listings === "none" ? "nobody lists" : ""),
      prepare: async () => void (await this.store.address()),
      measure: async (timing) => (await (this.#runs[runs++] ??= this.#run(timing)))[figure],
    };
  }

  async #run({ warmUpMs, measureMs }: Timing): Promise<CommitFigures> {
    const address = await this.store.address();
    const forMs = LONGER * measureMs;
    const list = async (): Promise<void> => {
      await setTimeout(warmUpMs);
      await runLoad("list_load", address, STALE_DAYS, this.listings === "one" ? 0 : forMs);
    };
    const listed = this.listings === "none" ? undefined : list();
    const figures = await commitFigures(address, OTHERS_IN_FLIGHT, { warmUpMs, measureMs: forMs });
    await listed;
    return figures;
  }
}

const FIGURES = [
  { figure: "rate", suffix: "", unit: "commits/s", better: "higher" },
  { figure: "medianMs", suffix: "-p50", unit: "ms", better: "lower" },
  { figure: "p99Ms", suffix: "-p99", unit: "ms", better: "lower" },
] as const;

function besideRows(kind: Kind, store: ManySessions, name: string, listings: Listings, how: string): Row[] {
  const ours = new CommitsBeside(store, listings);
  const alone = new CommitsBeside(store, "none");
  return FIGURES.map(({ figure, suffix, unit, better }) => ({
    ...{ name: `${name}${suffix}/${SESSIONS}/${kind}`, unit, better },
    conditions:
      `C++ client, ${OTHERS_IN_FLIGHT} commits of one key in flight on one pipe, for ${LONGER} times as long as other ` +
      `rows, beside ${SESSIONS} sessions, ${how}`,
    ours: { name: "ours", ...ours.contender(figure) },
    peers: [{ name: "self", ...alone.contender(figure) }],
  }));
}

export class ListingRows {
  readonly #stores: { kind: Kind; store: ManySessions }[];

  constructor(bed: Testbed, quick: boolean) {
    const sessions = quick ? SESSIONS_IN_QUICK : SESSIONS;
    this.#stores = (["postgres", "sqlite"] as const).map((kind) => ({
      kind,
      store: new ManySessions(bed, kind, sessions),
    }));
  }

  rows(): Row[] {
    return this.#stores.flatMap(({ kind, store }): Row[] => [
      {
        ...{ name: `list-stale/${SESSIONS}/${kind}`, unit: "ms", better: "lower" },
        conditions:
          `C++ client, all pages of those of ${SESSIONS} sessions of ${KEYS_EACH} keys that were not written for ` +
          `${STALE_DAYS} days, which are half of them, with their sizes`,
        ours: { name: "ours", ...listing(store, STALE_DAYS) },
        peers: [{ name: "self", ...listing(store, 0) }],
      },
      ...besideRows(kind, store, "commits-beside-one-listing", "one", "of which somebody lists the stale ones once"),
      ...besideRows(
        kind,
        store,
        "commits-beside-listing",
        "all the time",
        "of which somebody lists the stale ones without pause",
      ),
    ]);
  }

  async stop(): Promise<void> {
    for (const { store } of this.#stores) await store.stop();
  }
}
