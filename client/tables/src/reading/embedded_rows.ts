// Rows of other tables within the rows, as in `select=*,items(*)`. The server's limit ends each of these lists too, and
// nothing in the answer says so.
import { isSuccess } from "../answer/answer.js";
import { TablesError } from "../errors.js";
import { type TablesRequest, withQuery } from "../request/request.js";
import type { Answered, Attempts, Call } from "../sending/attempts.js";
import { limitOf, mayBeCutOff } from "./row_limit.js";

interface Embedding {
  /** What the rows call it; undefined: its columns are among theirs (`...items(*)`). */
  name: string | undefined;
  /** What its parameters begin with: `orders.items` for `orders.items.limit`. */
  path: string;
  within: Embedding[];
}

/** Throws TablesError with `CUT_OFF` where a list within the rows is shorter than what it is of. */
export async function refuseCutLists(
  request: TablesRequest,
  { answer, database }: Answered,
  call: Call,
  attempts: Attempts,
): Promise<void> {
  const embeddings = embeddingsOf(request.query.get("select") ?? "");
  if (embeddings.length === 0 || !isSuccess(answer) || !answer.contentType.includes("json")) return;
  for (const [path, count] of longestLists(answer.body, embeddings)) {
    if (count >= limitOf(request, path) || !mayBeCutOff(count, database)) continue;
    const next = withQuery(request, (query) => {
      query.set(`${path}.offset`, String(Number(query.get(`${path}.offset`) ?? 0) + count));
      query.set(`${path}.limit`, "1");
    });
    const more = await attempts.send(next, call);
    if (isSuccess(more.answer) && longestLists(more.answer.body, embeddings).get(path) === 0) continue;
    const { table } = request;
    throw new TablesError(
      `${table}: ${database.name} has more rows of ${path} than the ${count} that it embeds at once`,
      {
        ...{ code: "CUT_OFF", table, database: database.name },
        hint: `read ${path} by itself, with pages: true; or say .limit(${count}, { referencedTable: ${JSON.stringify(path)} })`,
      },
    );
  }
}

// By path, how many rows the longest of the lists has.
function longestLists(body: string, embeddings: readonly Embedding[]): Map<string, number> {
  const longest = new Map<string, number>();
  const look = (rows: readonly unknown[], of: readonly Embedding[]): void => {
    for (const row of rows) {
      for (const { name, path, within } of of) {
        const embedded = name === undefined ? row : (row as Record<string, unknown> | null)?.[name];
        if (Array.isArray(embedded)) longest.set(path, Math.max(longest.get(path) ?? 0, embedded.length));
        if (within.length > 0) look([embedded].flat(), within);
      }
    }
  };
  look([JSON.parse(body) as unknown].flat(), embeddings);
  return longest;
}

// ...alias:table!hint(columns); what has nothing between the brackets is an aggregate: amount.sum().
const EMBEDDED = /^(\.\.\.)?(?:("[^"]*"|[^":(]*):)?("[^"]*"|[^"!(]*)(?:![^(]*)?\((.+)\)$/s;

function embeddingsOf(select: string, above = ""): Embedding[] {
  return partsOf(select).flatMap((part) => {
    const [, spread, alias, table, columns] = EMBEDDED.exec(part) ?? [];
    if (table === undefined || columns === undefined) return [];
    const called = alias ?? table;
    const name = called.replace(/^"(.*)"$/s, "$1");
    const path = above + called;
    return [{ name: spread === undefined ? name : undefined, path, within: embeddingsOf(columns, `${path}.`) }];
  });
}

// What commas divide that are neither in brackets nor in quotes.
function partsOf(select: string): string[] {
  if (!select.includes("(")) return [];
  const parts = [""];
  let depth = 0;
  let isQuoted = false;
  for (const character of select) {
    if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && character === "(") depth++;
    else if (!isQuoted && character === ")") depth--;
    if (character === "," && depth === 0 && !isQuoted) parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts;
}
