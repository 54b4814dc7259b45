import { hasReason, LeaseHeldError } from "../errors.js";
import { homeAdvice } from "../home_owner.js";
import { type AuthStateLogger, notify } from "../logger.js";
import type { Pacing } from "../rpc/pacing.js";
import { refuseOwnLease } from "./open_sessions.js";

// How often a lease that somebody else has is asked for.
const POLL_MS = 500;
// A wait that takes longer is told to people, who would see a program that does nothing.
const SILENT_MS = 2_000;
// What this client adds to the name that a process gives itself.
const HANDLE_SUFFIX = /:[0-9a-f]{12}:\d+$/;

export interface LeaseWait<Lease = unknown> {
  sessionId: string;
  pacing: Pacing;
  logger: AuthStateLogger | undefined;
  /** How long to wait, in milliseconds, for a lease that somebody else has. */
  leaseWaitMs: number;
  /** Throws to end the wait. */
  throwIfUnwanted(): void;
  /** Takes the lease. Waits through an outage; rejects with LEASE_HELD where somebody else has it. */
  acquire(): Promise<Lease>;
  /** How long somebody else's lease still lives, in milliseconds, if that can be learned soon. */
  remainingMs(): Promise<number | undefined>;
}

/**
 * Takes a lease, and waits for it where somebody else has it. Resolves with what `acquire` did; rejects with LeaseHeldError
 * when that takes too long.
 */
export async function waitForLease<Lease>(wait: LeaseWait<Lease>): Promise<Lease> {
  const { sessionId, pacing, leaseWaitMs, throwIfUnwanted, acquire } = wait;
  // In which somebody else had it for certain: an outage or maintenance in between has a patience of its own.
  let waitedMs = 0;
  let told = false;
  for (;;) {
    throwIfUnwanted();
    try {
      return await acquire();
    } catch (error) {
      if (!hasReason(error, "LEASE_HELD")) throw error;
      refuseOwnLease(sessionId, error.owner);
      if (waitedMs >= leaseWaitMs) throw new LeaseHeldError(sessionId, error.owner, waitedMs);
      if (!told && waitedMs >= SILENT_MS) {
        told = true;
        await tell(wait, error.owner);
      }
      const start = pacing.now();
      await pacing.sleep(Math.min(POLL_MS * (0.5 + pacing.random() / 2), leaseWaitMs - waitedMs));
      waitedMs += pacing.now() - start;
    }
  }
}

async function tell({ sessionId, logger, remainingMs }: LeaseWait, owner: string | undefined): Promise<void> {
  const leftMs = await remainingMs();
  const who = owner?.replace(HANDLE_SUFFIX, "") || "somebody else";
  const howLong = leftMs === undefined ? "" : ` for ${Math.ceil(leftMs / 1_000)} s more`;
  const what = `session ${sessionId} is leased by ${who}${howLong}; waiting${homeAdvice(owner)}`;
  notify(logger, { sessionId, owner, leftMs }, what);
}
