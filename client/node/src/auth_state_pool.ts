import type { AuthState } from "./auth_state.js";
import type { AuthStatePoolOptions, DeleteOptions, ListOptions, SessionOptions } from "./options.js";
import { Pool } from "./pool.js";
import { realPacing } from "./rpc/pacing.js";
import type { SessionSummary } from "./session/session_listing.js";

/**
 * The sessions of one process: they share a cache, and a connection with all other pools that name the same servers and
 * credentials. Sessions are leased, so that two processes never use one account; see `AuthState.events`.
 */
export class AuthStatePool {
  readonly #pool: Pool;

  /** Connects when the first session is opened. */
  constructor(options: AuthStatePoolOptions) {
    this.#pool = new Pool(options, realPacing);
  }

  /**
   * Opens the authentication state of a session, as `useMultiFileAuthState` does for a folder. New credentials are made
   * only when the server says that the session is empty; they are stored with the first write.
   *
   * @param sessionId 1 to 128 characters of `[A-Za-z0-9._:@-]`
   * @throws LeaseHeldError when another process has the session for as long as `leaseWaitMs`
   * @throws AuthStateError when the session is not open within `patienceMs`, or the server refuses; at once with
   *   `ALREADY_OPEN` when this process has the session open already, with `ORPHANED_KEYS` when it has keys and no creds,
   *   with `NO_CREDS` when it has neither and `create` is false, with `UNUSABLE_CREDS` when Baileys could not use the creds that are stored
   */
  useAuthState(sessionId: string, options?: SessionOptions): Promise<AuthState> {
    return this.#pool.useAuthState(sessionId, options);
  }

  /**
   * The sessions in the store, in the order of their id (by bytes), read in pages of 1,000 as they are asked for:
   *
   *     for await (const { sessionId, hasCreds, owner } of pool.listSessions({ prefix: "eu:" })) …
   *
   * A session that is there all the time comes once; one that is written for the first time or deleted meanwhile may or
   * may not come. The end says that all were listed: an outage is waited out for `patienceMs` a page, then thrown. Asks
   * for no lease and reads no creds. Rows of the old tables that no session id can name are left out, and counted to `logger`.
   *
   * @throws AuthStateError from the loop, not from the call
   */
  listSessions(options?: ListOptions): AsyncIterable<SessionSummary> {
    return this.#pool.listSessions(options);
  }

  /**
   * Whether the store has this session: creds, keys, or both. Asks for no lease. An outage is waited out, then thrown; it
   * never reads as absence.
   *
   * @param sessionId 1 to 128 characters of `[A-Za-z0-9._:@-]`
   * @throws AuthStateError
   */
  exists(sessionId: string): Promise<boolean> {
    return this.#pool.exists(sessionId);
  }

  /**
   * Deletes a session, creds and keys, under a lease that it takes and gives back. Resolves also when there is no such
   * session, so that it may be repeated after any failure. Rejects at once, and deletes nothing, while somebody has it.
   *
   * @param sessionId 1 to 128 characters of `[A-Za-z0-9._:@-]`
   * @throws LeaseHeldError when another process has the session, or crashed less than its `leaseTtlMs` ago; not with `steal`
   * @throws LeaseLostError when another process took the session meanwhile
   * @throws AuthStateError with `ALREADY_OPEN` when this process has the session open: use `removeSession` of its handle
   */
  deleteSession(sessionId: string, options?: DeleteOptions): Promise<void> {
    return this.#pool.deleteSession(sessionId, options);
  }

  /**
   * Waits for the writes under way, for as long as their patience lasts, gives back all leases, then closes the
   * connection. Rejects if one of the writes failed.
   */
  close(): Promise<void> {
    return this.#pool.close();
  }
}
