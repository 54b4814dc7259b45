import type { WarningLimit } from "../connection/warning_limit.js";
import { type AuthStateError, hasReason, TokenRefusedError } from "../errors.js";
import type { AuthStateLogger } from "../logger.js";
import type { Pacing } from "../rpc/pacing.js";
import { retry } from "../rpc/retry.js";

/** Tries an operation until it succeeds, fails for good, or `until` has passed; see `retry`. */
export type SessionRetry = <T>(rpc: string, until: number, attempt: (timeoutMs: number) => Promise<T>) => Promise<T>;

/**
 * A SessionRetry that warns `logger` of its waits, as often as `warnings` allows. `sessionId` is unset for what concerns
 * many sessions.
 */
export function sessionRetry(
  sessionId: string | undefined,
  pacing: Pacing,
  logger: AuthStateLogger | undefined,
  warnings: WarningLimit,
): SessionRetry {
  return (rpc, until, attempt) =>
    retry(attempt, {
      pacing,
      until,
      onWait: (error, count, delayMs) => {
        const { code, reason, message: why } = error;
        const fields = { sessionId, rpc, code, reason, attempt: count, delayMs: Math.round(delayMs), why };
        const isRefused = error instanceof TokenRefusedError;
        warnings.warn(
          logger,
          fields,
          isRefused ? "the token was refused; looking for another one" : "authstate does not answer; waiting",
        );
      },
    });
}

/** Whether `error` says that what is asked for is not there, for `reason`. */
export function saysAbsent(error: unknown, reason: "NO_CREDS" | "NO_SESSION"): error is AuthStateError {
  return hasReason(error, reason) && error.code === "NOT_FOUND";
}
