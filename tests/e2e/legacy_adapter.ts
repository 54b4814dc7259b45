// Plays the adapter that runs today on whatsapp_auth and whatsapp_keys, from what is known of it: its reader, its writer,
// its ways with values. It has the same faults, but not the habit of answering {} on any error.
import { BufferJSON, initAuthCreds, proto, type AuthenticationCreds } from "baileys";
import pg from "pg";

// How a Buffer or Uint8Array gets into JSONB: through BufferJSON (form 1), or through plain JSON.stringify, which
// leaves {"type":"Buffer","data":[…]} of a Buffer (form 2) and {"0":…} of a Uint8Array (form 3).
export type Writing = "BufferJSON" | "JSON.stringify";

const ROWS_A_STATEMENT = 100;
const DAYS_KEPT = 7;
const KEY_COLUMNS = 5;

// Revives forms 1 and 2 alone.
function revive(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { type, data } = value as { type?: unknown; data?: unknown };
  if (type !== "Buffer") return value;
  if (typeof data === "string") return Buffer.from(data, "base64");
  return Array.isArray(data) ? Buffer.from(data as number[]) : value;
}

export class LegacyAdapter {
  readonly #pool: pg.Pool;

  constructor(
    url: string,
    private readonly companyId: string,
  ) {
    this.#pool = new pg.Pool({ connectionString: url, max: 2 });
    // Its end does not wait for the connections, which a PostgreSQL that is stopped then ends. Statements fail by themselves.
    this.#pool.on("error", () => undefined);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async creds(): Promise<AuthenticationCreds> {
    const { rows } = await this.#pool.query("SELECT creds FROM whatsapp_auth WHERE company_id = $1", [this.companyId]);
    return rows.length === 0 ? initAuthCreds() : this.#read(rows[0].creds);
  }

  async saveCreds(creds: AuthenticationCreds, writing: Writing): Promise<void> {
    await this.#pool.query(
      `INSERT INTO whatsapp_auth (company_id, creds, updated_at) VALUES ($1, $2, now())
       ON CONFLICT (company_id) DO UPDATE SET creds = EXCLUDED.creds, updated_at = EXCLUDED.updated_at`,
      [this.companyId, this.#write(creds, writing)],
    );
  }

  // The adapter ignores expires_at when it reads.
  async get(type: string, ids: string[]): Promise<Record<string, unknown>> {
    const { rows } = await this.#pool.query(
      "SELECT key_id, value FROM whatsapp_keys WHERE company_id = $1 AND key_type = $2 AND key_id = ANY($3)",
      [this.companyId, type, ids],
    );
    return Object.fromEntries(
      rows.map(({ key_id: id, value }) => {
        const read = this.#read<unknown>(value);
        return [
          id,
          type === "app-state-sync-key"
            ? proto.Message.AppStateSyncKeyData.fromObject(read as Record<string, unknown>)
            : read,
        ];
      }),
    );
  }

  // Runs the deletes first, a statement a row, then the upserts, 100 rows a statement, in no transaction.
  async set(keys: Record<string, Record<string, unknown>>, writing: Writing): Promise<void> {
    const entries = Object.entries(keys).flatMap(([type, ofType]) =>
      Object.entries(ofType).map(([id, value]) => ({ type, id, value })),
    );
    for (const { type, id } of entries.filter(({ value }) => value === null)) {
      await this.#pool.query("DELETE FROM whatsapp_keys WHERE company_id = $1 AND key_type = $2 AND key_id = $3", [
        this.companyId,
        type,
        id,
      ]);
    }
    const upserts = entries.filter(({ value }) => value !== null);
    for (let from = 0; from < upserts.length; from += ROWS_A_STATEMENT) {
      await this.#upsert(upserts.slice(from, from + ROWS_A_STATEMENT), writing);
    }
  }

  async #upsert(rows: { type: string; id: string; value: unknown }[], writing: Writing): Promise<void> {
    const expiresAt = new Date(Date.now() + DAYS_KEPT * 86_400_000);
    const parameters = rows.flatMap(({ type, id, value }) => [
      this.companyId,
      type,
      id,
      this.#write(value, writing),
      expiresAt,
    ]);
    const places = rows.map((_, row) => {
      const at = (column: number): string => `$${row * KEY_COLUMNS + column}`;
      return `(${at(1)}, ${at(2)}, ${at(3)}, ${at(4)}, now(), ${at(5)})`;
    });
    await this.#pool.query(
      `INSERT INTO whatsapp_keys (company_id, key_type, key_id, value, updated_at, expires_at)
       VALUES ${places.join(", ")}
       ON CONFLICT (company_id, key_type, key_id) DO UPDATE
         SET value = EXCLUDED.value, updated_at = EXCLUDED.updated_at, expires_at = EXCLUDED.expires_at`,
      parameters,
    );
  }

  // pg has parsed the JSONB already.
  #read<T>(value: unknown): T {
    return JSON.parse(JSON.stringify(value), revive) as T;
  }

  #write(value: unknown, writing: Writing): string {
    return JSON.stringify(value, writing === "BufferJSON" ? BufferJSON.replacer : undefined);
  }
}
