import type { AuthState } from "./auth_state.js";
import { AuthStatePool } from "./auth_state_pool.js";
import { checkSessionId } from "./names.js";
import type { AuthStatePoolOptions, SessionOptions } from "./options.js";

/** How a single session is opened: with a pool of its own. */
export type AuthStateOptions = AuthStatePoolOptions & SessionOptions;

/**
 * Opens the authentication state of a single session, as `useMultiFileAuthState` does for a folder; a process with
 * several sessions is better served by an `AuthStatePool`. `close` and `removeSession` also close the connection.
 *
 * @param sessionId 1 to 128 characters of `[A-Za-z0-9._:@-]`
 * @throws LeaseHeldError when another process has the session for as long as `leaseWaitMs`
 * @throws AuthStateError as for `AuthStatePool.useAuthState`
 */
export async function useAuthState(sessionId: string, options: AuthStateOptions): Promise<AuthState> {
  checkSessionId(sessionId);
  const pool = new AuthStatePool(options);
  try {
    const auth = await pool.useAuthState(sessionId, options);
    return {
      ...auth,
      close: () => auth.close().finally(() => pool.close()),
      removeSession: () => auth.removeSession().then(() => pool.close()),
    };
  } catch (error) {
    await pool.close();
    throw error;
  }
}
