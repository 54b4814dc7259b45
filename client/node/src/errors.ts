import { status } from "@grpc/grpc-js";

// The name of a canonical status code, such as `UNAVAILABLE`.
export type AuthStateErrorCode = keyof typeof status;

export interface AuthStateErrorFields {
  code: AuthStateErrorCode;
  reason: string;
  field?: string | undefined;
  outcome?: "NOT_APPLIED" | "UNKNOWN" | undefined;
  requestId?: string | undefined;
  retryable?: boolean;
  retryDelayMs?: number | undefined;
  cause?: unknown;
}

/**
 * Any failure of the store. It holds no credentials, keys or ids. Absence is never an error of this kind: a key that is
 * not there is left out of the answer of `get`.
 */
export class AuthStateError extends Error {
  override readonly name = "AuthStateError";
  /** Canonical code; the README has the table. */
  readonly code: AuthStateErrorCode;
  /** What happened, more precisely: `DATABASE_UNAVAILABLE`, `QUEUE_FULL`, `INVALID_FIELD`, `CLOSED`, … */
  readonly reason: string;
  /** The field at fault, such as `sets[3].value`; for `INVALID_ARGUMENT`. */
  readonly field: string | undefined;
  /** For a failed write: whether it may have been applied. A write in doubt may be repeated as it is. */
  readonly outcome: "NOT_APPLIED" | "UNKNOWN" | undefined;
  /** The id of the request in the server's log. */
  readonly requestId: string | undefined;
  /** Whether the same call may succeed later. The client has then already waited for as long as its patience lasts. */
  readonly retryable: boolean;
  /** How long the server asks to wait before the next try. */
  readonly retryDelayMs: number | undefined;

  constructor(message: string, fields: AuthStateErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.reason = fields.reason;
    this.field = fields.field;
    this.outcome = fields.outcome;
    this.requestId = fields.requestId;
    this.retryable = fields.retryable ?? false;
    this.retryDelayMs = fields.retryDelayMs;
  }

  /** The same error, told differently. */
  with(changes: { message?: string; outcome?: "NOT_APPLIED" | "UNKNOWN" | undefined }): AuthStateError {
    const { code, reason, field, requestId, retryable, retryDelayMs, cause } = this;
    const outcome = "outcome" in changes ? changes.outcome : this.outcome;
    return new AuthStateError(changes.message ?? this.message, {
      ...{ code, reason, field, outcome, requestId, retryable, retryDelayMs, cause },
    });
  }
}

// Refused by the client itself, before anything was sent.
export function invalidField(field: string, why: string): AuthStateError {
  return new AuthStateError(`${field}: ${why}`, {
    code: "INVALID_ARGUMENT",
    reason: "INVALID_FIELD",
    field,
    outcome: "NOT_APPLIED",
  });
}

// The server answered something that the contract rules out. Never read as absence.
export function brokenAnswer(why: string): AuthStateError {
  return new AuthStateError(why, { code: "DATA_LOSS", reason: "UNEXPECTED_ANSWER" });
}

export function endedError(reason: "CLOSED" | "SESSION_REMOVED"): AuthStateError {
  const what = reason === "CLOSED" ? "was closed" : "was ended by removeSession";
  return new AuthStateError(`this auth state ${what}`, {
    code: "FAILED_PRECONDITION",
    reason,
    outcome: "NOT_APPLIED",
  });
}
