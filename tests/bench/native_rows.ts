// The rows whose load is a C++ program, so that what is measured is the server and not Node.
import { once } from "node:events";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { BINARIES } from "../e2e/processes.ts";
import type { Contender, PeerName, Row } from "./row.ts";
import { scraping } from "./scraped_rows.ts";
import { type Server, startBound } from "./servers.ts";
import type { Testbed } from "./testbed.ts";
import type { Timing } from "./timing.ts";

const READS_IN_FLIGHT = 128;
const COMMITS_IN_FLIGHT = 256;
const PGBENCH_CLIENTS = [8, 16, 32, 64];
const PGBENCH_THREADS = 2;
const KEYS_EACH = 32;
const PRE_KEY_BYTES = 164;
const MS_A_SECOND = 1_000;
const LOCKED_SESSIONS = 8;
const OTHERS_IN_FLIGHT = 64;

// Runs a program, and resolves with its standard output.
async function output(command: string, args: string[]): Promise<string> {
  const child = startBound(command, args);
  let out = "";
  let errors = "";
  child.stdout?.on("data", (data: Buffer) => (out += data.toString()));
  child.stderr?.on("data", (data: Buffer) => (errors += data.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${errors}`);
  return out;
}

// Runs a program of this build that makes load, and resolves with the figures that it prints.
async function figuresOf(program: string, address: string, ...numbers: number[]): Promise<number[]> {
  const line = await output(join(BINARIES, program), [address, ...numbers.map(String)]);
  return line.trim().split(" ").map(Number);
}

// The first of them.
export async function runLoad(program: string, address: string, ...numbers: number[]): Promise<number> {
  return (await figuresOf(program, address, ...numbers))[0]!;
}

function reads(address: string, timing: Timing): Promise<number> {
  return runLoad("unary_load", address, READS_IN_FLIGHT, timing.warmUpMs, timing.measureMs);
}

function commitsOnPipe(address: string, inFlight: number, timing: Timing, locked = 0): Promise<number> {
  return runLoad("pipe_load", address, inFlight, timing.warmUpMs, timing.measureMs, locked);
}

// What commits on a pipe come to: how many a second, and how many milliseconds one takes.
export interface CommitFigures {
  rate: number;
  medianMs: number;
  p99Ms: number;
}

export async function commitFigures(address: string, inFlight: number, timing: Timing): Promise<CommitFigures> {
  const figures = await figuresOf("pipe_load", address, inFlight, timing.warmUpMs, timing.measureMs);
  const [rate, medianMs, p99Ms] = figures as [number, number, number];
  return { rate, medianMs, p99Ms };
}

const cachedReads = (bed: Testbed): Contender => ({
  name: "ours",
  conditions: () => "authstated on SQLite, the store that it keeps a cache over",
  prepare: async () => void (await bed.cachedAuthstated()),
  measure: async (timing) => reads((await bed.cachedAuthstated()).address, timing),
});

// The same reads while somebody scrapes the metrics every second, fifteen times as often as is usual.
const scrapedReads = (bed: Testbed): Contender => ({
  name: "ours",
  conditions: () => "its metrics are scraped every second",
  prepare: async () => void (await bed.cachedAuthstated()),
  measure: async (timing) => {
    const url = await bed.cachedMetrics();
    const { address } = await bed.cachedAuthstated();
    return scraping(url, reads(address, timing), () => undefined);
  },
});

const commits = (bed: Testbed): Contender => ({
  name: "ours",
  conditions: () => "",
  prepare: async () => void (await bed.authstated(0)),
  measure: async (timing) => commitsOnPipe((await bed.authstated(0)).address, COMMITS_IN_FLIGHT, timing),
});

// What others get done while another program's transaction has the rows of some sessions locked. An open transaction
// costs a database by itself, as it keeps all row versions that have died since; so it is open on both sides, and what is
// compared is whether commits wait for its rows.
function besideLocks(bed: Testbed, waiting: number): Omit<Contender, "name"> {
  return {
    conditions: () => (waiting > 0 ? `a commit to each of these waits` : "nobody wants them"),
    prepare: async () => {
      await bed.authstated(0);
      await bed.run(
        `INSERT INTO authstate.auth_sessions (session_id, revision, present, updated_at)
         SELECT 'locked-' || i, 1, true, now() FROM generate_series(1, ${LOCKED_SESSIONS}) AS i ON CONFLICT DO NOTHING`,
        "postgres",
      );
    },
    measure: async (timing) => {
      const { address } = await bed.authstated(0);
      const release = await bed.hold("SELECT FROM authstate.auth_sessions WHERE session_id LIKE 'locked-%' FOR UPDATE");
      try {
        return await commitsOnPipe(address, OTHERS_IN_FLIGHT, timing, waiting);
      } finally {
        await release();
      }
    },
  };
}

function echo(bed: Testbed): Contender<PeerName> {
  let server: Promise<Server> | undefined;
  return {
    name: "grpc-echo",
    conditions: () => "a gRPC server that answers messages of these sizes and does nothing else",
    prepare: async () => {
      await (server ??= bed.program("echo_server", []));
    },
    measure: async (timing) => reads(`127.0.0.1:${(await server!).port}`, timing),
  };
}

const TABLE = `CREATE TABLE bench_keys (session_id text, key_type text, key_id text, value bytea,
  PRIMARY KEY (session_id, key_type, key_id))`;
const UPSERT = `\\set session random(1, ${COMMITS_IN_FLIGHT})
\\set id random(1, ${KEYS_EACH})
INSERT INTO bench_keys VALUES ((:session)::text, 'pre-key', (:id)::text, '\\x${"6b".repeat(PRE_KEY_BYTES)}')
  ON CONFLICT (session_id, key_type, key_id) DO UPDATE SET value = excluded.value;
`;

class Pgbench implements Contender<PeerName> {
  readonly name = "pgbench";
  readonly #bed: Testbed;
  readonly #clients: readonly number[];
  #best = 0;

  constructor(bed: Testbed, clients: readonly number[]) {
    this.#bed = bed;
    this.#clients = clients;
  }

  conditions(): string {
    return `pgbench's prepared single-row upsert of the same keys at ${this.#best} connections, the best of ${this.#clients.join(", ")}`;
  }

  // Finds the count of connections that it is best at.
  async prepare(): Promise<void> {
    await this.#bed.run(TABLE, "postgres");
    writeFileSync(this.#script, UPSERT);
    let most = 0;
    for (const clients of this.#clients) {
      const rate = await this.#run(clients, 1);
      if (rate <= most) continue;
      most = rate;
      this.#best = clients;
    }
  }

  measure({ measureMs }: Timing): Promise<number> {
    return this.#run(this.#best, Math.max(1, Math.round(measureMs / MS_A_SECOND)));
  }

  get #script(): string {
    return join(this.#bed.folder.path, "upsert.sql");
  }

  async #run(clients: number, seconds: number): Promise<number> {
    const how = ["--no-vacuum", "--protocol=prepared", `--jobs=${PGBENCH_THREADS}`, `--file=${this.#script}`];
    const text = await output("pgbench", [
      ...how,
      `--client=${clients}`,
      `--time=${seconds}`,
      this.#bed.databaseUrl("authstate"),
    ]);
    const rate = /^tps = ([0-9.]+) /m.exec(text)?.[1];
    if (rate === undefined) throw new Error(`pgbench says no rate:\n${text}`);
    return Number(rate);
  }
}

export function nativeRows(bed: Testbed, quick: boolean): Row[] {
  return [
    {
      ...{ name: "unary-getkeys-cached", unit: "calls/s", better: "higher" },
      conditions: `C++ callback client, ${READS_IN_FLIGHT} calls in flight, one key of 1.2 kB each`,
      ours: cachedReads(bed),
      peers: [echo(bed)],
    },
    {
      ...{ name: "unary-getkeys-scraped", unit: "calls/s", better: "higher" },
      conditions: `the same load, on authstated with and without somebody who scrapes it`,
      ours: scrapedReads(bed),
      peers: [{ ...cachedReads(bed), name: "self", conditions: () => "nobody scrapes" }],
    },
    {
      ...{ name: `commit-one-key/${COMMITS_IN_FLIGHT}`, unit: "commits/s", better: "higher" },
      conditions: `C++ client, ${COMMITS_IN_FLIGHT} commits of one key in flight on one pipe, each in a session of its own`,
      ours: commits(bed),
      peers: [new Pgbench(bed, quick ? PGBENCH_CLIENTS.slice(0, 1) : PGBENCH_CLIENTS)],
    },
    {
      ...{ name: `locked-sessions/${LOCKED_SESSIONS}`, unit: "commits/s", better: "higher" },
      conditions:
        `C++ client, ${OTHERS_IN_FLIGHT} commits of one key in flight on one pipe, each in a session of its own, ` +
        `while a transaction has the rows of ${LOCKED_SESSIONS} other sessions locked`,
      ours: { name: "ours", ...besideLocks(bed, LOCKED_SESSIONS) },
      peers: [{ name: "self", ...besideLocks(bed, 0) }],
    },
  ];
}

// The C++ parts alone, with Google Benchmark: micro.json beside the reports.
export async function microBenchmarks(folder: string): Promise<void> {
  const file = `--benchmark_out=${join(folder, "micro.json")}`;
  const medians = ["--benchmark_repetitions=5", "--benchmark_report_aggregates_only=true", "--benchmark_min_time=0.1"];
  await output(join(BINARIES, "micro_benchmarks"), [file, ...medians]);
}
