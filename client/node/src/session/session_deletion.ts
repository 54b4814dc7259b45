import { AuthStateError, LeaseLostError } from "../errors.js";
import type { AuthStateLogger } from "../logger.js";
import type { Pacing } from "../rpc/pacing.js";
import type { SessionLink } from "../rpc/session_link.js";
import type { Transport } from "../rpc/transport.js";
import { attachByCalls } from "../rpc/unary_link.js";
import { newCommitId } from "../writes/commit_plan.js";
import { waitForLease } from "./lease_wait.js";
import { saysAbsent, type SessionRetry } from "./session_retry.js";

// A release that fails only makes the next owner wait for the lease's end.
const RELEASE_PATIENCE_MS = 3_000;

export interface DeletionDeps {
  transport: Transport;
  retry: SessionRetry;
  pacing: Pacing;
  logger: AuthStateLogger | undefined;
  owner: string;
  ttlMs: number;
  patienceMs: number;
  /** Take the lease also from an owner that is alive. */
  steal: boolean;
  /** Throws to give up before the lease is taken. */
  throwIfUnwanted(): void;
}

/** Deletes a session under a lease that is taken for it, without reading the session; one that is not there is done. */
export async function deleteStoredSession(sessionId: string, deps: DeletionDeps): Promise<void> {
  const { transport, retry, pacing, logger, owner, ttlMs, patienceMs, steal, throwIfUnwanted } = deps;
  const until = pacing.now() + patienceMs;
  const attach = (): Promise<SessionLink> => attachByCalls(transport, { sessionId, owner, ttlMs, steal, fence: 0n });
  const link = await waitForLease({
    ...{ sessionId, pacing, logger, leaseWaitMs: 0, throwIfUnwanted },
    acquire: () => retry("AcquireLease", until, attach),
    remainingMs: async () => undefined,
  });
  const commitId = newCommitId();
  try {
    await retry("DeleteSession", until, (timeoutMs) =>
      transport.deleteSession(sessionId, commitId, link.fence, timeoutMs),
    );
  } catch (error) {
    if (error instanceof AuthStateError && error.reason === "STALE_FENCE") {
      throw new LeaseLostError(sessionId, error.owner, error.outcome);
    }
    if (!saysAbsent(error, "NO_SESSION")) throw error;
  } finally {
    // It also shuts out a deletion that nobody has heard of, which could come after what the next owner writes.
    await retry("ReleaseLease", pacing.now() + RELEASE_PATIENCE_MS, () => link.detach(/* release= */ true)).catch(
      () => undefined,
    );
  }
}
