// A call of the builder, as it comes to `fetch`: read once, so that everything below decides on fields and not on text.
import { TablesError } from "../errors.js";

/** The builder's own address, which is replaced by that of the database. No name under `.invalid` is anybody's. */
export const BASE = "http://tables.invalid";

const RPC = "rpc/";
const FORM_PARAMETERS = new Set(["select", "columns", "order", "limit", "offset", "on_conflict"]);
const LOGIC = new Set(["and", "or", "not.and", "not.or"]);

export interface TablesRequest {
  readonly method: string;
  /** The table, view, or `rpc/FUNCTION`; as it was given to `from` or `rpc`. */
  readonly table: string;
  /** What follows the database's address: `/clients?select=*`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly isRpc: boolean;
  /** Whether it may change something: everything but GET and HEAD, which PostgREST runs in a read-only transaction. */
  readonly writes: boolean;
}

export function parseRequest(url: string, init: RequestInit): TablesRequest {
  const path = url.slice(BASE.length);
  const mark = path.indexOf("?");
  const table = decodeURIComponent(mark < 0 ? path.slice(1) : path.slice(1, mark));
  const method = init.method ?? "GET";
  if (init.body !== undefined && init.body !== null && typeof init.body !== "string") {
    throw new TablesError(`${table}: the body is no text`, { code: "INVALID", outcome: "NOT_APPLIED", table });
  }
  return {
    method,
    table,
    path,
    query: new URLSearchParams(mark < 0 ? "" : path.slice(mark + 1)),
    // The builder makes them anew for each call.
    headers: init.headers instanceof Headers ? init.headers : new Headers(init.headers),
    body: init.body ?? undefined,
    signal: init.signal ?? undefined,
    isRpc: table.startsWith(RPC),
    writes: method !== "GET" && method !== "HEAD",
  };
}

/** The same request with other parameters. */
export function withQuery(request: TablesRequest, change: (query: URLSearchParams) => void): TablesRequest {
  const query = new URLSearchParams(request.query);
  change(query);
  const mark = request.path.indexOf("?");
  const path = mark < 0 ? request.path : request.path.slice(0, mark);
  const text = query.toString();
  return { ...request, query, path: text === "" ? path : `${path}?${text}` };
}

/** The same request with these headers set, or without them where they are null. */
export function withHeaders(request: TablesRequest, changes: Record<string, string | null>): TablesRequest {
  const headers = new Headers(request.headers);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return { ...request, headers };
}

/** What is preferred under this name, as in `return=minimal`; undefined: nothing. */
export function preference(request: TablesRequest, name: string): string | undefined {
  const prefer = request.headers.get("prefer");
  return prefer === null ? undefined : new RegExp(`(?:^|[\\s,])${name}=([^,\\s]+)`).exec(prefer)?.[1];
}

export interface Filter {
  /** The column; for `or` and `and` that word. */
  column: string;
  /** `eq`, `in`, `not.is`; for `or` and `and` empty. */
  operator: string;
  value: string;
}

/** What narrows the rows of the table itself; a filter on an embedded one (`items.price`) does not. */
export function filtersOf({ query }: TablesRequest): Filter[] {
  const filters: Filter[] = [];
  for (const [name, text] of query) {
    if (FORM_PARAMETERS.has(name)) continue;
    if (LOGIC.has(name)) filters.push({ column: name, operator: "", value: text });
    else if (!isEmbedded(name)) {
      const [, operator = "", value = ""] = /^((?:not\.)?[^.]*)\.(.*)$/s.exec(text) ?? [];
      filters.push({ column: name, operator, value });
    }
  }
  return filters;
}

// A dot divides an embedded table from its column, but not within quotes.
function isEmbedded(name: string): boolean {
  return name.replace(/"[^"]*"/g, "").includes(".");
}
