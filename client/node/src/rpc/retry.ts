import { AuthStateError } from "../errors.js";
import type { Pacing } from "./pacing.js";

// The deadline of one attempt. It leaves a full commit time on a slow line; that a server is gone shows much sooner.
export const ATTEMPT_TIMEOUT_MS = 15_000;
const BACKOFF = { firstMs: 100, maxMs: 5_000 };

export interface Retry {
  pacing: Pacing;
  /** When patience ends, by `pacing.now()`. No wait goes beyond it; the last attempt may, up to its own deadline. */
  until: number;
  /** Called before every wait. */
  onWait(error: AuthStateError, attempt: number, delayMs: number): void;
}

/**
 * How long to wait after `failures` failures in a row, at least one. The ceiling doubles with each, and the jitter is full,
 * so that many sessions that lost one server do not come back at one moment.
 */
export function backoffMs(failures: number, { firstMs, maxMs }: typeof BACKOFF, pacing: Pacing): number {
  return pacing.random() * Math.min(maxMs, firstMs * 2 ** (failures - 1));
}

/**
 * Calls `attempt` until it succeeds, fails for good, or patience ends. Every attempt must be safe to repeat. Of a write
 * that failed, the error's outcome speaks for all attempts.
 */
export async function retry<T>(attempt: (timeoutMs: number) => Promise<T>, options: Retry): Promise<T> {
  const { pacing, until, onWait } = options;
  const start = pacing.now();
  let inDoubt = false;
  for (let count = 1; ; count++) {
    try {
      return await attempt(ATTEMPT_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof AuthStateError)) throw error;
      inDoubt ||= error.outcome === "UNKNOWN";
      const outcome = inDoubt ? "UNKNOWN" : error.outcome;
      if (!error.retryable) throw error.with({ outcome });

      const now = pacing.now();
      if (now >= until) {
        const waited = `gave up after ${count} ${count === 1 ? "attempt" : "attempts"} in ${Math.round(now - start)} ms`;
        throw error.with({ outcome, message: `${error.message} (${waited})` });
      }
      const delayMs = Math.min((error.retryDelayMs ?? 0) + backoffMs(count, BACKOFF, pacing), until - now);
      onWait(error, count, delayMs);
      await pacing.sleep(delayMs);
    }
  }
}
