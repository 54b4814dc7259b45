import { AuthStateError } from "../errors.js";
import type { CommitRequest } from "../gen/authstate/v1/auth_state_service.js";
import type { Key, Value } from "../gen/authstate/v1/value.js";
import { turnEnd } from "../rpc/turn.js";
import { type Change, CommitSize, nameOf, planCommits } from "./commit_plan.js";

/** The session whose writes are queued. */
export interface WriteQueueHost {
  sessionId: string;
  /** The creds as they are now. Throws AuthStateError when they cannot be written. */
  encodeCreds(): Value;
  /** Resolves once the commit is durable. Retries until `until`, then rejects with AuthStateError. */
  commit(request: CommitRequest, until: number): Promise<void>;
  deleteSession(until: number): Promise<void>;
  /** Whether the first commit carries the creds, whoever asks for it. */
  credsOwed: boolean;
  now(): number;
}

type Write = Change | { kind: "creds" } | { kind: "removeSession" };

interface Pending {
  readonly write: Write;
  // The names of the keys that it writes, made when they are first asked for.
  names: ReadonlySet<string> | undefined;
  readonly until: number;
  readonly done: Promise<void>;
  // Whether it must not share a commit with others.
  alone: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

function isChange(write: Write): write is Change {
  return write.kind === "keys" || write.kind === "clear";
}

/**
 * The writes of one session, in the order of the calls, one commit at a time. Writes of one tick, and those that arrive
 * while a commit is under way, become one commit as far as the limits allow; each caller learns its own result. The
 * creds are read when their commit is made, not when saving was asked for.
 */
export class WriteQueue {
  readonly #host: WriteQueueHost;
  // The writes that wait, after those of the batch under way.
  #waiting: Pending[] = [];
  #underWay: Pending[] = [];
  #running: Promise<void> | undefined;
  // Whether the next commit has to carry the creds: they were never stored, or no server could be reached to store them.
  #credsOwed: boolean;

  constructor(host: WriteQueueHost) {
    this.#host = host;
    this.#credsOwed = host.credsOwed;
  }

  /** Resolves once `write` is durable. Its patience ends at `until`. */
  push(write: Write, until: number): Promise<void> {
    let resolve!: () => void;
    let reject!: (error: unknown) => void;
    const done = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    this.#waiting.push({
      write,
      names: undefined,
      until,
      done,
      alone: write.kind === "removeSession",
      resolve,
      reject,
    });
    this.#running ??= this.#run();
    return done;
  }

  /** Whether no write is waiting or under way. */
  get idle(): boolean {
    return this.#running === undefined;
  }

  /** Resolves once every write pushed so far that touches one of `keys`, or any key, has succeeded or failed. */
  async settled(keys?: readonly Key[]): Promise<void> {
    if (this.idle) return;
    const names = keys?.map(nameOf);
    const touches = (pending: Pending): boolean => {
      if (names === undefined || pending.write.kind !== "keys") return pending.write.kind !== "creds";
      const written = (pending.names ??= new Set(pending.write.writes.map(({ key }) => nameOf(key))));
      return names.some((name) => written.has(name));
    };
    await Promise.allSettled(
      this.#pending()
        .filter(touches)
        .map(({ done }) => done),
    );
  }

  /** Resolves once every write pushed so far is durable; rejects, when all have ended, if one failed. */
  async drain(): Promise<void> {
    const results = await Promise.allSettled(this.#pending().map(({ done }) => done));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  #pending(): Pending[] {
    return [...this.#underWay, ...this.#waiting];
  }

  async #run(): Promise<void> {
    // What the current tick still brings belongs to the same commit.
    await turnEnd();
    while (this.#waiting.length > 0) {
      const creds = this.#readCreds();
      this.#underWay = this.#takeBatch(creds);
      await this.#apply(this.#underWay, creds);
      this.#underWay = [];
    }
    this.#running = undefined;
  }

  // The creds, if a waiting write wants them. Where they cannot be written, only their own writes fail, and no keys'.
  #readCreds(): Value | undefined {
    const wantsCreds = ({ write }: Pending): boolean => write.kind === "creds";
    if (!this.#credsOwed && !this.#waiting.some(wantsCreds)) return undefined;
    try {
      return this.#host.encodeCreds();
    } catch (error) {
      for (const pending of this.#waiting.filter(wantsCreds)) pending.reject(error);
      this.#waiting = this.#waiting.filter((pending) => !wantsCreds(pending));
      this.#credsOwed = false;
      return undefined;
    }
  }

  // Takes the longest run of waiting writes that makes one commit; a write that is over the limits runs alone.
  #takeBatch(creds: Value | undefined): Pending[] {
    const size = new CommitSize();
    const batch: Pending[] = [];
    let hasCreds = false;
    if (this.#credsOwed) {
      size.add(creds);
      hasCreds = true;
    }
    for (const pending of this.#waiting) {
      const { write } = pending;
      if (pending.alone && batch.length > 0) break;
      if (isChange(write)) {
        size.addChange(write);
      } else if (write.kind === "creds" && !hasCreds) {
        size.add(creds);
        hasCreds = true;
      }
      if (!size.fits && batch.length > 0) break;
      batch.push(pending);
      if (pending.alone) break;
    }
    this.#waiting = this.#waiting.slice(batch.length);
    return batch;
  }

  async #apply(batch: Pending[], creds: Value | undefined): Promise<void> {
    const withCreds = this.#credsOwed || batch.some(({ write }) => write.kind === "creds");
    try {
      await this.#send(batch, withCreds ? creds : undefined);
    } catch (error) {
      this.#fail(batch, error);
      return;
    }
    if (withCreds) this.#credsOwed = false;
    for (const { resolve } of batch) resolve();
  }

  async #send(batch: Pending[], creds: Value | undefined): Promise<void> {
    const until = Math.min(...batch.map((pending) => pending.until));
    if (batch[0]?.write.kind === "removeSession") {
      await this.#host.deleteSession(until);
      return;
    }
    const changes = batch.map(({ write }) => write).filter(isChange);
    let applied = false;
    for (const commit of planCommits(this.#host.sessionId, creds, changes)) {
      try {
        await this.#host.commit(commit, until);
      } catch (error) {
        throw applied && error instanceof AuthStateError ? error.with({ outcome: "UNKNOWN" }) : error;
      }
      applied = true;
    }
  }

  #fail(batch: Pending[], error: unknown): void {
    if (!(error instanceof AuthStateError)) {
      for (const { reject } of batch) reject(error);
    } else if (error.retryable) {
      // Whoever has patience left goes on waiting, in the same order.
      this.#credsOwed ||= batch.some(({ write }) => write.kind === "creds");
      const now = this.#host.now();
      this.#waiting.unshift(...batch.filter(({ until }) => until > now));
      for (const { until, reject } of batch) if (until <= now) reject(error);
    } else if (error.code === "INVALID_ARGUMENT" && batch.length > 1) {
      // A write that the server refuses must not take its neighbours along.
      for (const pending of batch) pending.alone = true;
      this.#waiting.unshift(...batch);
    } else {
      for (const { reject } of batch) reject(error);
    }
  }
}
