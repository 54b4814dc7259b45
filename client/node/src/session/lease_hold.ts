import { AuthStateError, LeaseLostError } from "../errors.js";
import type { AuthStateLogger } from "../logger.js";
import type { Pacing } from "../rpc/pacing.js";
import type { SessionLink } from "../rpc/session_link.js";
import type { Transport } from "../rpc/transport.js";
import { attachByCalls } from "../rpc/unary_link.js";
import { LeaseKeeper } from "./lease_keeper.js";
import { waitForLease } from "./lease_wait.js";
import type { SessionRetry } from "./session_retry.js";

// A release that fails only makes the next owner wait for the lease's end.
const RELEASE_PATIENCE_MS = 3_000;

export interface LeaseHoldDeps {
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

/**
 * Does `work` on a session under a lease that is taken for it, kept, and given back, without reading the session. Rejects
 * at once while somebody has it, and with LeaseLostError when another process takes it meanwhile.
 */
export async function holdingLease<T>(
  sessionId: string,
  deps: LeaseHoldDeps,
  work: (fence: bigint) => Promise<T>,
): Promise<T> {
  const { retry, pacing, logger, owner, ttlMs, patienceMs, steal, throwIfUnwanted } = deps;
  let sentAt = 0;
  const attach = (): Promise<SessionLink> => {
    sentAt = pacing.now();
    return attachByCalls(deps.transport, { sessionId, owner, ttlMs, steal, fence: 0n });
  };
  const link = await waitForLease({
    ...{ sessionId, pacing, logger, leaseWaitMs: 0, throwIfUnwanted },
    acquire: () => retry("AcquireLease", pacing.now() + patienceMs, attach),
    remainingMs: async () => undefined,
  });
  const renew = async (): Promise<number> => {
    const renewedAt = pacing.now();
    await link.renew(ttlMs);
    return renewedAt;
  };
  // That somebody else has the session, every call under the fence is told.
  const keeper = new LeaseKeeper({ pacing, ttlMs, renew, onAway: () => undefined, onBack: () => undefined });
  keeper.start(sentAt);
  try {
    return await work(link.fence);
  } catch (error) {
    if (error instanceof AuthStateError && error.reason === "STALE_FENCE") {
      throw new LeaseLostError(sessionId, error.owner, error.outcome);
    }
    throw error;
  } finally {
    keeper.stop();
    // It also shuts out a write that nobody has heard of, which could come after what the next owner writes.
    await retry("ReleaseLease", pacing.now() + RELEASE_PATIENCE_MS, () => link.detach(/* release= */ true)).catch(
      () => undefined,
    );
  }
}
