// Rows of `authstatectl tables`: a table of a million rows copied beside pg_dump and pg_restore, compared while equal,
// brought up to date after a thousandth of it has changed, and taken back after as much was written in the new place; each
// also at a distance of 5 ms.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { runControl } from "../e2e/servers.ts";
import type { Contender, Row } from "./row.ts";
import type { Testbed } from "./testbed.ts";

// AUTHSTATE_BENCH_TABLE_ROWS takes the place of it, for ten million and more.
const ROWS = Number(process.env.AUTHSTATE_BENCH_TABLE_ROWS ?? "1000000");
const ROWS_IN_QUICK = 1_000;
// More rows than that are measured once: it takes minutes.
const ROWS_FOR_MEDIANS = 2_000_000;
const FAR_MS = 5;
const SOURCE = "tables_source";
const TARGET = "tables_target";
const CHANGED_OF = 1_000;

const TABLE = `CREATE TABLE visits (id bigserial PRIMARY KEY, client_id int NOT NULL, at timestamptz NOT NULL, cost
  numeric(12, 2), tags text[], details jsonb, UNIQUE (client_id, at))`;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

export class MovingRows {
  readonly #rows: number;
  #made: Promise<void> | undefined;
  // Whether the target holds what the source does.
  #copied = false;

  constructor(
    private readonly bed: Testbed,
    quick: boolean,
  ) {
    this.#rows = quick ? ROWS_IN_QUICK : ROWS;
  }

  rows(): Row[] {
    const name = (what: string): string => `tables-${what}/${this.#rows}`;
    const table = `one table of ${this.#rows} rows of six columns, two databases of one PostgreSQL`;
    const how = {
      ...{ unit: "s", better: "lower" as const },
      ...(this.#rows > ROWS_FOR_MEDIANS ? { repetitions: 1 } : {}),
    };
    return [
      {
        ...{ name: name("copy"), ...how },
        conditions:
          `${table}, the target empty; key, indexes and sequence included; a second round finds it equal; ` +
          `self: both ${FAR_MS} ms away`,
        ours: this.#contender("ours", () => this.#copy(0)),
        peers: [this.#contender("pg_dump", () => this.#dump()), this.#contender("self", () => this.#copy(FAR_MS))],
      },
      {
        ...{ name: name("verify"), ...how },
        conditions: `${table}, equal; self: both ${FAR_MS} ms away`,
        ours: this.#contender("ours", () => this.#verify(0)),
        peers: [this.#contender("self", () => this.#verify(FAR_MS))],
      },
      {
        ...{ name: name("last-round"), ...how },
        conditions: `${table}, of which 1 in ${CHANGED_OF} differs, here and there; self: both ${FAR_MS} ms away`,
        ours: this.#contender("ours", () => this.#lastRound(0)),
        peers: [this.#contender("self", () => this.#lastRound(FAR_MS))],
      },
      {
        ...{ name: name("way-back"), ...how },
        conditions:
          `${table}, of which 1 in ${CHANGED_OF} was written in the target since it was verified; ` +
          `self: both ${FAR_MS} ms away`,
        ours: this.#contender("ours", () => this.#wayBack(0)),
        peers: [this.#contender("self", () => this.#wayBack(FAR_MS))],
      },
    ];
  }

  #contender<Name extends string>(name: Name, measure: () => Promise<number>): Contender<Name> {
    return { name, conditions: () => "", prepare: () => (this.#made ??= this.#make()), measure };
  }

  async #make(): Promise<void> {
    for (const database of [SOURCE, TARGET]) await this.bed.run(`CREATE DATABASE ${database}`, "postgres");
    await this.bed.run(TABLE, SOURCE);
    await this.bed.run(
      `INSERT INTO visits (client_id, at, cost, tags, details) SELECT i % 5000, timestamptz '2025-01-01' + i *
         interval '1 minute', i % 900 + 0.5, ARRAY['a', 'b' || i % 7], jsonb_build_object('from', 'whatsapp', 'n', i)
       FROM generate_series(1, ${this.#rows}) AS i`,
      SOURCE,
    );
    await this.bed.run("VACUUM ANALYZE", SOURCE);
  }

  async #tables(delayMs: number, ...words: string[]): Promise<void> {
    const urlOf = (database: string): Promise<string> => this.bed.delayedUrl(this.bed.urlOf(database), delayMs);
    const places = [`--supabase-url=${await urlOf(SOURCE)}`, `--timeweb-url=${await urlOf(TARGET)}`];
    const plain = ["--supabase-sslmode=disable", "--timeweb-sslmode=disable"];
    await runControl("tables", ...words, "--from=supabase", "--to=timeweb", ...places, ...plain);
  }

  async #emptied(): Promise<void> {
    await this.bed.run("DROP TABLE IF EXISTS visits", TARGET);
    this.#copied = false;
  }

  async #copy(delayMs: number): Promise<number> {
    await this.#emptied();
    const took = await seconds(() => this.#tables(delayMs, "sync", "--create"));
    this.#copied = true;
    return took;
  }

  async #dump(): Promise<number> {
    await this.#emptied();
    const script = 'set -o pipefail; pg_dump -Fc "$0" | pg_restore --no-owner --dbname="$1"';
    const urls = [SOURCE, TARGET].map((database) => this.bed.urlOf(database));
    return seconds(() => promisify(execFile)("bash", ["-c", script, ...urls]));
  }

  async #verify(delayMs: number): Promise<number> {
    if (!this.#copied) await this.#copy(0);
    return seconds(() => this.#tables(delayMs, "verify"));
  }

  async #lastRound(delayMs: number): Promise<number> {
    if (!this.#copied) await this.#copy(0);
    await this.#write(SOURCE);
    return seconds(() => this.#tables(delayMs, "sync", "--rounds=1"));
  }

  async #wayBack(delayMs: number): Promise<number> {
    if (!this.#copied) await this.#copy(0);
    const report = `--report=${join(this.bed.folder.path, "moved.json")}`;
    await this.#tables(delayMs, "verify", report);
    await this.#write(TARGET);
    const took = await seconds(() => this.#tables(delayMs, "sync", "--reverse", "--rounds=1", report));
    const sum = "SELECT sum(cost) FROM visits";
    const [before, after] = await Promise.all([SOURCE, TARGET].map((database) => this.bed.run(sum, database)));
    if (String(before?.rows[0]?.sum) !== String(after?.rows[0]?.sum)) throw new Error("the way back lost a row");
    return took;
  }

  async #write(database: string): Promise<void> {
    await this.bed.run(`UPDATE visits SET cost = cost + 1 WHERE hashint8(id) % ${CHANGED_OF} = 0`, database);
  }
}
