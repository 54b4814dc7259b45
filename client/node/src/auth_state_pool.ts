import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { hostname } from "node:os";
import type { ChannelCredentials } from "@grpc/grpc-js";
import { type AuthState, type AuthStateEvents, openAuthState } from "./auth_state.js";
import { checkAddresses } from "./addresses.js";
import { loadBaileys } from "./baileys_module.js";
import { type Connection, openConnection } from "./connection.js";
import { endedError, invalidField } from "./errors.js";
import { KeyCache } from "./key_cache.js";
import { LeasedSession } from "./leased_session.js";
import { MAX_LEASE_MS, MIN_LEASE_MS } from "./limits.js";
import type { AuthStateLogger } from "./logger.js";
import { checkOwner, checkSessionId } from "./names.js";
import { attachToPipe } from "./pipe/pipe_link.js";
import { type Pacing, realPacing } from "./retry.js";
import type { Attach } from "./session_link.js";
import { type SessionRetry, sessionRetry } from "./session_retry.js";
import type { SessionStore } from "./session_store.js";
import { attachByCalls } from "./unary_link.js";
import { UnleasedSession } from "./unleased_session.js";

const DEFAULT_PATIENCE_MS = 60_000;
const DEFAULT_LEASE_TTL_MS = 15_000;
const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;
/** How a process uses the store. */
export interface AuthStatePoolOptions {
  /** Where authstated listens: `host:port`, such as `127.0.0.1:50051`. This or `addresses` is required. */
  address?: string;
  /** Several servers on one database: one is used, the next one when it is away or stops. */
  addresses?: readonly string[];
  /**
   * Who this process is, for whoever finds a session leased: up to 100 characters of printable ASCII. A part that
   * differs for every start is added. Default: host name and process id.
   */
  owner?: string;
  /**
   * For how long, in milliseconds, a session stays this process's when it does not renew its lease: how long a successor
   * waits after a crash. 1,000 to 3,600,000; default 15,000.
   */
  leaseTtlMs?: number;
  /**
   * For how long, in milliseconds, a call waits through an outage before it throws. Default 60,000. The last attempt may
   * take 15 seconds more when the server does not even refuse.
   */
  patienceMs?: number;
  /** How many bytes of keys are kept in memory, of all sessions together. Default 256 MiB. */
  cacheBytes?: number;
  /** Told about the waits; of each kind, one warning in five seconds for all sessions. Default: none. */
  logger?: AuthStateLogger;
  /** Default: no TLS. Pools share a connection only if they have the same object here. */
  credentials?: ChannelCredentials;
}

/** How one session is opened. */
export interface SessionOptions {
  /**
   * False: without a lease, for tools. Every read asks the server, and writes are refused with `LEASE_HELD` while
   * somebody has the session. Default true.
   */
  lease?: boolean;
  /** Take the session also from an owner that is alive, which then loses it. The server has to allow it. Default false. */
  steal?: boolean;
  /**
   * For how long, in milliseconds, to wait for a session that somebody else has, before `LeaseHeldError`. `Infinity` makes
   * a stand-by. Default: twice `leaseTtlMs`, so that a restart after a crash succeeds.
   */
  leaseWaitMs?: number;
  /** Ends the wait for the session; `useAuthState` then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** As for the pool, for this session. */
  patienceMs?: number;
  /** As for the pool, for this session. */
  logger?: AuthStateLogger;
}

function leaseTtlOf({ leaseTtlMs = DEFAULT_LEASE_TTL_MS }: AuthStatePoolOptions): number {
  if (leaseTtlMs >= MIN_LEASE_MS && leaseTtlMs <= MAX_LEASE_MS) return leaseTtlMs;
  throw invalidField("leaseTtlMs", `must be ${MIN_LEASE_MS} to ${MAX_LEASE_MS}`);
}

/**
 * The sessions of one process: they share a cache, and a connection with all other pools that name the same servers and
 * credentials. Sessions are leased, so that two processes
 * never use one account; see `AuthState.events`.
 */
export class AuthStatePool {
  readonly #options: AuthStatePoolOptions;
  readonly #owner: string;
  readonly #leaseTtlMs: number;
  readonly #pacing: Pacing;
  readonly #connection: Connection;
  readonly #cache: KeyCache;
  readonly #closing = new AbortController();
  // Sessions that are open, or about to be.
  readonly #sessions = new Set<Promise<AuthState>>();
  #lastSession = 0;
  #closed: Promise<void> | undefined;

