// What an answer, or its absence, means: an answer for the caller, or trouble, in which something else is tried first.
import { type Outcome, TablesError, type TablesErrorFields } from "../errors.js";
import type { TablesRequest } from "../request/request.js";
import { type Answer, isSuccess } from "./answer.js";
import { type DatabaseError, databaseError } from "./error_forms.js";

export interface Trouble {
  error: TablesError;
  /** How long the server asks to wait. */
  waitMs?: number;
  /** What the caller gets where waiting does not help; without it, the error. */
  answer?: Answer;
}

// Without a connection to the database nothing was begun.
const NEVER_BEGAN = new Set(["PGRST000", "PGRST002", "PGRST003", "08001", "08004", "53300", "57P03", "25006"]);
// The connection ended under way: before the COMMIT or after it. Where PostgreSQL died without a word, PostgREST's error has
// an empty code.
const LOST_UNDER_WAY = /^(|PGRST001|08...|57P01|57P02|57P05|40003)$/;
// Rolled back because of what others did at the same time.
const ROLLED_BACK = new Set(["40001", "40P01", "55P03"]);
// Codes of Node and undici for connections that never came about.
const NOT_CONNECTED = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "UND_ERR_CONNECT_TIMEOUT"],
]);
const UNTRUSTED = /^(CERT_|ERR_TLS_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;

/** What an answer means; undefined: it is the caller's. */
export function judge(request: TablesRequest, answer: Answer, retryAfterMs: number | undefined): Trouble | undefined {
  if (isSuccess(answer)) {
    const why = lackOf(request, answer);
    return why === undefined ? undefined : unexpected(request, why);
  }
  const { status, body } = answer;
  const error = databaseError(body);
  if (error !== undefined) return judgeError(request, answer, error);
  if (status === 429) return away(request, "too many requests", "NOT_APPLIED", { waitMs: retryAfterMs ?? 0 });
  if (status >= 500 || status === 408) {
    return away(request, `status ${status}, not from PostgREST`, "UNKNOWN", { waitMs: retryAfterMs ?? 0 });
  }
  // Without a body this says nothing; whoever asked finds out what it is.
  if (request.method === "HEAD") return undefined;
  // The builder takes these for an empty result.
  if (status === 404 && (body === "" || body.trimStart().startsWith("["))) {
    return unexpected(request, "status 404 without an error of PostgREST: is the address right?");
  }
  if (status < 400) return unexpected(request, `status ${status}: is the address right?`);
  return undefined;
}

/** What it means that no answer came. */
export function judgeFailure(request: TablesRequest, failure: unknown, timedOut: boolean): Trouble {
  if (timedOut) return away(request, "no answer in time", "UNKNOWN", { cause: failure });
  const { cause, message } = failure as Error & { cause?: { code?: string; message?: string } };
  if (cause === undefined || cause === null) {
    const fields = { code: "INVALID", outcome: outcomeOf(request, "NOT_APPLIED"), table: request.table };
    return { error: new TablesError(`${request.table}: cannot be sent: ${message}`, { ...fields, cause: failure }) };
  }
  const code = cause.code ?? "";
  const why = code === "" ? (cause.message ?? message) : code;
  if (UNTRUSTED.test(code)) {
    const trouble = away(request, `the certificate is not trusted: ${why}`, "NOT_APPLIED", { cause: failure });
    return { error: trouble.error.with({ retryable: false }) };
  }
  return away(request, why, NOT_CONNECTED.has(code) ? "NOT_APPLIED" : "UNKNOWN", { cause: failure });
}

function judgeError(request: TablesRequest, answer: Answer, error: DatabaseError): Trouble | undefined {
  const { code, message } = error;
  if (NEVER_BEGAN.has(code)) return away(request, `${code}: ${message}`, "NOT_APPLIED");
  if (LOST_UNDER_WAY.test(code)) return away(request, `${code}: ${message}`, "UNKNOWN");
  if (ROLLED_BACK.has(code)) return away(request, `${code}: ${message}`, "NOT_APPLIED", { answer });
  return undefined;
}

// Why an answer that says success cannot be one. The builder would make `data: null` without an error of some of these.
function lackOf(request: TablesRequest, { status, body, contentType }: Answer): string | undefined {
  if (request.method === "HEAD") return undefined;
  const accept = request.headers.get("accept") ?? "application/json";
  if (!/json/.test(accept)) return undefined;
  if (body === "") {
    const mayBeEmpty = request.writes || status === 204;
    return mayBeEmpty ? undefined : "an empty answer";
  }
  if (!/json/.test(contentType)) return `an answer of type ${contentType || "unknown"}`;
  const closing = { "[": "]", "{": "}" }[body[0]!];
  if (closing !== undefined && body.trimEnd().at(-1) !== closing) return "half an answer";
  return undefined;
}

function away(
  request: TablesRequest,
  why: string,
  outcome: Outcome,
  { cause, ...trouble }: { waitMs?: number; answer?: Answer; cause?: unknown } = {},
): Trouble {
  const fields: TablesErrorFields = { code: "UNAVAILABLE", retryable: true, table: request.table, cause };
  const error = new TablesError(`${request.table}: the database is away (${why})`, {
    ...{ ...fields, outcome: outcomeOf(request, outcome) },
  });
  return { error, ...trouble };
}

function unexpected(request: TablesRequest, why: string): Trouble {
  const outcome = outcomeOf(request, "UNKNOWN");
  const { table } = request;
  return { error: new TablesError(`${table}: ${why}`, { code: "UNEXPECTED_ANSWER", retryable: true, outcome, table }) };
}

const outcomeOf = ({ writes }: TablesRequest, outcome: Outcome): Outcome | undefined => (writes ? outcome : undefined);
