import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { hostname } from "node:os";
import { type AuthState, type AuthStateEvents, openAuthState } from "./auth_state.js";
import { loadBaileys } from "./baileys/baileys_module.js";
import { readShared } from "./baileys/shared_records.js";
import { type Connection, openConnection } from "./connection/connection.js";
import { Homes, SessionRoute } from "./connection/session_route.js";
import { endedError } from "./errors.js";
import { type ExportedFolder, exportSession } from "./folder/folder_export.js";
import { type ImportedFolder, previewImport, storeFolder, warnOfUse } from "./folder/folder_import.js";
import { readFolder } from "./folder/folder_reader.js";
import type { AuthStateLogger } from "./logger.js";
import { checkOwner, checkSessionId } from "./names.js";
import {
  type AuthStatePoolOptions,
  checkListOptions,
  checkPoolOptions,
  checkSessionOptions,
  type DeleteOptions,
  type FolderOptions,
  type ImportOptions,
  type ListOptions,
  type SessionOptions,
} from "./options.js";
import type { Pacing } from "./rpc/pacing.js";
import type { ServerInfo } from "./rpc/server_info.js";
import { KeyCache } from "./session/key_cache.js";
import type { LeaseHoldDeps } from "./session/lease_hold.js";
import { LeasedSession } from "./session/leased_session.js";
import { SessionClaim } from "./session/open_sessions.js";
import { OpeningPatience } from "./session/opening_patience.js";
import { deleteStoredSession } from "./session/session_deletion.js";
import { listSessions, type SessionFilter, type SessionSummary } from "./session/session_listing.js";
import { type SessionRetry, sessionRetry } from "./session/session_retry.js";
import type { SessionStore } from "./session/session_store.js";
import { UnleasedSession } from "./session/unleased_session.js";

// It is asked again and again, by callers who have patience of their own.
const SERVER_INFO_TIMEOUT_MS = 2_000;

type Opening = ReturnType<typeof checkSessionOptions> & {
  owner: string;
  route: SessionRoute;
  claim: SessionClaim;
  events: EventEmitter<AuthStateEvents>;
  patience: OpeningPatience;
  throwIfUnwanted(): void;
};

interface ClaimedWork {
  steal: boolean;
  signal?: AbortSignal | undefined;
}

/** An AuthStatePool whose time and chance are those of `pacing`; what its methods promise stands there. */
export class Pool {
  readonly #options: ReturnType<typeof checkPoolOptions>;
  readonly #owner: string;
  readonly #pacing: Pacing;
  readonly #connection: Connection;
  readonly #homes: Homes;
  readonly #cache: KeyCache;
  readonly #closing = new AbortController();
  // Sessions that are open, or about to be.
  readonly #sessions = new Set<Promise<AuthState>>();
  // Works on sessions that are not open.
  readonly #works = new Set<Promise<unknown>>();
  #lastSession = 0;
  #closed: Promise<void> | undefined;

