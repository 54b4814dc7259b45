import { status } from "@grpc/grpc-js";
import { homeAdvice } from "./home_owner.js";

// The name of a canonical status code, such as `UNAVAILABLE`.
export type AuthStateErrorCode = keyof typeof status;

export interface AuthStateErrorFields {
  code: AuthStateErrorCode;
  reason: string;
  field?: string | undefined;
  outcome?: "NOT_APPLIED" | "UNKNOWN" | undefined;
  requestId?: string | undefined;
  owner?: string | undefined;
  revision?: bigint | undefined;
  retryable?: boolean;
  retryDelayMs?: number | undefined;
}

// This symbol is the same in every copy of the package; a process that loads it from CommonJS and as an ES module has two.
const BRAND = Symbol.for("@authstate/baileys.AuthStateError");

/**
 * Any failure of the store. Its message may name a session, a key type and a key id, and never a value. Absence is never
 * an error of this kind: a key that is not there is left out of the answer of `get`.
 */
export class AuthStateError extends Error {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  override readonly name: string = "AuthStateError";
  /** Canonical code; docs/troubleshooting.md of the repository says what each reason means. */
  readonly code: AuthStateErrorCode;
  /** What happened, more precisely: `DATABASE_UNAVAILABLE`, `QUEUE_FULL`, `INVALID_FIELD`, `CLOSED`, … */
  readonly reason: string;
  /** The field at fault, such as `sets[3].value`; for `INVALID_ARGUMENT`. */
  readonly field: string | undefined;
  /** For a failed write: whether it may have been applied. A write in doubt may be repeated as it is. */
  readonly outcome: "NOT_APPLIED" | "UNKNOWN" | undefined;
  /** The id of the request in the server's log. */
  readonly requestId: string | undefined;
  /** Who holds the session's lease, where a lease is the reason. */
  readonly owner: string | undefined;
  /** The session's revision, where what is asked for is not there. */
  readonly revision: bigint | undefined;
  /** Whether the same call may succeed later. The client has then already waited for as long as its patience lasts. */
  readonly retryable: boolean;
  /** How long the server asks to wait before the next try. */
  readonly retryDelayMs: number | undefined;

  constructor(message: string, fields: AuthStateErrorFields) {
    super(message);
    this.code = fields.code;
    this.reason = fields.reason;
    this.field = fields.field;
    this.outcome = fields.outcome;
    this.requestId = fields.requestId;
    this.owner = fields.owner;
    this.revision = fields.revision;
    this.retryable = fields.retryable ?? false;
    this.retryDelayMs = fields.retryDelayMs;
  }

  /** A copy of the error with these changes. */
  with(changes: {
    message?: string;
    outcome?: "NOT_APPLIED" | "UNKNOWN" | undefined;
    retryable?: boolean;
  }): AuthStateError {
    const { code, reason, field, requestId, owner, revision, retryDelayMs } = this;
    const retryable = changes.retryable ?? this.retryable;
    const outcome = "outcome" in changes ? changes.outcome : this.outcome;
    return this.made(changes.message ?? this.message, {
      ...{ code, reason, field, outcome, requestId, owner, revision, retryable, retryDelayMs },
    });
  }

  /** A copy with other fields, which is of the same class where that can be. */
  protected made(message: string, fields: AuthStateErrorFields): AuthStateError {
    return new AuthStateError(message, fields);
  }
}

/**
 * Whether `error` is an AuthStateError, also one of another copy of this package, of which `instanceof` knows nothing.
 * Which one it is, its `reason` tells.
 */
export function isAuthStateError(error: unknown): error is AuthStateError {
  return typeof error === "object" && error !== null && (error as { [BRAND]?: unknown })[BRAND] === true;
}

/** Whether `error` is one of this copy of the package with this reason. */
export function hasReason(error: unknown, reason: string): error is AuthStateError {
  return error instanceof AuthStateError && error.reason === reason;
}

/** Another process has the session's lease, and kept it for as long as the caller was willing to wait. */
export class LeaseHeldError extends AuthStateError {
  override readonly name = "LeaseHeldError";

  constructor(sessionId: string, owner: string | undefined, waitedMs: number) {
    const waited = `waited ${Math.round(waitedMs)} ms`;
    super(`${sessionId}: leased to ${owner || "somebody else"} (${waited})${homeAdvice(owner)}`, {
      ...{ code: "FAILED_PRECONDITION", reason: "LEASE_HELD", outcome: "NOT_APPLIED", owner },
    });
  }
}

/** The session's lease is lost, by the server's word: the session is somebody else's now, or was changed without it. */
export class LeaseLostError extends AuthStateError {
  override readonly name = "LeaseLostError";
  readonly #sessionId: string;

  constructor(sessionId: string, owner: string | undefined, outcome: AuthStateErrorFields["outcome"] = "NOT_APPLIED") {
    super(`${sessionId}: the lease is lost${owner ? `; ${owner} has it` : ""}`, {
      ...{ code: "FAILED_PRECONDITION", reason: "LEASE_LOST", outcome, owner: owner || undefined },
    });
    this.#sessionId = sessionId;
  }

