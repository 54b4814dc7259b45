import type { ChannelCredentials } from "@grpc/grpc-js";
import { type AuthState, openAuthState } from "./auth_state.js";
import { GrpcTransport } from "./grpc_transport.js";
import type { AuthStateLogger } from "./logger.js";
import { realPacing } from "./retry.js";

const DEFAULT_PATIENCE_MS = 60_000;

export interface AuthStateOptions {
  /** Where authstated listens, such as `127.0.0.1:50051`. */
  address: string;
  /**
   * For how long, in milliseconds, a call waits through an outage before it throws. Default 60,000. The last attempt may
   * take 15 seconds more when the server does not even refuse.
   */
  patienceMs?: number;
  /** Told about every wait. Default: none. */
  logger?: AuthStateLogger;
  /** Default: no TLS. */
  credentials?: ChannelCredentials;
}

/**
 * Opens the authentication state of a session, as `useMultiFileAuthState` does for a folder. New credentials are made
 * only when the server says that the session has none; they are stored with the first `saveCreds`.
 *
 * @param sessionId 1 to 128 characters of `[A-Za-z0-9._:@-]`. One process at a time may use a session.
 * @throws AuthStateError when the server cannot be reached for as long as patience lasts, or refuses.
 */
export async function useAuthState(sessionId: string, options: AuthStateOptions): Promise<AuthState> {
  // Baileys is an ES module: this also loads it from CommonJS.
  const baileys = await import("baileys");
  const transport = new GrpcTransport(options.address, options.credentials);
  try {
    return await openAuthState(sessionId, {
      transport,
      baileys,
      pacing: realPacing,
      patienceMs: options.patienceMs ?? DEFAULT_PATIENCE_MS,
      logger: options.logger,
    });
  } catch (error) {
    transport.close();
    throw error;
  }
}
