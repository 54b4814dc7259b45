// Calls that never do what their author meant.
import { refusal } from "../errors.js";
import { filtersOf, type TablesRequest } from "./request.js";

/** Throws TablesError with `UNFILTERED` or `UNORDERED`; nothing was sent then. `keyOf` tells a primary key, if it is known. */
export function refuseUnmeant(request: TablesRequest, keyOf: () => readonly string[] | undefined): void {
  if (request.isRpc) return;
  const { method, table } = request;
  if ((method === "PATCH" || method === "DELETE") && filtersOf(request).length === 0) {
    const [verb, done] = method === "PATCH" ? ["update", "change"] : ["delete", "delete"];
    const hint = `name the rows, as in .eq("id", id); for all of them write .not("${keyOf()?.[0] ?? "id"}", "is", null)`;
    throw refusal("UNFILTERED", table, `${verb} without a filter would ${done} every row`, hint);
  }
  if (method === "GET") refuseUnordered(request, keyOf);
}

// Which rows are the hundredth to the two hundredth is the server's choice without an order, at every call anew.
function refuseUnordered(request: TablesRequest, keyOf: () => readonly string[] | undefined): void {
  const { path, query, table } = request;
  if (!path.includes("offset=")) return;
  for (const name of query.keys()) {
    const offset = /^(.*\.)?offset$/.exec(name);
    if (offset === null) continue;
    const embedded = offset[1];
    if (query.has(`${embedded ?? ""}order`)) continue;
    const columns = keyOf() ?? ["id"];
    const line = columns.map((column) => `.order(${JSON.stringify(column)})`).join("");
    const where = embedded === undefined ? line : `.order("id", { referencedTable: "${embedded.slice(0, -1)}" })`;
    throw refusal("UNORDERED", table, "range without order would be other rows at every call", `write ${where}`);
  }
}
