// A server answers at most so many rows (db-max-rows; Supabase: 1,000), and does not say that there are more.
import { isSuccess, rowRange } from "../answer/answer.js";
import { type TablesRequest, withHeaders, withQuery } from "../request/request.js";
import type { Answered, Attempts, Call } from "../sending/attempts.js";
import type { Database } from "../sending/database.js";

// No server is set up to answer fewer rows than this at most.
const LEAST_LIMIT = 100;

/** Whether an answer has all rows that it was asked for. Asks for one row more where nothing else tells. */
export async function isWhole(
  request: TablesRequest,
  { answer, database }: Answered,
  call: Call,
  attempts: Attempts,
): Promise<boolean> {
  const range = isSuccess(answer) ? rowRange(answer) : undefined;
  if (range === undefined || range.count === 0) return true;
  const { count, first, total } = range;
  const maybe = mayBeCutOff(count, database);
  if (count >= limitOf(request)) return true;
  if (total !== undefined) return first + count >= total;
  if (!maybe) return true;
  const next = withQuery(request, (query) => {
    query.set("offset", String(first + count));
    query.set("limit", "1");
  });
  const more = await attempts.send(withHeaders(next, { accept: "application/json" }), call);
  return rowRange(more.answer)?.count === 0;
}

/** Whether this may be the limit. Once more rows than these came at once, it is not. */
export function mayBeCutOff(count: number, database: Database): boolean {
  const mostBefore = database.mostRows;
  database.mostRows = Math.max(mostBefore, count);
  return count >= LEAST_LIMIT && count >= mostBefore;
}

/** How many rows the caller asks for, of the table or of what is embedded under this path. */
export function limitOf({ query }: TablesRequest, path?: string): number {
  const limit = query.get(path === undefined ? "limit" : `${path}.limit`);
  return limit === null ? Infinity : Number(limit);
}
