import type { SessionRoute } from "../connection/session_route.js";
import type { Slots } from "../connection/slots.js";
import { AuthStateError, hasReason, isShutOut, LeaseLostError, type LostError } from "../errors.js";
import type { CommitRequest } from "../gen/authstate/v1/auth_state_service.js";
import type { Value } from "../gen/authstate/v1/value.js";
import type { AuthStateLogger } from "../logger.js";
import { fromDuration } from "../rpc/durations.js";
import type { Pacing } from "../rpc/pacing.js";
import type { Attach } from "../rpc/session_link.js";
import { newCommitId } from "../writes/commit_plan.js";
import type { SessionCache, Shared } from "./key_cache.js";
import { type ListedKey, type ListedKeys, listKeys, partFor } from "./key_listing.js";
import { readKeys } from "./key_reader.js";
import { LeaseKeeper } from "./lease_keeper.js";
import { LeaseLink } from "./lease_link.js";
import { waitForLease } from "./lease_wait.js";
import { NumberedCommits } from "./numbered_commits.js";
import type { OpeningPatience } from "./opening_patience.js";
import { fillCache, LOAD_TIMEOUT_MS, type OnPage } from "./session_load.js";
import { saysAbsent, type SessionRetry } from "./session_retry.js";
import type { FirstRead, SessionStore } from "./session_store.js";

// A load takes no longer than patience lasts: where no snapshot can be opened, as behind a pooler whose pool is full, the
// server waits as long as it may. The last attempt has a chance, too.
const LEAST_LOAD_TIMEOUT_MS = 1_000;
// How long somebody else's lease still lives is only told to people, and not worth a longer wait.
const ASK_TIMEOUT_MS = 2_000;
// A release that fails only makes the next owner wait for the lease's end.
const RELEASE_PATIENCE_MS = 3_000;

export interface LeasedSessionDeps {
  route: SessionRoute;
  cache: SessionCache;
  pacing: Pacing;
  retry: SessionRetry;
  /** Bounds how many whole sessions are read at a time, for a server reads few. */
  loads: Slots;
  logger: AuthStateLogger | undefined;
  owner: string;
  ttlMs: number;
  /** Called at most once. */
  onLost(error: LostError): void;
  onAway(): void;
  onBack(): void;
}

export interface AcquireOptions {
  steal: boolean;
  /** How long to wait for a lease that somebody else has. */
  leaseWaitMs: number;
  /** Throws to end the wait. */
  throwIfUnwanted(): void;
  /** How long all steps together may take, outages included. */
  patience: OpeningPatience;
}

/**
 * A session that this process owns. Reads are answered from memory: nobody else can change what was read under the
 * fence. Once the server says that the fence is no longer the current one, every call fails with LeaseLostError; and once
 * it has shut this process out, with that error.
 */
export class LeasedSession implements SessionStore {
  readonly #sessionId: string;
  readonly #deps: LeasedSessionDeps;
  readonly #keeper: LeaseKeeper;
  readonly #link: LeaseLink;
  readonly #commits: NumberedCommits;
  // Kept only until `takeFirst`, for it grows stale with the first write.
  #first: FirstRead | undefined;
  #away = false;
  #lost: LostError | undefined;
  #open = false;
  #closed = false;

