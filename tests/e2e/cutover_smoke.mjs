// The smoke test of the evening's rehearsal: cutover_smoke.mjs first|all
//
// Ends with 0 once the service that is started first, or all of them, have written and read rows on Timeweb, by their
// ledgers. What `all` finds written to Supabase since `first`, or a service that is still connected there, is a failure.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { SERVICES, SESSION_SERVICE } from "./cutover_tables.mjs";

const ENOUGH_ROWS = 5;
const LOOK_EVERY_MS = 20;
const [which] = process.argv.slice(2);
const ledgers = process.env.CUTOVER_LEDGERS;

for (const service of which === "first" ? [SESSION_SERVICE] : SERVICES) {
  const rows = () => readFileSync(join(ledgers, service), "utf8").match(/^timeweb /gm)?.length ?? 0;
  while (rows() < ENOUGH_ROWS) await setTimeout(LOOK_EVERY_MS);
}

const client = new pg.Client({ connectionString: process.env.SUPABASE_URL });
await client.connect();
const marks = [];
for (const table of [...SERVICES, "companies"]) {
  const sql = `SELECT md5(string_agg(t.xmin || t::text, ',' ORDER BY t::text)) AS mark FROM ${table} AS t`;
  marks.push(`${table} ${(await client.query(sql)).rows[0].mark}`);
}
const sql = "SELECT application_name FROM pg_stat_activity WHERE application_name = ANY ($1)";
const connected = (await client.query(sql, [SERVICES])).rows;
await client.end();
if (connected.length > 0) throw new Error(`still on Supabase: ${JSON.stringify(connected)}`);
const mark = join(ledgers, "supabase.mark");
if (which === "first") writeFileSync(mark, marks.join("\n"));
else if (readFileSync(mark, "utf8") !== marks.join("\n")) throw new Error("somebody has written to Supabase");
