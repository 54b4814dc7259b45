// The `fetch` beneath postgrest-js: what of a call is refused, where it goes to, how long it is tried, and what its answer
// may say.
import { databaseError } from "./answer/error_forms.js";
import { type Answer, isSuccess, rowRange, toResponse } from "./answer/answer.js";
import { isTablesError, TablesError } from "./errors.js";
import type { TablesLogger } from "./logger.js";
import type { Pacing } from "./pacing.js";
import { wholeResult } from "./reading/whole_result.js";
import { refuseUnmeant } from "./request/refusals.js";
import { filtersOf, parseRequest, type TablesRequest, withQuery } from "./request/request.js";
import type { Answered, Attempts, Call, Keys } from "./sending/attempts.js";
import type { Database } from "./sending/database.js";

// What passes by itself, as a mistake of the caller's does not.
const OUTAGES = new Set(["UNAVAILABLE", "MAINTENANCE", "SERVING_UNKNOWN", "UNEXPECTED_ANSWER"]);

export interface DecidingDeps {
  attempts: Attempts;
  keys: Keys;
  pacing: Pacing;
  logger: TablesLogger | undefined;
  /** The database that was asked last, for keys that are known. */
  anyDatabase: Database;
  patienceMs: number;
  outage: "throw" | "return";
  pages: boolean;
}

/** Rejects with TablesError; with `outage: "return"` of an outage resolves with an answer that says it. */
export function decidingFetch(deps: DecidingDeps): (url: string, init: RequestInit) => Promise<Response> {
  return async (url, init) => {
    const request = parseRequest(url, init);
    const call: Call = { patienceMs: deps.patienceMs, attempts: 0, database: undefined };
    const began = deps.pacing.now();
    try {
      refuseUnmeant(request, () => deps.keys.known(request, deps.anyDatabase));
      const { answer } = await answerOf(request, call, deps);
      const alike = isSuccess(answer) ? answer : inOneForm(answer);
      log(deps, request, call, began, alike);
      return toResponse(alike);
    } catch (error) {
      log(deps, request, call, began, undefined, error);
      if (deps.outage === "return" && isTablesError(error) && OUTAGES.has(error.code)) return toResponse(told(error));
      throw error;
    }
  };
}

async function answerOf(request: TablesRequest, call: Call, deps: DecidingDeps): Promise<Answered> {
  const answered = await wholeResult(request, call, deps);
  if (request.method !== "HEAD" || isSuccess(answered.answer)) return answered;
  // An error without a body, of which the builder would make a count of null and no error. What it is, a GET tells.
  const { headers } = request;
  const asked = withQuery({ ...request, method: "GET", headers }, (query) => query.set("limit", "0"));
  const told = await deps.attempts.send(asked, call);
  return isSuccess(told.answer) ? deps.attempts.send(request, call) : told;
}

function inOneForm(answer: Answer): Answer {
  const error = databaseError(answer.body);
  return error === undefined ? answer : { ...answer, body: JSON.stringify(error), response: undefined };
}

// As postgrest-js has errors of the database: an object in `error`.
function told({ code, message, details, hint, outcome, database, table }: TablesError): Answer {
  const body = JSON.stringify({
    code,
    message,
    details: details ?? null,
    hint: hint ?? null,
    outcome,
    database,
    table,
  });
  return {
    status: 500,
    statusText: code,
    body,
    contentType: "application/json",
    contentRange: null,
    response: undefined,
  };
}

function log(
  { logger, pacing }: DecidingDeps,
  request: TablesRequest,
  { attempts, database }: Call,
  began: number,
  answer: Answer | undefined,
  error?: unknown,
): void {
  if (logger === undefined) return;
  const { method, table } = request;
  const filters = filtersOf(request).map(({ column, operator }) =>
    operator === "" ? column : `${column}.${operator}`,
  );
  const failure = error instanceof TablesError ? { code: error.code, outcome: error.outcome } : { code: "ABORTED" };
  const ended =
    answer === undefined ? failure : { status: answer.status, code: codeOf(answer), rows: rowRange(answer)?.count };
  const ms = Math.round(pacing.now() - began);
  logger.debug({ database, method, table, filters, attempts, ms, ...ended }, "tables");
}

const codeOf = (answer: Answer): string | undefined =>
  isSuccess(answer) ? undefined : databaseError(answer.body)?.code;
