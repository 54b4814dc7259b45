import { AuthStateError } from "./errors.js";
import type { AuthStateLogger } from "./logger.js";
import { type Pacing, retry } from "./retry.js";

/** Tries an operation until it succeeds, fails for good, or `until` has passed; see `retry`. */
export type SessionRetry = <T>(rpc: string, until: number, attempt: (timeoutMs: number) => Promise<T>) => Promise<T>;

/** A SessionRetry that tells the logger of every wait. */
export function sessionRetry(sessionId: string, pacing: Pacing, logger: AuthStateLogger | undefined): SessionRetry {
  return (rpc, until, attempt) =>
    retry(attempt, {
      pacing,
      until,
      onWait: ({ code, reason }, count, delayMs) =>
        logger?.warn(
          { sessionId, rpc, code, reason, attempt: count, delayMs: Math.round(delayMs) },
          "authstate does not answer; waiting",
        ),
    });
}

/** Whether `error` says that what is asked for is not there, for `reason`. */
export function saysAbsent(error: unknown, reason: "NO_CREDS" | "NO_SESSION"): boolean {
  return error instanceof AuthStateError && error.code === "NOT_FOUND" && error.reason === reason;
}
