// A stand-in for one of the application's services: cutover_service.mjs TABLE LEDGER
//
// Writes a row of its table and reads it back, again and again, in the database that its environment names, and notes in
// its ledger what was acknowledged: `timeweb 17`. The one of messages has a session, and stores a key with each row.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { useAuthState } from "../../client/node/dist/esm/index.js";
import { numberOf, SESSION_ID, SESSION_SERVICE, statementsOf } from "./cutover_tables.mjs";

const PAUSE_MS = 20;
const [table, ledger] = process.argv.slice(2);
const database = process.env.USE_LEGACY_SUPABASE === "false" ? "timeweb" : "supabase";
const connectionString = process.env[`${database.toUpperCase()}_URL`];

function fail(error) {
  writeFileSync(`${ledger}.failed`, `${database}: ${error.stack}\n`, { flag: "a" });
  process.exit(1);
}

async function serve() {
  let stopped = false;
  process.once("SIGINT", () => (stopped = true));
  const rows = existsSync(ledger) ? readFileSync(ledger, "utf8").split("\n").length - 1 : 0;
  const client = new pg.Client({ connectionString, application_name: table });
  client.on("error", fail);
  await client.connect();
  let auth;
  if (table === SESSION_SERVICE) {
    // It has been there since the first row.
    auth = await useAuthState(SESSION_ID, { address: process.env.AUTHSTATE_ADDRESS, create: rows === 0 });
    auth.events.once("lost", fail);
    await auth.saveCreds();
  }
  const { write, read } = statementsOf(table);
  for (let row = rows + 1; !stopped; row++) {
    await client.query(write, [numberOf(row)]);
    const { rowCount } = await client.query(read, [numberOf(row)]);
    if (rowCount !== 1) throw new Error(`row ${row} is not there`);
    await auth?.state.keys.set({ "lid-mapping": { [row]: `${row}` } });
    appendFileSync(ledger, `${database} ${row}\n`);
    await setTimeout(PAUSE_MS);
  }
  await auth?.close();
  await client.end();
}

serve().then(() => process.exit(0), fail);
