// Rows of a server whose metrics are scraped every second, fifteen times as often as is usual: what that costs, and whether its
// memory grows under a load for long.
import { setTimeout } from "node:timers/promises";
import { Authstated } from "../e2e/servers.ts";
import { freePort } from "../e2e/processes.ts";
import type { Contender, Row } from "./row.ts";
import { StoreProcess } from "./store_process.ts";
import type { Testbed } from "./testbed.ts";
import { median } from "./timing.ts";

const MS_A_SECOND = 1_000;
const BYTES_A_MB = 1_000_000;
const SESSIONS = 10_000;
const SESSIONS_IN_QUICK = 100;
const SECONDS_IN_QUICK = 3;
const DATABASE = "scraped";
// Of the time of the load, before anything is compared.
const WARM_UP = 0.2;
const PARTS = 10;
const SCRAPES = 200;
// A hundredth of one processor, at a scrape a second.
const LIMIT_MS = 10;

export async function scrape(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.text();
}

// Scrapes every second until `work` is done; `seen` is told each scrape.
export async function scraping<T>(url: string, work: Promise<T>, seen: (text: string) => void): Promise<T> {
  const over = new AbortController();
  const scrapes = (async () => {
    while (!over.signal.aborted) {
      seen(await scrape(url));
      await setTimeout(MS_A_SECOND, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  const done = await work.finally(() => over.abort());
  await scrapes;
  return done;
}

// A metric without labels.
function valueOf(metric: string, text: string): number {
  const value = new RegExp(`^${metric} (.*)$`, "m").exec(text)?.[1];
  if (value === undefined) throw new Error(`no ${metric} in the scrape`);
  return Number(value);
}

export class ScrapedRows {
  readonly #bed: Testbed;
  readonly #sessions: number;
  readonly #seconds: number;
  readonly #worker = new StoreProcess();
  #server: Promise<{ authstated: Authstated; url: string }> | undefined;
  // Resident memory, in MB, in each tenth of what is compared.
  #memory: Promise<number[]> | undefined;

  constructor(bed: Testbed, quick: boolean, seconds: number) {
    this.#bed = bed;
    this.#sessions = quick ? SESSIONS_IN_QUICK : SESSIONS;
    this.#seconds = quick ? SECONDS_IN_QUICK : seconds;
  }

  rows(): Row[] {
    const warmUp = `warmed up for ${this.#seconds * WARM_UP} s of them`;
    return [
      {
        ...{ name: `scraped-memory/${SESSIONS}`, unit: "MB resident", better: "lower", repetitions: 1 },
        conditions:
          `authstated on PostgreSQL under the load of pool/${this.#sessions} for ${this.#seconds} s, scraped every second; ` +
          `${warmUp}; medians of the last tenth of the rest, and of its first tenth`,
        ours: this.#contender("ours", "at the end", async () => (await this.#measured()).at(-1)!),
        peers: [this.#contender("self", "at the start", async () => (await this.#measured())[0]!)],
      },
      {
        ...{ name: `scrape-processor/${SESSIONS}`, unit: "ms", better: "lower" },
        conditions: `processor time of that server for a scrape, of ${SCRAPES} one after the other`,
        ours: this.#contender("ours", "", async () => this.#processorMs()),
        peers: [
          this.#contender("self", "the limit is 1 % of one processor, at a scrape a second", async () => LIMIT_MS),
        ],
      },
    ];
  }

  async stop(): Promise<void> {
    await this.#worker.stop();
    await (await this.#server)?.authstated.stop();
  }

  #contender<Name extends string>(name: Name, conditions: string, measure: () => Promise<number>): Contender<Name> {
    return { name, conditions: () => conditions, prepare: async () => void (await this.#started()), measure };
  }

  // Ours is measured first, and self was seen meanwhile.
  #measured(): Promise<number[]> {
    this.#memory ??= this.#loaded();
    return this.#memory;
  }

  async #loaded(): Promise<number[]> {
    const { authstated, url } = await this.#started();
    const store = { kind: "authstate", place: authstated.address } as const;
    const workload = { name: "pool", sessions: this.#sessions } as const;
    await this.#worker.perform({ kind: "seed", store, workload });
    const whole = this.#seconds * MS_A_SECOND;
    const timing = { warmUpMs: whole * WARM_UP, measureMs: whole * (1 - WARM_UP) };
    const place = { databaseUrl: this.#bed.urlOf(DATABASE), serverPid: authstated.pid ?? 0 };
    // While the load lasts all sessions are attached, and neither before nor after it.
    const seen: number[] = [];
    await scraping(url, this.#worker.perform({ kind: "measure", store, workload, timing, ...place }), (text) => {
      if (valueOf("authstate_pipe_channels", text) < this.#sessions) return;
      seen.push(valueOf("process_resident_memory_bytes", text) / BYTES_A_MB);
    });
    const compared = seen.slice(-Math.ceil(timing.measureMs / MS_A_SECOND));
    const parts = Math.min(PARTS, compared.length);
    const part = Math.floor(compared.length / parts);
    const medians = Array.from({ length: parts }, (_, index) =>
      median(compared.slice(index * part, (index + 1) * part)),
    );
    process.stderr.write(`MB resident, a tenth of the time each: ${medians.map((mb) => mb.toFixed(1)).join(" ")}\n`);
    return medians;
  }

  async #processorMs(): Promise<number> {
    const { url } = await this.#started();
    const before = valueOf("process_cpu_seconds_total", await scrape(url));
    for (let count = 1; count < SCRAPES; count++) await scrape(url);
    return ((valueOf("process_cpu_seconds_total", await scrape(url)) - before) * MS_A_SECOND) / SCRAPES;
  }

  #started(): Promise<{ authstated: Authstated; url: string }> {
    this.#server ??= this.#start();
    return this.#server;
  }

  async #start(): Promise<{ authstated: Authstated; url: string }> {
    await this.#bed.run(`CREATE DATABASE ${DATABASE}`, "postgres");
    const http = `127.0.0.1:${await freePort()}`;
    const where = ["--backend=postgres", `--postgres-url=${this.#bed.urlOf(DATABASE)}`];
    const authstated = new Authstated([...where, "--log-level=warn", `--http-listen=${http}`]);
    await authstated.start();
    return { authstated, url: `http://${http}/metrics` };
  }
}
