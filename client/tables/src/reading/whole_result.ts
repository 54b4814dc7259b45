// Results of which nothing was cut off in silence: what the server left out is read on, or told.
import { isSuccess, rowRange } from "../answer/answer.js";
import { TablesError } from "../errors.js";
import { preference, type TablesRequest, withHeaders } from "../request/request.js";
import type { Answered, Attempts, Call, Keys } from "../sending/attempts.js";
import { refuseCutLists } from "./embedded_rows.js";
import { readPages } from "./pages.js";
import { isWhole, limitOf } from "./row_limit.js";

export interface WholeResultDeps {
  attempts: Attempts;
  keys: Keys;
  /** Whether to read on; otherwise it is an error. */
  pages: boolean;
}

/** Sends a request, and resolves with an answer that has all of its rows. Rejects with `CUT_OFF` where it cannot. */
export async function wholeResult(request: TablesRequest, call: Call, deps: WholeResultDeps): Promise<Answered> {
  const { attempts, keys, pages } = deps;
  if (request.isRpc && request.method !== "HEAD") return wholeRpc(request, call, attempts);
  const answered = await attempts.send(request, call);
  // What a write returns is not cut off.
  if (request.writes || request.method === "HEAD") return answered;
  await refuseCutLists(request, answered, call, attempts);
  if (isSingle(request)) return answered;
  if (await isWhole(request, answered, call, attempts)) return answered;
  if (!pages || !isPageable(request)) throw cutOff(request, answered, pages);
  return readPages(request, call, attempts, keys);
}

// The server counts the rows of a function in the statement that calls it, once.
async function wholeRpc(request: TablesRequest, call: Call, attempts: Attempts): Promise<Answered> {
  const prefer = [request.headers.get("prefer"), "count=exact"].filter((text) => text !== null).join(",");
  const isCounted = preference(request, "count") !== undefined;
  const answered = await attempts.send(isCounted ? request : withHeaders(request, { prefer }), call);
  const range = isSuccess(answered.answer) ? rowRange(answered.answer) : undefined;
  if (range?.total === undefined || range.count === 0 || range.count >= limitOf(request)) return answered;
  // An estimate may be any number.
  if (isCounted && preference(request, "count") !== "exact") return answered;
  if (range.first + range.count < range.total) throw cutOff(request, answered, false);
  return answered;
}

const isSingle = ({ headers }: TablesRequest): boolean => headers.get("accept")?.includes("pgrst.object") ?? false;

function isPageable({ query, headers }: TablesRequest): boolean {
  return !query.has("order") && !query.has("offset") && /json/.test(headers.get("accept") ?? "json");
}

function cutOff(request: TablesRequest, { answer, database }: Answered, pages: boolean): TablesError {
  const { table, writes } = request;
  const rows = rowRange(answer)?.count ?? 0;
  const readOn = pages
    ? "the pages are in the order of the primary key: leave out .order() and .csv(), and sort what you get"
    : `read it to the end: tables.with({ pages: true }).from(${JSON.stringify(table)})`;
  const hint = request.isRpc ? "let the function take a key to go on from" : `${readOn}; or say .limit(${rows})`;
  return new TablesError(`${table}: ${database.name} has more rows than the ${rows} that it answers at once`, {
    ...{ code: "CUT_OFF", table, database: database.name, hint, outcome: writes ? "UNKNOWN" : undefined },
  });
}
