import type { AuthState } from "./auth_state.js";
import type { ExportedFolder } from "./folder/folder_export.js";
import type { ImportedFolder } from "./folder/folder_import.js";
import type {
  AuthStatePoolOptions,
  DeleteOptions,
  FolderOptions,
  ImportOptions,
  ListOptions,
  SessionOptions,
} from "./options.js";
import { Pool } from "./pool.js";
import { realPacing } from "./rpc/pacing.js";
import type { ServerInfo } from "./rpc/server_info.js";
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
   * @throws TokenRefusedError, AccessDeniedError when the server does not serve this process, as every call may
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
   *     for await (const { sessionId, owner } of pool.listSessions({ prefix: "eu:", states: ["paired"] })) …
   *
   * A session that is there all the time comes once; one that is written for the first time or deleted meanwhile may or
   * may not come. The end says that all were listed: an outage is waited out for `patienceMs` a page, then thrown. Asks
   * for no lease. Rows of the old tables that no session id can name are left out, and counted to `logger`.
   *
   * @throws AuthStateError from the loop, not from the call
   */
  listSessions(options?: ListOptions): AsyncIterable<SessionSummary> {
    return this.#pool.listSessions(options);
  }

  /**
   * Whether the store has this session: creds, keys, or both; of those that the pool's token may read. Asks for no lease. An
   * outage is waited out, then thrown; it never reads as absence.
   *
   * @param sessionId 1 to 128 characters of `[A-Za-z0-9._:@-]`
   * @throws AuthStateError
   */
  exists(sessionId: string): Promise<boolean> {
    return this.#pool.exists(sessionId);
  }

  /**
   * What the server says of itself: which database serves, and whether there is maintenance. Asked once, for 2 s at most, and
   * not repeated. The pool's token needs the right `admin`.
   *
   * `@authstate/tables` follows a pool by it.
   *
   * @throws AccessDeniedError, TokenRefusedError, AuthStateError
   */
  serverInfo(): Promise<ServerInfo> {
    return this.#pool.serverInfo();
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
   * Puts a folder of `useMultiFileAuthState` into a session, as `authstatectl session import` does. Stop the program that
   * uses the folder first. The whole folder is read before anything is written; then it is stored under a lease that is
   * taken and given back, read back, and compared.
   *
   * A folder within the limits of one commit (10,000 values, 32 MiB) is imported in one. A larger one goes keys first and
   * creds last: an import that ends early leaves keys without creds, which no client opens, and the same import again
   * finishes it. Where the session holds all of the folder already, nothing is written. A folder that was written within the
   * last minute is a warning, to `logger` or the standard error stream.
   *
   * @param sessionId 1 to 128 characters of `[A-Za-z0-9._:@-]`
   * @throws LeaseHeldError at once when another process has the session; not with `steal`
   * @throws LeaseLostError when another process took the session meanwhile
   * @throws AuthStateError with `FOLDER_PROBLEMS`, whose message names each file that is torn, empty, unknown or written
   *   meanwhile, and creds with which Baileys cannot work; with `SESSION_EXISTS` without `replace`; with `ALREADY_OPEN` when
   *   this process has the session open. Nothing was changed then
   * @throws what Node's `fs` says of a folder that cannot be read
   */
  importFolder(sessionId: string, directory: string, options?: ImportOptions): Promise<ImportedFolder> {
    return this.#pool.importFolder(sessionId, directory, options);
  }

  /**
   * Writes a session, as one snapshot has it, to a folder that `useMultiFileAuthState` opens. The folder appears whole, or
   * not at all. Asks for no lease: a session in use goes on, and a Signal state must not be used twice.
   *
   * @param directory absent, or empty; the folder that it is to stand in has to be there
   * @throws AuthStateError with `NO_SESSION`, with `NO_CREDS` when there are none that Baileys would take, with
   *   `FOLDER_NOT_EMPTY`, or with `FOLDER_PROBLEMS` when two keys would share a file name
   * @throws what Node's `fs` says of a folder that cannot be made
   */
  exportFolder(sessionId: string, directory: string, options?: FolderOptions): Promise<ExportedFolder> {
    return this.#pool.exportFolder(sessionId, directory, options);
  }

  /**
   * Waits for the writes under way, for as long as their patience lasts, gives back all leases, then closes the
   * connection. Rejects if one of the writes failed.
   */
  close(): Promise<void> {
    return this.#pool.close();
  }
}