  override with(changes: { outcome?: AuthStateErrorFields["outcome"] }): LeaseLostError {
    return new LeaseLostError(this.#sessionId, this.owner, "outcome" in changes ? changes.outcome : this.outcome);
  }
}

/**
 * The server does not know the caller: no token was shown (`NO_TOKEN`), it is none of this store (`BAD_TOKEN`), it has ended
 * (`TOKEN_EXPIRED`, `TOKEN_REVOKED`), or the client's certificate has no rights (`CERTIFICATE_UNKNOWN`). Nothing was done.
 * Where the pool has another token by then, that is tried, and this error not thrown.
 */
export class TokenRefusedError extends AuthStateError {
  override readonly name = "TokenRefusedError";

  protected override made(message: string, fields: AuthStateErrorFields): TokenRefusedError {
    return new TokenRefusedError(message, fields);
  }
}

/**
 * The server knows the caller, who may not do this: the session is not among its own, be it there or not
 * (`SESSION_OUT_OF_SCOPE`), or it has another right on it (`RIGHT_MISSING`). Nothing was done.
 */
export class AccessDeniedError extends AuthStateError {
  override readonly name = "AccessDeniedError";

  protected override made(message: string, fields: AuthStateErrorFields): AccessDeniedError {
    return new AccessDeniedError(message, fields);
  }
}

/** Why a session that was open is no longer this process's. */
export type LostError = LeaseLostError | TokenRefusedError | AccessDeniedError;

/** The server will not have this caller, whatever is tried with the token of now. */
export function isShutOut(error: unknown): error is TokenRefusedError | AccessDeniedError {
  return (error instanceof TokenRefusedError && !error.retryable) || error instanceof AccessDeniedError;
}

// The client itself refuses an argument, before anything is sent.
export function invalidField(field: string, why: string): AuthStateError {
  return new AuthStateError(`${field}: ${why}`, {
    code: "INVALID_ARGUMENT",
    reason: "INVALID_FIELD",
    field,
    outcome: "NOT_APPLIED",
  });
}

// No answer came from a server, and another try may succeed.
export function connectionError(message: string, fields?: Partial<AuthStateErrorFields>): AuthStateError {
  return new AuthStateError(message, { code: "UNAVAILABLE", reason: "CONNECTION", retryable: true, ...fields });
}

// The server answered something that the contract rules out. Never read as absence.
export function brokenAnswer(why: string): AuthStateError {
  return new AuthStateError(why, { code: "DATA_LOSS", reason: "UNEXPECTED_ANSWER" });
}

// The server ignores what it does not know of a request, and answers as if that had not been asked for.
export function serverTooOldError(place: string, version: string | undefined, what: string): AuthStateError {
  const which = version === undefined ? "" : ` (version ${version})`;
  const why = `is of an older version, which does not know of ${what}; upgrade it, or do not ask for them`;
  return new AuthStateError(`${place}: the server${which} ${why}`, {
    ...{ code: "FAILED_PRECONDITION", reason: "SERVER_TOO_OLD" },
  });
}

// Something is refused for what the session is, or this process has; nothing was changed.
export function refusal(reason: string, message: string): AuthStateError {
  return new AuthStateError(message, { code: "FAILED_PRECONDITION", reason, outcome: "NOT_APPLIED" });
}

// A second handle of a session is refused while this process has one open.
export function alreadyOpenError(sessionId: string): AuthStateError {
  const what = "this process has it open, or is opening it: reuse the handle, or close it first";
  return refusal("ALREADY_OPEN", `${sessionId}: ${what}`);
}

// Asked for with `create: false`, where the server says that there are no creds.
export function noCredsError(sessionId: string): AuthStateError {
  const what = "the store has no creds of this session, and was not asked to make new ones (create: false)";
  return new AuthStateError(`${sessionId}: ${what}`, { code: "NOT_FOUND", reason: "NO_CREDS" });
}

// New creds beside keys of an identity that is gone would not read what old contacts write.
export function orphanedKeysError(sessionId: string): AuthStateError {
  const what = "the store has keys of this session and no creds, so no new creds are made";
  const ways =
    "restore its creds (authstatectl session import), delete it (authstatectl session delete), or open it with " +
    '{ onOrphanedKeys: "clear" }, which deletes the keys';
  return refusal("ORPHANED_KEYS", `${sessionId}: ${what}: ${ways}`);
}

// An import that was not asked to replace anything.
export function sessionExistsError(sessionId: string): AuthStateError {
  return new AuthStateError(
    `${sessionId}: the session exists and holds something else; { replace: true } puts the folder in its place`,
    {
      ...{ code: "ALREADY_EXISTS", reason: "SESSION_EXISTS", outcome: "NOT_APPLIED" },
    },
  );
}

// Creds that were made without a lease are refused once somebody else has written the session.
export function writtenSinceError(sessionId: string): AuthStateError {
  const what = "somebody else has written this session since it was found without creds; open it again";
  return new AuthStateError(`${sessionId}: ${what}`, {
    ...{ code: "ABORTED", reason: "REVISION_MISMATCH", outcome: "NOT_APPLIED" },
  });
}

// `field` is the member that Baileys could not use. Never quotes what is there.
export function unusableCredsError(sessionId: string, field: string, why: string): AuthStateError {
  const ways = "import them again, or delete the session and pair the account anew";
  return new AuthStateError(`${sessionId}: the stored creds cannot work: ${field}: ${why}; ${ways}`, {
    ...{ code: "DATA_LOSS", reason: "UNUSABLE_CREDS", field },
  });
}

export function endedError(reason: "CLOSED" | "SESSION_REMOVED"): AuthStateError {
  const what = reason === "CLOSED" ? "was closed" : "was ended by removeSession";
  return refusal(reason, `this auth state ${what}`);
}