  constructor(options: AuthStatePoolOptions, pacing: Pacing) {
    this.#options = checkPoolOptions(options);
    this.#pacing = pacing;
    const { addresses, cacheBytes, sharedRecords, credentials, tokens, logger, owner } = this.#options;
    this.#owner = `${owner ?? `${hostname().slice(0, 64)}:${process.pid}`}:${randomBytes(6).toString("hex")}`;
    checkOwner(this.#ownerOf(0));
    this.#cache = new KeyCache(cacheBytes, sharedRecords ? readShared : undefined);
    const to = { credentials, tokens, pacing, logger };
    this.#connection = openConnection({ addresses, ...to });
    this.#homes = new Homes(addresses, (address) => openConnection({ addresses: [address], ...to }));
  }

  async useAuthState(sessionId: string, options: SessionOptions = {}): Promise<AuthState> {
    checkSessionId(sessionId);
    this.#throwIfClosed();
    const checked = checkSessionOptions(options, this.#options);
    const patience = new OpeningPatience(sessionId, this.#pacing, checked.patienceMs);
    const route = new SessionRoute(this.#connection, this.#homes);
    const forget = (): void => {
      this.#sessions.delete(opening);
      route.close();
    };
    const opening = this.#open(sessionId, checked, { patience, route }, forget);
    this.#sessions.add(opening);
    opening.catch(forget);
    return patience.bound(opening, (late) => late.close());
  }

  listSessions(options: ListOptions = {}): AsyncGenerator<SessionSummary, void, void> {
    return this.#list(() => ({ ...checkListOptions(options), withState: true }));
  }

  // What `filterOf` throws comes from the loop.
  async *#list(filterOf: () => SessionFilter): AsyncGenerator<SessionSummary, void, void> {
    const filter = filterOf();
    const { logger, patienceMs } = this.#options;
    const { transport, warnings } = this.#connection;
    const retry = this.#retry(undefined, logger);
    this.#throwIfClosed();
    await this.#connection.checkHosts();
    yield* listSessions(
      filter,
      (request) =>
        retry("ListSessions", this.#pacing.now() + patienceMs, (timeoutMs) => {
          this.#throwIfClosed();
          return transport.listSessions(request, timeoutMs);
        }),
      (count) =>
        warnings.warn(logger, { count }, "rows of the old tables have ids that no session can have; not listed"),
    );
  }

  async exists(sessionId: string): Promise<boolean> {
    checkSessionId(sessionId);
    // What all of them start with comes before the others.
    const named = { prefix: sessionId, states: [], withState: false };
    for await (const found of this.#list(() => named)) return found.sessionId === sessionId;
    return false;
  }

  async serverInfo(): Promise<ServerInfo> {
    this.#throwIfClosed();
    await this.#connection.checkHosts();
    return this.#connection.transport.serverInfo(SERVER_INFO_TIMEOUT_MS);
  }

  async deleteSession(sessionId: string, { steal = false }: DeleteOptions = {}): Promise<void> {
    checkSessionId(sessionId);
    await this.#claimed(sessionId, { steal }, (deps) => deleteStoredSession(sessionId, deps));
  }

  async importFolder(sessionId: string, directory: string, options: ImportOptions = {}): Promise<ImportedFolder> {
    checkSessionId(sessionId);
    const { signal, steal = false, replace = false, dryRun = false } = options;
    const { keyTypes = [], literalIds = false, skipTorn = false, keysOnly = false } = options;
    const onProgress = options.onProgress ?? ((): void => undefined);
    const throwIfUnwanted = this.#unless(signal);
    throwIfUnwanted();
    const folder = await readFolder(directory, { keyTypes, literalIds, skipTorn, keysOnly }, (done, total) => {
      throwIfUnwanted();
      onProgress({ step: "reading", done, total });
    });
    warnOfUse(this.#options.logger, directory, folder);
    const how = { replace, onProgress };
    if (dryRun) {
      return previewImport(sessionId, directory, folder, { ...(await this.#tool(sessionId, throwIfUnwanted)), ...how });
    }
    return this.#claimed(sessionId, { steal, signal }, (deps) =>
      storeFolder(sessionId, directory, folder, { ...deps, ...how }),
    );
  }

  async exportFolder(sessionId: string, directory: string, options: FolderOptions = {}): Promise<ExportedFolder> {
    checkSessionId(sessionId);
    const { signal, onProgress = () => undefined } = options;
    const throwIfUnwanted = this.#unless(signal);
    throwIfUnwanted();
    return exportSession(sessionId, directory, { ...(await this.#tool(sessionId, throwIfUnwanted)), onProgress });
  }

  close(): Promise<void> {
    this.#closing.abort(endedError("CLOSED"));
    this.#closed ??= this.#closeSessions().finally(() => {
      this.#homes.close();
      this.#connection.close();
    });
    return this.#closed;
  }

  async #closeSessions(): Promise<void> {
    const closed = [...this.#sessions].map(async (opening) => {
      // That a session did not open is told to whoever asked for it.
      const session = await opening.catch(() => undefined);
      await session?.close();
    });
    // A work that failed has told its own caller.
    await Promise.allSettled(this.#works);
    for (const result of await Promise.allSettled(closed)) if (result.status === "rejected") throw result.reason;
  }

  async #open(
    sessionId: string,
    options: ReturnType<typeof checkSessionOptions>,
    { patience, route }: Pick<Opening, "patience" | "route">,
    onClosed: () => void,
  ): Promise<AuthState> {
    const { patienceMs, logger, onOrphanedKeys, create } = options;
    const pacing = this.#pacing;
    const throwIfUnwanted = (): void => {
      this.#throwIfClosed();
      options.signal?.throwIfAborted();
      patience.throwIfExpired();
    };
    if (options.lease) patience.step = "the close of this process's last handle";
    // Two handles of one process are two owners: a handle never goes on under the fence of another one.
    const owner = this.#ownerOf(++this.#lastSession);
    const claim = options.lease
      ? await SessionClaim.make(sessionId, this.#options.addresses, owner, { pacing, throwIfUnwanted })
      : undefined;
    patience.step = "connecting";
    patience.onExpired = (ended) => claim?.leave(ended);
    const events = new EventEmitter<AuthStateEvents>();
    try {
      const [baileys] = await Promise.all([loadBaileys(), this.#connection.checkHosts()]);
      const store =
        claim === undefined
          ? new UnleasedSession(sessionId, this.#connection.transport, this.#retry(sessionId, logger), () =>
              pacing.now(),
            )
          : await this.#lease(sessionId, { ...options, owner, route, claim, events, patience, throwIfUnwanted });
      patience.step = "reading the creds";
      try {
        return await openAuthState(sessionId, {
          ...{ store, baileys, pacing, patienceMs, onOrphanedKeys, create, logger, events },
          sharesRecords: this.#options.sharedRecords,
          openingEnd: patience.until,
          onLeaving: (attempt) => claim?.leave(attempt),
          onClosed: () => {
            claim?.release();
            onClosed();
          },
        });
      } catch (error) {
        patience.noteFailure(error);
        await store.close();
        throw error;
      }
    } catch (error) {
      claim?.release();
      throw error;
    }
  }

  async #lease(sessionId: string, opening: Opening): Promise<SessionStore> {
    const { owner, route, claim, events, logger, steal, leaseWaitMs, patience, throwIfUnwanted } = opening;
    const pacing = this.#pacing;
    const session = new LeasedSession(sessionId, {
      route,
      cache: this.#cache.open(),
      pacing,
      retry: this.#retry(sessionId, logger),
      loads: this.#connection.loads,
      logger,
      owner,
      ttlMs: this.#options.leaseTtlMs,
      onLost: (error) => {
        claim.release();
        events.emit("lost", error);
      },
      onAway: () => void events.emit("away"),
      onBack: () => void events.emit("back"),
    });
    await session.open({ steal, leaseWaitMs, throwIfUnwanted, patience });
    return session;
  }

  // What works on a session without a lease have in common.
  async #tool(sessionId: string, throwIfUnwanted: () => void) {
    await this.#connection.checkHosts();
    const { logger, patienceMs } = this.#options;
    const { transport } = this.#connection;
    return { transport, retry: this.#retry(sessionId, logger), pacing: this.#pacing, patienceMs, throwIfUnwanted };
  }

  // Does `work` on a session that no handle of this process has. The pool's close waits for it.
  #claimed<T>(sessionId: string, how: ClaimedWork, work: (deps: LeaseHoldDeps) => Promise<T>): Promise<T> {
    const result = this.#claim(sessionId, how, work);
    this.#works.add(result);
    return result.finally(() => this.#works.delete(result));
  }

  async #claim<T>(
    sessionId: string,
    { steal, signal }: ClaimedWork,
    work: (deps: LeaseHoldDeps) => Promise<T>,
  ): Promise<T> {
    const throwIfUnwanted = this.#unless(signal);
    throwIfUnwanted();
    const { addresses, logger, leaseTtlMs: ttlMs, patienceMs } = this.#options;
    const pacing = this.#pacing;
    const owner = this.#ownerOf(++this.#lastSession);
    const claim = await SessionClaim.make(sessionId, addresses, owner, { pacing, throwIfUnwanted });
    try {
      await this.#connection.checkHosts();
      const { transport } = this.#connection;
      const retry = this.#retry(sessionId, logger);
      return await work({ transport, retry, pacing, logger, owner, ttlMs, patienceMs, steal, throwIfUnwanted });
    } finally {
      claim.release();
    }
  }

  #throwIfClosed(): void {
    this.#closing.signal.throwIfAborted();
  }

  // Throws once the pool is closed, or `signal` was aborted.
  #unless(signal: AbortSignal | undefined): () => void {
    return () => {
      this.#throwIfClosed();
      signal?.throwIfAborted();
    };
  }

  #retry(sessionId: string | undefined, logger: AuthStateLogger | undefined): SessionRetry {
    return sessionRetry(sessionId, this.#pacing, logger, this.#connection.warnings);
  }

  #ownerOf(session: number): string {
    return `${this.#owner}:${session}`;
  }
}
