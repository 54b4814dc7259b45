import type { AuthState } from "./auth_state.js";
import type { AuthStatePoolOptions, SessionOptions } from "./options.js";
import { Pool } from "./pool.js";
import { realPacing } from "./rpc/pacing.js";

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
   * Waits for the writes under way, for as long as their patience lasts, gives back all leases, then closes the
   * connection. Rejects if one of the writes failed.
   */
  close(): Promise<void> {
    return this.#pool.close();
  }
}
