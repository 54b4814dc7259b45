// What the stand-in services of the evening write: a row of the table that each has, by its number. Tables are those of
// tests/live_schema, written by the keys that the application names after ON CONFLICT.
const COMPANY = 962302;
// Past all numbers of the rows that are there.
const FIRST = 1_000_000;

// The number of a row, as which the parameter is taken everywhere.
const N = "$1::int";

const TABLES = {
  clients: {
    row: { yclients_id: N, company_id: COMPANY, tags: `ARRAY['a,b', ${N}::text]` },
    key: "yclients_id,company_id",
  },
  services: { row: { yclients_id: N, company_id: COMPANY, title: `'Услуга ' || ${N}` }, key: "yclients_id,company_id" },
  staff: { row: { yclients_id: N, company_id: COMPANY, name: `'Мастер ' || ${N}` }, key: "yclients_id,company_id" },
  staff_schedules: { row: { staff_id: N, company_id: COMPANY, date: "date '2026-01-01'" }, key: "staff_id,date" },
  bookings: {
    row: { company_id: COMPANY, yclients_record_id: N, starts_at: "timestamptz '2026-01-01 09:00:00+00'" },
    key: "company_id,yclients_record_id",
  },
  appointments_cache: {
    row: { company_id: COMPANY, yclients_record_id: N, appointment_at: "timestamptz '2026-01-01 09:00:00+00'" },
    key: "company_id,yclients_record_id",
  },
  dialog_contexts: {
    row: { user_id: `${N}::text`, company_id: COMPANY, data: `jsonb_build_object('n', ${N})` },
    key: "user_id",
  },
  messages: {
    row: { id: `md5(${N}::text)::uuid`, company_id: COMPANY, phone: "'7999'", direction: "'in'", body: `${N}::text` },
    key: "id",
  },
};

/** One service each, by the name of its table. The last one has the session too. */
export const SERVICES = Object.keys(TABLES);
/** The service that has a session, and the session. */
export const SESSION_SERVICE = "messages";
export const SESSION_ID = String(COMPANY);

/** The options of `authstatectl tables` that say what the services name after ON CONFLICT. */
export const NEEDS = Object.entries(TABLES).flatMap(([table, { key }]) => ["--needs", `${table}:${key}`]);

/** The statements of a table: each takes what `numberOf` makes of the number of a row in the ledger. */
export function statementsOf(table) {
  const { row, key } = TABLES[table];
  const set = key.split(",").map((column) => `${column} = EXCLUDED.${column}`);
  const found = key.split(",").map((column) => `${column} = ${row[column]}`);
  return {
    write: `INSERT INTO ${table} (${Object.keys(row)}) VALUES (${Object.values(row)}) ON CONFLICT (${key}) DO UPDATE SET ${set}`,
    read: `SELECT 1 FROM ${table} WHERE ${found.join(" AND ")}`,
  };
}

export const numberOf = (row) => FIRST + row;