  /** Connects when the first session is opened. `pacing` is for tests. */
  constructor(options: AuthStatePoolOptions, pacing: Pacing = realPacing) {
    this.#options = options;
    this.#pacing = pacing;
    this.#leaseTtlMs = leaseTtlOf(options);
    this.#owner = `${options.owner ?? `${hostname().slice(0, 64)}:${process.pid}`}:${randomBytes(6).toString("hex")}`;
    checkOwner(this.#ownerOf(0));
    this.#cache = new KeyCache(options.cacheBytes ?? DEFAULT_CACHE_BYTES);
    const { credentials, logger } = options;
    this.#connection = openConnection({ addresses: checkAddresses(options), credentials, pacing, logger });
  }

  /**
   * Opens the authentication state of a session, as `useMultiFileAuthState` does for a folder. New credentials are made
   * only when the server says that the session has none; they are stored with the first `saveCreds`.
   *
   * @param sessionId 1 to 128 characters of `[A-Za-z0-9._:@-]`
   * @throws LeaseHeldError when another process has the session for as long as `leaseWaitMs`
   * @throws AuthStateError when the server cannot be reached for as long as patience lasts, or refuses
   */
  async useAuthState(sessionId: string, options: SessionOptions = {}): Promise<AuthState> {
    checkSessionId(sessionId);
    if (this.#closing.signal.aborted) throw endedError("CLOSED");
    const opening = this.#open(sessionId, options, () => this.#sessions.delete(opening));
    this.#sessions.add(opening);
    opening.catch(() => this.#sessions.delete(opening));
    return opening;
  }

  /**
   * Waits for the writes under way, for as long as their patience lasts, gives back all leases, then closes the
   * connection. Rejects if one of the writes failed.
   */
  close(): Promise<void> {
    this.#closing.abort(endedError("CLOSED"));
    this.#closed ??= this.#closeSessions().finally(() => this.#connection.close());
    return this.#closed;
  }

  async #closeSessions(): Promise<void> {
    const closed = [...this.#sessions].map(async (opening) => {
      // Whoever waits for a session that does not open any more hears of it there.
      const session = await opening.catch(() => undefined);
      await session?.close();
    });
    for (const result of await Promise.allSettled(closed)) if (result.status === "rejected") throw result.reason;
  }

  async #open(sessionId: string, options: SessionOptions, onClosed: () => void): Promise<AuthState> {
    const [baileys] = await Promise.all([loadBaileys(), this.#connection.checkHosts()]);
    const patienceMs = options.patienceMs ?? this.#options.patienceMs ?? DEFAULT_PATIENCE_MS;
    const events = new EventEmitter<AuthStateEvents>();
    const store =
      options.lease === false
        ? this.#unleased(sessionId, options)
        : await this.#lease(sessionId, options, patienceMs, events);
    try {
      return await openAuthState(sessionId, { store, baileys, pacing: this.#pacing, patienceMs, events, onClosed });
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  #unleased(sessionId: string, { logger = this.#options.logger }: SessionOptions): SessionStore {
    return new UnleasedSession(sessionId, this.#connection.transport, this.#retry(sessionId, logger));
  }

  async #lease(
    sessionId: string,
    options: SessionOptions,
    patienceMs: number,
    events: EventEmitter<AuthStateEvents>,
  ): Promise<SessionStore> {
    const { steal = false, leaseWaitMs = 2 * this.#leaseTtlMs, logger = this.#options.logger } = options;
    const session = new LeasedSession(sessionId, {
      attach: this.#attach,
      transport: this.#connection.transport,
      cache: this.#cache.open(),
      pacing: this.#pacing,
      retry: this.#retry(sessionId, logger),
      loads: this.#connection.loads,
      logger,
      // Two handles of one process are two owners: a handle never goes on under the fence of another one.
      owner: this.#ownerOf(++this.#lastSession),
      ttlMs: this.#leaseTtlMs,
      onLost: (error) => void events.emit("lost", error),
      onAway: () => void events.emit("away"),
      onBack: () => void events.emit("back"),
    });
    const patienceEnd = (): number => this.#pacing.now() + patienceMs;
    const throwIfUnwanted = (): void => {
      this.#closing.signal.throwIfAborted();
      options.signal?.throwIfAborted();
    };
    await session.open({ steal, leaseWaitMs, throwIfUnwanted, patienceEnd });
    return session;
  }

  readonly #attach: Attach = (request) => {
    const { pipe, transport } = this.#connection;
    return pipe.supported ? attachToPipe(pipe, request) : attachByCalls(transport, request);
  };

  #retry(sessionId: string, logger: AuthStateLogger | undefined): SessionRetry {
    return sessionRetry(sessionId, this.#pacing, logger, this.#connection.warnings);
  }

  #ownerOf(session: number): string {
    return `${this.#owner}:${session}`;
  }
}
