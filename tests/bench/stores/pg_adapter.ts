// The adapter that authstate replaces, as it is known from its tables: SELECT … = ANY, upserts of 100 rows a statement,
// deletes one row a statement, values in JSONB, no transaction around a set. What it read wrongly is read rightly here,
// so that it does no less than the others.
import { BufferJSON, initAuthCreds } from "baileys";
import pg from "pg";
import type { BenchSession, BenchStore, Values } from "./store.ts";

const ROWS_A_STATEMENT = 100;
const DAYS_KEPT = 7;
const COLUMNS = 5;
// pg's own default.
const CONNECTIONS = 10;

// They are made once, as that takes longer than to store them.
const CREDS = initAuthCreds();

interface KeyRow {
  type: string;
  id: string;
  value: unknown;
}

export class PgAdapterStore implements BenchStore {
  readonly #pool: pg.Pool;

  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: CONNECTIONS });
  }

  async open(companyId: string): Promise<BenchSession> {
    const { rows } = await this.#pool.query("SELECT creds FROM whatsapp_auth WHERE company_id = $1", [companyId]);
    if (rows.length === 0) await this.#saveCreds(companyId, CREDS);
    return {
      get: (type, ids) => this.#get(companyId, type, ids),
      set: (values) => this.#set(companyId, values),
      fill: (values) => this.#set(companyId, values),
      close: async () => undefined,
    };
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #saveCreds(companyId: string, creds: unknown): Promise<void> {
    await this.#pool.query(
      `INSERT INTO whatsapp_auth (company_id, creds, updated_at) VALUES ($1, $2, now())
       ON CONFLICT (company_id) DO UPDATE SET creds = EXCLUDED.creds, updated_at = EXCLUDED.updated_at`,
      [companyId, JSON.stringify(creds, BufferJSON.replacer)],
    );
  }

  async #get(companyId: string, type: string, ids: string[]): Promise<Record<string, unknown>> {
    const { rows } = await this.#pool.query(
      "SELECT key_id, value FROM whatsapp_keys WHERE company_id = $1 AND key_type = $2 AND key_id = ANY($3)",
      [companyId, type, ids],
    );
    return Object.fromEntries(rows.map(({ key_id: id, value }) => [id, revive(value)]));
  }

  async #set(companyId: string, values: Values): Promise<void> {
    const rows: KeyRow[] = Object.entries(values).flatMap(([type, ofType]) =>
      Object.entries(ofType).map(([id, value]) => ({ type, id, value })),
    );
    for (const { type, id } of rows.filter(({ value }) => value === null)) {
      await this.#pool.query("DELETE FROM whatsapp_keys WHERE company_id = $1 AND key_type = $2 AND key_id = $3", [
        companyId,
        type,
        id,
      ]);
    }
    const upserts = rows.filter(({ value }) => value !== null);
    for (let from = 0; from < upserts.length; from += ROWS_A_STATEMENT) {
      await this.#upsert(companyId, upserts.slice(from, from + ROWS_A_STATEMENT));
    }
  }

  async #upsert(companyId: string, rows: KeyRow[]): Promise<void> {
    const expiresAt = new Date(Date.now() + DAYS_KEPT * 86_400_000);
    const places = rows.map((_, row) => {
      const at = (column: number): string => `$${row * COLUMNS + column}`;
      return `(${at(1)}, ${at(2)}, ${at(3)}, ${at(4)}, now(), ${at(5)})`;
    });
    await this.#pool.query(
      `INSERT INTO whatsapp_keys (company_id, key_type, key_id, value, updated_at, expires_at)
       VALUES ${places.join(", ")}
       ON CONFLICT (company_id, key_type, key_id) DO UPDATE
         SET value = EXCLUDED.value, updated_at = EXCLUDED.updated_at, expires_at = EXCLUDED.expires_at`,
      rows.flatMap(({ type, id, value }) => [
        companyId,
        type,
        id,
        JSON.stringify(value, BufferJSON.replacer),
        expiresAt,
      ]),
    );
  }
}

// pg has parsed the JSONB already. A walk, which is quicker than the second parse with a reviver of the original.
function revive(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const members = value as Record<string, unknown>;
  if (members["type"] === "Buffer" && typeof members["data"] === "string") {
    return Buffer.from(members["data"], "base64");
  }
  for (const name of Object.keys(members)) members[name] = revive(members[name]);
  return members;
}
