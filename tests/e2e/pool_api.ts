// A pool of Baileys accounts in a process of its own: what it tells the test, and what the test asks of it. Everything
// crosses the process boundary by structured clone.
import { type ChildProcess, fork } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { fileURLToPath } from "node:url";
import type { PreKeyBundle } from "../vectors/signal_account.ts";
import type { Message } from "./account_api.ts";

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

export interface PoolApi {
  pair(): Promise<void>;
  makePreKeys(count: number): Promise<number>;
  preKeyBundle(id: number): Promise<PreKeyBundle>;
  openSession(jid: string, bundle: PreKeyBundle): Promise<void>;
  encrypt(to: string, text: string): Promise<Message>;
  decrypt(from: string, message: Message): Promise<string>;
}

export interface PoolRequest {
  id: number;
  sessionId: string;
  method: keyof PoolApi;
  args: unknown[];
}

// Asks the process to close its pool, and end.
export const CLOSE = "close";

// Times are those of `now`. An ownership is named by the time at which it began.
export type PoolNews =
  | { kind: "asks" }
  | { kind: "owns"; sessionId: string; since: number }
  | { kind: "lost"; sessionId: string; since: number; owner: string | undefined }
  // `owned`: whether the process still had the session when the call ended, as far as it knew.
  | { kind: "answer"; id: number; value?: unknown; error?: string; owned: boolean; begun: number };

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

const live = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of live) child.kill("SIGKILL");
});

interface Waiting {
  ownership: Ownership;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

// Emits `owns` and `gone` with an Ownership.
export class PoolProcess extends EventEmitter<{ owns: [Ownership]; gone: [Ownership] }> {
  #child: ChildProcess | undefined;
  #lastId = 0;
  readonly #waiting = new Map<number, Waiting>();
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
    this.#child = child;
    live.add(child);
    const asks = new Promise<void>((resolve, reject) => {
      child.on("message", (news: PoolNews) => {
        if (news.kind === "asks") resolve();
        else this.#take(news);
      });
      child.once("exit", (code, signal) => {
        live.delete(child);
        reject(new Error(`pool ${this.name} ended: ${code ?? signal}`));
        this.#noteEnd();
      });
    });
    await asks;
  }

  call<M extends keyof PoolApi>(
    ownership: Ownership,
    method: M,
    ...args: Parameters<PoolApi[M]>
  ): ReturnType<PoolApi[M]> {
    const id = ++this.#lastId;
    const reply = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { ownership, resolve, reject }));
    if (this.#owned.get(ownership.sessionId) === ownership) {
      this.#child?.send({ id, sessionId: ownership.sessionId, method, args } satisfies PoolRequest);
    } else {
      this.#waiting.get(id)?.reject(new OwnerGoneError(`${this.name} no longer has ${ownership.sessionId}`));
      this.#waiting.delete(id);
    }
    return reply as ReturnType<PoolApi[M]>;
  }

  // The process does nothing, and does not know it.
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  // As a power cut would.
  async crash(): Promise<void> {
    await this.#end((child) => child.kill("SIGKILL"));
  }

  // Gives its sessions back.
  async close(): Promise<void> {
    await this.#end((child) => child.send(CLOSE));
  }

  async #end(how: (child: ChildProcess) => void): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    how(child);
    await ended;
  }

  #take(news: Exclude<PoolNews, { kind: "asks" }>): void {
    if (news.kind === "answer") {
      this.#answer(news);
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

  #answer({ id, value, error, owned, begun }: Extract<PoolNews, { kind: "answer" }>): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting === undefined) return;
    if (error === undefined) {
      waiting.ownership.lastBegun = Math.max(waiting.ownership.lastBegun, begun);
      waiting.resolve(value);
    } else {
      waiting.reject(owned ? new Error(error) : new OwnerGoneError(error));
    }
  }

  #noteEnd(): void {
    for (const { reject } of this.#waiting.values()) reject(new OwnerGoneError(`pool ${this.name} ended`));
    this.#waiting.clear();
    const gone = this.owned;
    this.#owned.clear();
    for (const ownership of gone) this.emit("gone", ownership);
  }
}
