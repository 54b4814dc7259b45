// A pool of Baileys accounts in a process of its own: what it tells the test, and what the test asks of it. Everything
// crosses the process boundary by structured clone.
import { type ChildProcess, fork } from "node:child_process";
import { EventEmitter } from "node:events";
import { fileURLToPath } from "node:url";
import type { AccountApi } from "./account_api.ts";
import { Calls, type Reply, type Request } from "./calls.ts";
import { end, endWithTest } from "./processes.ts";

export interface AccountName {
  sessionId: string;
  jid: string;
  lid: string;
}

export interface PoolOptions {
  addresses: string[];
  leaseTtlMs: number;
  // The process keeps each of them when nobody else has it.
  accounts: AccountName[];
}

export type PoolApi = Pick<AccountApi, "pair" | "makePreKeys" | "preKeyBundle" | "openSession" | "encrypt" | "decrypt">;

export type PoolRequest = Request<PoolApi> & { sessionId: string };

// `owned`: whether the process still had the session when the call ended, as far as it knew. `begun`: when it began.
export type PoolReply = Reply & { owned: boolean; begun: number };

// Asks the process to close its pool, and end.
export const CLOSE = "close";

// Times are those of `now`. An ownership is named by the time at which it began.
export type PoolNews =
  | { kind: "asks" }
  | { kind: "owns"; sessionId: string; since: number }
  | { kind: "lost"; sessionId: string; since: number; owner: string | undefined }
  | ({ kind: "answer" } & PoolReply);

// Milliseconds of a clock that all processes of this machine share, and that does not jump.
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

// A session of one process, from `since` to when it is lost or given up.
export interface Ownership {
  readonly pool: PoolProcess;
  readonly sessionId: string;
  readonly since: number;
  // When the last call began that was answered with success: every call here writes.
  lastBegun: number;
  // Who has the session now, when the process was told.
  lostTo?: string;
}

// A call that failed because the process ended or had lost the session: it may have taken place.
export class OwnerGoneError extends Error {}

const PROGRAM = fileURLToPath(new URL("pool_process.ts", import.meta.url));
const FOLDER = fileURLToPath(new URL(".", import.meta.url));

// Emits `owns` and `gone` with an Ownership.
export class PoolProcess extends EventEmitter<{ owns: [Ownership]; gone: [Ownership] }> {
  #child: ChildProcess | undefined;
  readonly #calls = new Calls<PoolReply>();
  readonly #owned = new Map<string, Ownership>();

  constructor(
    readonly name: string,
    readonly options: PoolOptions,
  ) {
    super();
  }

  get owned(): Ownership[] {
    return [...this.#owned.values()];
  }

  // Resolves once the process asks for its sessions.
  async start(): Promise<void> {
    const child = fork(PROGRAM, [JSON.stringify(this.options)], {
      cwd: FOLDER,
      execArgv: ["--import", "tsx"],
      serialization: "advanced",
      // libsignal tells its news on stdout, and its errors on stderr.
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.#child = endWithTest(child);
    const asks = new Promise<void>((resolve, reject) => {
      child.on("message", (news: PoolNews) => {
        if (news.kind === "asks") resolve();
        else this.#take(news);
      });
      child.once("exit", (code, signal) => {
        reject(new Error(`pool ${this.name} ended: ${code ?? signal}`));
        this.#noteEnd();
      });
    });
    await asks;
  }

  async call<M extends keyof PoolApi>(
    ownership: Ownership,
    method: M,
    ...args: Parameters<PoolApi[M]>
  ): Promise<Awaited<ReturnType<PoolApi[M]>>> {
    const { sessionId } = ownership;
    if (this.#owned.get(sessionId) !== ownership) {
      throw new OwnerGoneError(`${this.name} no longer has ${sessionId}`);
    }
    const { value, error, owned, begun } = await this.#calls.make((id) => {
      this.#child?.send({ id, sessionId, method, args } satisfies PoolRequest);
    });
    if (error !== undefined) throw owned ? new Error(error) : new OwnerGoneError(error);
    ownership.lastBegun = Math.max(ownership.lastBegun, begun);
    return value as Awaited<ReturnType<PoolApi[M]>>;
  }

  // Stops the process, which does not notice, until `resume`.
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  // Ends the process as a power cut would.
  async crash(): Promise<void> {
    await end(this.#child, "SIGKILL");
  }

  // Lets the process give its sessions back, and end.
  async close(): Promise<void> {
    await end(this.#child, () => this.#child?.send(CLOSE));
  }

  #take(news: Exclude<PoolNews, { kind: "asks" }>): void {
    if (news.kind === "answer") {
      this.#calls.take(news);
    } else if (news.kind === "owns") {
      const { sessionId, since } = news;
      const ownership: Ownership = { pool: this, sessionId, since, lastBegun: 0 };
      this.#owned.set(sessionId, ownership);
      this.emit("owns", ownership);
    } else {
      const ownership = this.#owned.get(news.sessionId);
      if (ownership?.since !== news.since) return;
      ownership.lostTo = news.owner ?? "";
      this.#owned.delete(news.sessionId);
      this.emit("gone", ownership);
    }
  }

  #noteEnd(): void {
    this.#calls.fail(new OwnerGoneError(`pool ${this.name} ended`));
    const gone = this.owned;
    this.#owned.clear();
    for (const ownership of gone) this.emit("gone", ownership);
  }
}
