// A result that is longer than the server answers at once, read to its end in the order of the primary key: each page
// begins after the last key of the page before, so that a row which is there all the time comes once.
import { type Answer, isSuccess, rowRange } from "../answer/answer.js";
import { TablesError } from "../errors.js";
import { type TablesRequest, withHeaders, withQuery } from "../request/request.js";
import type { Answered, Attempts, Call, Keys } from "../sending/attempts.js";
import { refuseCutLists } from "./embedded_rows.js";
import { isWhole, limitOf } from "./row_limit.js";

type Row = Record<string, unknown>;

// What a row of a page has beside what was asked for: its key as text, exact whatever its type.
const KEY_ALIAS = "authstate_key_";

/** Begins anew where another database serves before the end. The rows are of one database, and not of one moment. */
export async function readPages(request: TablesRequest, call: Call, attempts: Attempts, keys: Keys): Promise<Answered> {
  const limit = limitOf(request);
  let first: Answered | undefined;
  let key: readonly string[] = [];
  let after: string[] | undefined;
  let rows: Row[] = [];
  for (;;) {
    const page = pageOf(request, key, after, limit - rows.length);
    const answered = await attempts.send(page, call);
    const { answer, database } = answered;
    if (!isSuccess(answer)) return answered;
    if (first?.database !== database) {
      // The first answer tells which database it is, and is read again in the order of its key.
      first = answered;
      key = await keyOf(request, answered, keys);
      after = undefined;
      rows = [];
      continue;
    }
    await refuseCutLists(page, answered, call, attempts);
    const read = JSON.parse(answer.body) as Row[];
    const last = read.at(-1);
    after = last && key.map((_, index) => String(last[KEY_ALIAS + index]));
    for (const row of read) for (const index of key.keys()) delete row[KEY_ALIAS + index];
    rows = rows.concat(read);
    const isEnd = after === undefined || rows.length >= limit;
    if (isEnd || (await isWhole(page, answered, call, attempts)))
      return { answer: joined(first.answer, rows), database };
  }
}

async function keyOf(request: TablesRequest, { database }: Answered, keys: Keys): Promise<readonly string[]> {
  const key = await keys.ask(request, database);
  if (key.length > 0) return key;
  const { table } = request;
  const hint = `name columns that are unique together: createTables({ keys: { ${JSON.stringify(table)}: ["id"] }, … })`;
  throw new TablesError(`${table}: has no primary key, in the order of which it could be read on`, {
    ...{ code: "NO_KEY", table, database: database.name, hint },
  });
}

function pageOf(
  request: TablesRequest,
  key: readonly string[],
  after: readonly string[] | undefined,
  limit: number,
): TablesRequest {
  const page = withQuery(request, (query) => {
    const columns = key.map((column, index) => `${KEY_ALIAS}${index}:${column}::text`);
    query.set("select", [query.get("select") ?? "*", ...columns].join(","));
    if (key.length > 0) query.set("order", key.map((column) => `${column}.asc`).join(","));
    if (after !== undefined) query.append("or", beyond(key, after));
    if (limit !== Infinity) query.set("limit", String(limit));
  });
  // What the caller counts was counted with the first page.
  const prefer = request.headers.get("prefer");
  return after === undefined || prefer === null
    ? page
    : withHeaders(page, { prefer: prefer.replace(/count=\w+/, "count=none") });
}

// (a, b) > (x, y), which PostgREST has no shorter form for.
function beyond(key: readonly string[], after: readonly string[]): string {
  const ways = key.map((column, index) => {
    const equal = key.slice(0, index).map((before, place) => `${before}.eq.${quoted(after[place]!)}`);
    return `and(${[...equal, `${column}.gt.${quoted(after[index]!)}`].join(",")})`;
  });
  return `(${ways.join(",")})`;
}

const quoted = (value: string): string => `"${value.replace(/["\\]/g, "\\$&")}"`;

function joined(first: Answer, rows: readonly Row[]): Answer {
  const total = rowRange(first)?.total;
  const range = rows.length === 0 ? "*" : `0-${rows.length - 1}`;
  return { ...first, body: JSON.stringify(rows), contentRange: `${range}/${total ?? "*"}`, response: undefined };
}
