// Which writes may be sent again when nobody knows whether they were applied: those that leave the same rows when they are
// applied twice, and whose second answer says nothing else than the first.
import { filtersOf, preference, type TablesRequest } from "./request.js";

type Row = Record<string, unknown>;
type Key = readonly string[] | undefined;

/** `key` is the primary key of the request's table, undefined while it is not known; so is what depends on it. */
export function mayRepeat(request: TablesRequest, key: Key): boolean | undefined {
  if (!request.writes) return true;
  if (request.isRpc) return false;
  switch (request.method) {
    case "POST":
      return mayUpsertAgain(request, key);
    case "PATCH":
      return !movesAway(request) && namesWholeKey(request, key);
    case "DELETE":
      return tellsNoRows(request) && namesWholeKey(request, key);
    default:
      return false;
  }
}

function mayUpsertAgain(request: TablesRequest, key: Key): boolean | undefined {
  const resolution = preference(request, "resolution");
  if (resolution === undefined) return false;
  // A row that was there the second time is left out of what is ignored.
  if (resolution === "ignore-duplicates" && !tellsNoRows(request)) return false;
  const columns = request.query.get("on_conflict")?.split(",") ?? key;
  if (columns === undefined) return undefined;
  // NULL is in conflict with nothing, and a key that the table makes up is another one each time.
  const isWhole = (row: Row): boolean => columns.every((column) => (row[column.trim()] ?? null) !== null);
  return columns.length > 0 && rowsOf(request.body).every(isWhole);
}

// Once changed, a row may no longer pass the filter that it passed, and the second answer would say that there was none.
function movesAway(request: TablesRequest): boolean {
  const [changed = {}] = rowsOf(request.body);
  return filtersOf(request).some(({ column, operator }) => operator === "" || column.split("->")[0]! in changed);
}

function namesWholeKey(request: TablesRequest, key: Key): boolean | undefined {
  const equal = new Set(filtersOf(request).flatMap(({ column, operator }) => (operator === "eq" ? [column] : [])));
  if (equal.size === 0) return false;
  return key === undefined ? undefined : key.length > 0 && key.every((column) => equal.has(column));
}

function tellsNoRows(request: TablesRequest): boolean {
  return preference(request, "return") !== "representation" && preference(request, "count") === undefined;
}

function rowsOf(body: string | undefined): Row[] {
  const parsed = JSON.parse(body ?? "[]") as Row | Row[];
  return Array.isArray(parsed) ? parsed : [parsed];
}
