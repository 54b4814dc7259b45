// The rows that compare stores: every store in a process of its own, all on the same machine and disk.
import type { Contender, PeerName, Row } from "./row.ts";
import { StoreProcess } from "./store_process.ts";
import type { StoreKind } from "./stores/store.ts";
import type { Testbed } from "./testbed.ts";
import type { WorkloadName } from "./workload_of.ts";

export const STORE_CONDITIONS: Record<StoreKind, string> = {
  authstate: "",
  "authstate-wb": "with --write-behind, on a database of its own",
  "authstate-sealed": "with a keyring and a token, on a database of its own",
  "authstate-tls": "over TLS 1.3, on a database of its own",
  "authstate-sealed-tls": "with a keyring and a token over TLS 1.3, on a database of its own",
  "pg-adapter": "pg.Pool of 10, synchronous_commit=on",
  "multi-file": "no fsync",
  redis: "one connection, appendfsync=always",
  "mysql-baileys": "its one connection, InnoDB with innodb_flush_log_at_trx_commit=1 in place of its MyISAM",
};

// Sizes of the workloads: `full` is what the row's name says, `quick` shows that it runs.
export interface Sizes {
  poolDivisor: number;
  incomingDivisor: number;
  restart: { sessions: number; keysEach: number };
}

export const FULL: Sizes = { poolDivisor: 1, incomingDivisor: 1, restart: { sessions: 1_000, keysEach: 500 } };
export const QUICK: Sizes = { poolDivisor: 100, incomingDivisor: 8, restart: { sessions: 8, keysEach: 50 } };

// How much memory the server may take, with what it caches.
const MEMORY_LIMIT_MB = 300;

interface StoreRow {
  name: string;
  unit: string;
  better: "higher" | "lower";
  conditions: string;
  workload: WorkloadName;
  // Authstate with its defaults, if nothing is said.
  ours?: StoreKind;
  // The stores that it makes sense for; a self is our own store at another workload.
  peers: readonly StoreKind[];
  self?: { workload: WorkloadName } | { limit: number };
  delayMs?: number;
}

const EVERYBODY: readonly StoreKind[] = ["pg-adapter", "multi-file", "redis", "mysql-baileys"];
const OVER_A_NETWORK: readonly StoreKind[] = ["pg-adapter", "redis", "mysql-baileys"];
const DELAYS_MS = [5, 1];
// Where it shows what encryption, tokens and TLS cost: rows of these are measured with them too.
export const SECURED = ["authstate-sealed", "authstate-tls", "authstate-sealed-tls"] as const;
const WITH_SECURED = new Set(["incoming-message/10kB/64", "set-one"]);

// What is also measured with write-behind, which then is ours, also against authstate without it.
const WRITTEN_BEHIND = new Set([
  ...["set-one", "incoming-message/1.5kB/1", "incoming-message/10kB/64"],
  ...["set-one+5ms", "prekey-upload/812+5ms", "group-send-first/100+5ms", "incoming-message/10kB/64+5ms"],
]);

const INCOMING_SIZES = { "1.5kB": 1_500, "10kB": 10_000, "100kB": 100_000 };
const INCOMING_SESSIONS = [1, 64];
const POOL_SESSIONS = [100, 1_000, 10_000];
const MEMORY_SESSIONS = 10_000;

// These stay connected to where they were opened first in a process, wherever they are opened later.
const KEEPS_ITS_CONNECTION: ReadonlySet<StoreKind> = new Set(["mysql-baileys"]);

type Plain = Omit<StoreRow, "peers">;

function everydayRows(divisor: number): Plain[] {
  const rows: Plain[] = [];
  for (const [size, bytes] of Object.entries(INCOMING_SIZES)) {
    for (const sessions of INCOMING_SESSIONS) {
      rows.push({
        ...{ name: `incoming-message/${size}/${sessions}`, unit: "messages/s", better: "higher" },
        conditions: `get and set of a session record, ${Math.ceil(sessions / divisor)} at a time`,
        workload: { name: "incoming-message", bytes, sessions: Math.ceil(sessions / divisor) },
      });
    }
  }
  const latency = { unit: "ms, p50", better: "lower" } as const;
  rows.push(
    {
      ...{ name: "group-send-steady", ...latency, workload: { name: "group-send-steady" } },
      conditions: "two gets, then a set of two keys",
    },
    {
      ...{ name: "group-send-first/100", ...latency, workload: { name: "group-send-first", devices: 100 } },
      conditions: "100 gets of one record of 1.5 kB, one after the other, then a set of 102 keys",
    },
    {
      ...{ name: "prekey-upload/812", ...latency, workload: { name: "prekey-upload", count: 812 } },
      conditions: "one set of 812 new pre-keys, in 32 new sessions one after the other",
    },
    { name: "get-one", ...latency, workload: { name: "get-one" }, conditions: "a record of 1.5 kB, one at a time" },
    { name: "set-one", ...latency, workload: { name: "set-one" }, conditions: "a record of 1.5 kB, one at a time" },
  );
  return rows;
}

const DELAYED = new Set([
  ...["incoming-message/10kB/1", "incoming-message/10kB/64", "group-send-steady", "group-send-first/100"],
  ...["prekey-upload/812", "get-one", "set-one"],
]);

