// A server answers at most so many rows (db-max-rows; Supabase: 1,000), and does not say that there are more.
import { isSuccess, rowRange } from "../answer/answer.js";
import { type TablesRequest, withHeaders, withQuery } from "../request/request.js";
import type { Answered, Attempts, Call } from "../sending/attempts.js";

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
  const mostBefore = database.mostRows;
  database.mostRows = Math.max(mostBefore, count);
  if (count >= limitOf(request)) return true;
  if (total !== undefined) return first + count >= total;
  // It has answered more rows than this at once, so it did not stop at these.
  if (count < LEAST_LIMIT || count < mostBefore) return true;
  const next = withQuery(request, (query) => {
    query.set("offset", String(first + count));
    query.set("limit", "1");
  });
  const more = await attempts.send(withHeaders(next, { accept: "application/json" }), call);
  return rowRange(more.answer)?.count === 0;
}

export function limitOf({ query }: TablesRequest): number {
  const limit = query.get("limit");
  return limit === null ? Infinity : Number(limit);
}