  constructor(sessionId: string, deps: LeasedSessionDeps) {
    this.#sessionId = sessionId;
    this.#deps = deps;
    this.#keeper = new LeaseKeeper({
      pacing: deps.pacing,
      ttlMs: deps.ttlMs,
      renew: () => this.#renew(),
      onAway: () => {
        // Whatever comes next asks first whether the lease is still ours.
        this.#away = true;
        this.#link.drop();
        deps.logger?.warn({ sessionId }, "the lease could not be renewed in time");
        deps.onAway();
      },
      onBack: () => {
        this.#away = false;
        deps.onBack();
      },
    });
    const { route, owner, ttlMs, pacing } = deps;
    const attach: Attach = (request) => route.attach(request);
    const lose = (by: string | undefined): LostError => this.#lose(new LeaseLostError(sessionId, by));
    this.#link = new LeaseLink({ attach, sessionId, owner, ttlMs, pacing, keeper: this.#keeper, lose });
    this.#commits = new NumberedCommits(
      () => this.#link.attached(),
      (request) => deps.cache.apply(request),
      () => this.#doubtFence(),
    );
  }

  /** Takes the lease, and reads the session. Rejects with LeaseHeldError when somebody else keeps it. */
  async open(options: AcquireOptions): Promise<void> {
    const { pacing, logger, retry } = this.#deps;
    const { steal, leaseWaitMs, throwIfUnwanted, patience } = options;
    const sessionId = this.#sessionId;
    const acquire = async (): Promise<void> => {
      patience.step = "AcquireLease";
      try {
        await retry("AcquireLease", patience.until, () => {
          throwIfUnwanted();
          return this.#link.acquire(steal);
        });
      } catch (error) {
        if (hasReason(error, "LEASE_HELD")) patience.restart();
        throw error;
      }
    };
    const remainingMs = (): Promise<number | undefined> => this.#remainingMs();
    await waitForLease({ sessionId, pacing, logger, leaseWaitMs, throwIfUnwanted, acquire, remainingMs });
    logger?.info?.({ sessionId, owner: this.#deps.owner }, "the session is leased to this process");
    try {
      patience.step = "LoadSession";
      const load = (): Promise<void> => {
        throwIfUnwanted();
        const { until } = patience;
        const timeoutMs = (): number =>
          Math.min(LOAD_TIMEOUT_MS, Math.max(LEAST_LOAD_TIMEOUT_MS, until - pacing.now()));
        return retry("LoadSession", until, () => this.#guard(() => this.#load(timeoutMs())));
      };
      await this.#deps.loads.run(load, () => patience.restart());
      this.#open = true;
    } catch (error) {
      patience.noteFailure(error);
      await this.close();
      throw error;
    }
  }

  async takeFirst(): Promise<FirstRead> {
    const first = this.#first;
    if (first === undefined) throw new Error("what was read first was taken before");
    this.#first = undefined;
    return first;
  }

  peek(type: string, id: string): Value | Shared | null | undefined {
    this.#refuseIfLost();
    return this.#away || this.#commits.inDoubt ? undefined : this.#deps.cache.get({ type, id });
  }

  async getKeys(type: string, ids: readonly string[], until: number): Promise<Map<string, Value | Shared>> {
    this.#refuseIfLost();
    const keys = ids.map((id) => ({ type, id }));
    // Somebody else may have changed the session since. That it can be attached proves that nobody did.
    if (this.#away) await this.#deps.retry("GetKeys", until, () => this.#guard(() => this.#link.attached()));
    if (this.#commits.mayHaveChanged(keys)) {
      await this.#deps.retry("Commit", until, () => this.#guard(() => this.#commits.settle()));
    }
    const found = new Map<string, Value | Shared>();
    const unknown: string[] = [];
    for (const key of keys) {
      const value = this.#deps.cache.get(key);
      if (value === undefined) unknown.push(key.id);
      else if (value !== null) found.set(key.id, value);
    }
    if (unknown.length > 0) await this.#read(type, unknown, until, found);
    return found;
  }

  listKeys(keys: ListedKeys, patienceMs: number): AsyncIterable<ListedKey> {
    const { pacing, retry } = this.#deps;
    return listKeys(keys.type, {
      open: async () => {
        // A commit in doubt, whose caller was told so, may concern any key.
        await this.#commits.settle();
        const { transport } = await this.#link.attached();
        return transport.pages(this.#sessionId, this.#link.fence, LOAD_TIMEOUT_MS, partFor(keys));
      },
      attempt: (work) => retry("LoadSession", pacing.now() + patienceMs, () => this.#guard(work)),
    });
  }

  commit(request: CommitRequest, until: number): Promise<void> {
    return this.#deps.retry("Commit", until, () => this.#guard(() => this.#commits.apply(request)));
  }

  async deleteSession(until: number): Promise<void> {
    const commitId = newCommitId();
    let mayFollow = false;
    const send = async (timeoutMs: number): Promise<void> => {
      // A commit that is still on its way would bring the session back.
      await this.#commits.settle();
      const { transport } = await this.#link.attached();
      try {
        await transport.deleteSession(this.#sessionId, commitId, this.#link.fence, timeoutMs);
      } catch (error) {
        mayFollow ||= error instanceof AuthStateError && error.outcome === "UNKNOWN";
        throw error;
      }
    };
    try {
      await this.#deps.retry("DeleteSession", until, (timeoutMs) => this.#guard(() => send(timeoutMs)));
    } catch (error) {
      // A deletion has no number, so the server cannot be asked what became of it.
      if (mayFollow) this.#doubtFence();
      if (!saysAbsent(error, "NO_SESSION")) throw error;
    }
    this.#deps.cache.reset(true);
  }

  /** Gives the lease back, if the server can be reached. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#keeper.stop();
    this.#deps.cache.reset(false);
    if (this.#lost !== undefined || this.#link.fence === 0n) return;
    try {
      await this.#deps.retry("ReleaseLease", this.#deps.pacing.now() + RELEASE_PATIENCE_MS, () =>
        this.#guard(async () => (await this.#link.attached()).detach(/* release= */ true)),
      );
      this.#deps.logger?.info?.({ sessionId: this.#sessionId }, "the lease is given back");
    } catch (error) {
      const { code, reason } = error instanceof AuthStateError ? error : { code: undefined, reason: undefined };
      this.#deps.logger?.warn(
        { sessionId: this.#sessionId, code, reason },
        "the lease was not released; it will expire",
      );
    }
  }

  async #load(timeoutMs: number): Promise<void> {
    const { transport } = await this.#link.attached();
    const load = (onPage: OnPage): Promise<void> =>
      transport.loadSession(this.#sessionId, this.#link.fence, timeoutMs, onPage);
    this.#first = await fillCache(this.#deps.cache, load);
  }

  async #remainingMs(): Promise<number | undefined> {
    try {
      const lease = await this.#deps.route.transport.getLease(this.#sessionId, ASK_TIMEOUT_MS);
      return lease?.remaining && fromDuration(lease.remaining);
    } catch {
      return undefined;
    }
  }

  async #read(type: string, ids: readonly string[], until: number, found: Map<string, Value | Shared>): Promise<void> {
    const { cache, retry } = this.#deps;
    // The cache's version at the first try: what later tries read is at least as new.
    let version: number | undefined;
    const values = await readKeys(ids, (part) =>
      retry("GetKeys", until, () =>
        this.#guard(async () => {
          const link = await this.#link.attached();
          version ??= cache.version;
          return link.getKeys(type, part);
        }),
      ),
    );
    for (const id of ids) {
      const value = values.get(id);
      if (value !== undefined) found.set(id, value);
      if (version !== undefined) cache.fill({ type, id }, value, version);
    }
  }

  #renew(): Promise<number> {
    return this.#guard(async () => {
      const before = this.#link.current;
      const link = await this.#link.attached();
      // A new link has renewed the lease, too.
      if (link !== before) return this.#link.attachedAt;
      const sentAt = this.#deps.pacing.now();
      await link.renew(this.#deps.ttlMs);
      return sentAt;
    });
  }

  // Forgets what is known of the session, and lets nothing be sent until the fence is another one.
  #doubtFence(): void {
    this.#commits.forgetNumbers();
    this.#deps.cache.reset(false);
    this.#link.doubt();
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    this.#refuseIfLost();
    const fence = this.#link.fence;
    try {
      return await work();
    } catch (error) {
      throw error instanceof AuthStateError ? this.#judge(error, fence) : error;
    }
  }

  // Draws the consequences for lease and numbers when something begun under `fence` fails. Returns the caller's error.
  #judge(error: AuthStateError, fence: bigint): AuthStateError {
    if (error.reason === "STALE_FENCE") {
      // It may have been this side that went on to another fence; to attach again tells.
      if (this.#link.inDoubt || fence !== this.#link.fence) return error.with({ retryable: true });
      if (this.#deps.route.isElsewhere(error)) {
        // It has moved, as when this server stops: its home tells whose it is.
        this.#link.drop();
        return error.with({ retryable: true });
      }
      this.#lose(new LeaseLostError(this.#sessionId, error.owner));
    } else if (isShutOut(error)) {
      // This error has an outcome of its own. While the session is being opened it says enough, and the lease may still be
      // given back where it is reading that is denied.
      if (this.#open) this.#lose(error.with({ outcome: "NOT_APPLIED" }) as LostError);
      return error;
    } else if (error.reason === "NOT_ATTACHED") {
      // The link was dropped, for another operation's sake, when this one was about to be sent.
      this.#link.drop();
      return error.with({ retryable: true });
    } else if (error.reason === "NUMBER_GAP") {
      // The store has gone back to an earlier state: what was read of it no longer holds.
      this.#deps.logger?.warn({ sessionId: this.#sessionId }, "the store has lost commits that it had acknowledged");
      this.#commits.forgetNumbers();
      this.#deps.cache.reset(false);
      this.#link.drop();
      return error.with({ retryable: true });
    }
    return this.#lost ?? error;
  }

  #lose(error: LostError): LostError {
    if (this.#lost !== undefined) return this.#lost;
    this.#lost = error;
    this.#keeper.stop();
    this.#deps.cache.reset(false);
    this.#link.drop();
    const { owner, reason, message } = error;
    this.#deps.logger?.warn({ sessionId: this.#sessionId, owner, reason, why: message }, "the session is lost");
    if (!this.#closed) this.#deps.onLost(error);
    return error;
  }

  #refuseIfLost(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }
}
