import type { AuthState } from "./auth_state.js";
import { AuthStatePool, type AuthStatePoolOptions, type SessionOptions } from "./auth_state_pool.js";

/** How a single session is opened: with a pool of its own. */
export type AuthStateOptions = AuthStatePoolOptions & SessionOptions;

/**
 * Opens the authentication state of a single session, as `useMultiFileAuthState` does for a folder; a process with
 * several sessions is better served by an `AuthStatePool`. `close` also closes the connection.
 *
 * @param sessionId 1 to 128 characters of `[A-Za-z0-9._:@-]`
 * @throws LeaseHeldError when another process has the session for as long as `leaseWaitMs`
 * @throws AuthStateError when the server cannot be reached for as long as patience lasts, or refuses
 */
export async function useAuthState(sessionId: string, options: AuthStateOptions): Promise<AuthState> {
  const pool = new AuthStatePool(options);
  try {
    const auth = await pool.useAuthState(sessionId, options);
    return { ...auth, close: () => auth.close().finally(() => pool.close()) };
  } catch (error) {
    await pool.close();
    throw error;
  }
}