function storeRows({ poolDivisor, incomingDivisor, restart }: Sizes): StoreRow[] {
  const everyday = everydayRows(incomingDivisor);
  const delayed = DELAYS_MS.flatMap((delayMs) =>
    everyday
      .filter(({ name }) => DELAYED.has(name))
      .map((row) => ({
        ...{ ...row, name: `${row.name}+${delayMs}ms`, delayMs, peers: OVER_A_NETWORK },
        conditions: `${row.conditions}; ${delayMs} ms added to each round trip to the database`,
      })),
  );
  const pool = (sessions: number): WorkloadName => ({ name: "pool", sessions: sessions / poolDivisor });
  const [smallest] = POOL_SESSIONS;
  const local = everyday.map((row): StoreRow => ({ ...row, peers: EVERYBODY }));
  return [
    ...local.map((row) => (WITH_SECURED.has(row.name) ? { ...row, peers: [...EVERYBODY, ...SECURED] } : row)),
    {
      ...{ name: "wal-bytes/100kB", unit: "bytes of WAL", better: "lower", peers: ["pg-adapter"] },
      workload: { name: "wal-bytes", bytes: 100_000 },
      conditions: "for each rewrite of a session record of 100 kB",
    },
    {
      ...{ name: "server-memory/10000", unit: "MB resident", better: "lower", peers: [] },
      workload: { name: "server-memory", sessions: MEMORY_SESSIONS / poolDivisor },
      conditions: `authstated with ${MEMORY_SESSIONS / poolDivisor} attached sessions; self is the limit that is set for it`,
      self: { limit: MEMORY_LIMIT_MB },
    },
    {
      ...{ name: "restart/1000x500", unit: "sessions/s", better: "higher", peers: [...EVERYBODY, ...SECURED] },
      workload: { name: "restart", ...restart },
      conditions:
        `${restart.sessions} sessions of ${restart.keysEach} keys, 32 at a time: creds, and each key once, one id a get;` +
        " cut off after 10 s",
    },
    ...POOL_SESSIONS.map((sessions): StoreRow => ({
      ...{ name: `pool/${sessions}`, unit: "operations/s", better: "higher" },
      // To fill 10,000 sessions, or to keep as many open, takes some of the others minutes.
      peers: sessions === smallest ? EVERYBODY : ["pg-adapter"],
      workload: pool(sessions),
      conditions: `${sessions / poolDivisor} open sessions, each used before, a mixed load on 100 of them at a time; self has ${smallest! / poolDivisor}`,
      ...(sessions === smallest ? {} : { self: { workload: pool(smallest!) } }),
    })),
    ...delayed,
    ...[...local, ...delayed].filter(({ name }) => WRITTEN_BEHIND.has(name)).map(writtenBehind),
    {
      ...{ name: "write-behind/wal-bytes/10kB/64", unit: "bytes of WAL", better: "lower" },
      ...{ ours: "authstate-wb", peers: ["authstate"] },
      workload: { name: "wal-bytes-of-messages", bytes: 10_000, sessions: Math.ceil(64 / incomingDivisor) },
      conditions: `for each message of incoming-message/10kB/64, until the database has all of them`,
    },
  ];
}

function writtenBehind(row: StoreRow): StoreRow {
  return { ...row, name: `write-behind/${row.name}`, ours: "authstate-wb", peers: [...row.peers, "authstate"] };
}

export class StoreRows {
  readonly #bed: Testbed;
  readonly #sizes: Sizes;
  readonly #peers: ReadonlySet<StoreKind>;
  readonly #processes = new Map<string, Promise<StoreProcess>>();
  readonly #seeded = new Set<string>();

  constructor(bed: Testbed, sizes: Sizes, peers: readonly StoreKind[]) {
    this.#bed = bed;
    this.#sizes = sizes;
    this.#peers = new Set(peers);
  }

  rows(): Row[] {
    return storeRows(this.#sizes).map(({ ours = "authstate", peers, self, workload, delayMs = 0, ...row }) => {
      const others: Contender<PeerName>[] = peers
        .filter((kind) => this.#peers.has(kind))
        .map((kind) => this.#contender(kind, kind, workload, delayMs));
      if (self !== undefined) {
        others.push("limit" in self ? limit(self.limit) : this.#contender("self", ours, self.workload, delayMs));
      }
      return { ...row, ours: this.#contender("ours", ours, workload, delayMs), peers: others };
    });
  }

  async stop(): Promise<void> {
    for (const starting of this.#processes.values()) await (await starting).stop();
  }

  #contender<Name extends string>(
    name: Name,
    kind: StoreKind,
    workload: WorkloadName,
    delayMs: number,
  ): Contender<Name> {
    return {
      name,
      conditions: () => STORE_CONDITIONS[kind],
      prepare: async () => {
        const worker = await this.#process(kind, delayMs);
        const key = `${kind} ${JSON.stringify(workload)}`;
        if (this.#seeded.has(key)) return;
        await worker.perform({ kind: "seed", store: await this.#bed.place(kind, delayMs), workload });
        this.#seeded.add(key);
      },
      measure: async (timing) => {
        const worker = await this.#process(kind, delayMs);
        const store = await this.#bed.place(kind, delayMs);
        const { serverPid } = this.#bed;
        const databaseUrl = this.#bed.databaseUrl(kind);
        return worker.perform({ kind: "measure", store, workload, timing, databaseUrl, serverPid });
      },
    };
  }

  // Makes the process, once, and lets the store show that it stores.
  #process(kind: StoreKind, delayMs: number): Promise<StoreProcess> {
    const key = KEEPS_ITS_CONNECTION.has(kind) ? `${kind}+${delayMs}` : kind;
    const started = this.#processes.get(key) ?? this.#start(kind, delayMs);
    this.#processes.set(key, started);
    return started;
  }

  async #start(kind: StoreKind, delayMs: number): Promise<StoreProcess> {
    const worker = new StoreProcess();
    await worker.perform({ kind: "check", store: await this.#bed.place(kind, delayMs) });
    return worker;
  }
}

function limit(value: number): Contender<PeerName> {
  return { name: "self", conditions: () => "", prepare: async () => undefined, measure: async () => value };
}
