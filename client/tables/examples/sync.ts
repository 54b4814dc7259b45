// What the five sync scripts have in common: rows from the booking system, made rows of a table, written in batches. Each may be
// run again at any time: it writes over what it wrote.
import { pathToFileURL } from "node:url";
import { createTables } from "@authstate/tables";
import { DataLayer, type Row } from "./data_layer.ts";

/** Where rows come from: the booking system's API, or a file for trying. One call, one kind of rows of a company. */
export interface Source {
  read(kind: string, companyId: number): Promise<readonly Row[]>;
}

export type Sync = (layer: DataLayer, source: Source, companyId: number) => Promise<number>;

/** A row's text or null, for what the source leaves out or sends empty. */
export const textOrNull = (value: unknown): string | null =>
  typeof value === "string" && value.trim() !== "" ? value.trim() : null;

/** A number, also where the source sends it as text; null for what is none. */
export function numberOrNull(value: unknown): number | null {
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

/** Runs `sync` where its file is the program: COMPANY_ID=… SOURCE_URL=… node --import tsx sync_clients.ts */
export async function runAsProgram(file: string, sync: Sync): Promise<void> {
  if (process.argv[1] === undefined || pathToFileURL(process.argv[1]).href !== file) return;
  const { COMPANY_ID, SOURCE_URL, SUPABASE_URL, SUPABASE_KEY, TABLES_URL, TABLES_TOKEN } = process.env;
  if (!COMPANY_ID || !SOURCE_URL) throw new Error("COMPANY_ID and SOURCE_URL have to be set");
  const tables = createTables({
    ...(SUPABASE_URL && SUPABASE_KEY && { supabase: { url: SUPABASE_URL, key: SUPABASE_KEY } }),
    ...(TABLES_URL && { timeweb: { url: TABLES_URL, ...(TABLES_TOKEN && { token: TABLES_TOKEN }) } }),
  });
  const source: Source = {
    async read(kind, companyId) {
      const answer = await fetch(`${SOURCE_URL}/${kind}/${companyId}`);
      // An error that reads as no rows would say that a company has no clients.
      if (!answer.ok) throw new Error(`${kind}: the source answers ${answer.status}`);
      return (await answer.json()) as Row[];
    },
  };
  const { database } = await tables.serving();
  console.log(`${await sync(new DataLayer(tables), source, Number(COMPANY_ID))} rows written to ${database}`);
}
