// The primary keys of tables: those that the options name, or what PostgREST says of itself at its root.
import { TablesError } from "../errors.js";
import { parseRequest, type TablesRequest, BASE } from "../request/request.js";
import type { Keys } from "../sending/attempts.js";
import type { Database } from "../sending/database.js";

const DEFAULT_SCHEMA = "";
// How PostgREST marks a column of the primary key in its OpenAPI description.
const KEY_MARK = "<pk/>";

type Definitions = Record<string, { properties?: Record<string, { description?: string }> }>;

/** Asks each database once for each schema, when a key is first needed, and again after an attempt that failed. */
export class PrimaryKeys implements Keys {
  readonly #asked = new Map<string, Map<string, readonly string[]>>();

  constructor(
    private readonly named: Readonly<Record<string, readonly string[]>>,
    private readonly timeoutMs: number,
  ) {}

  known(request: TablesRequest, database: Database): readonly string[] | undefined {
    return this.named[request.table] ?? this.#asked.get(place(request, database))?.get(request.table);
  }

  async ask(request: TablesRequest, database: Database): Promise<readonly string[]> {
    const named = this.named[request.table];
    if (named !== undefined) return named;
    const where = place(request, database);
    let keys = this.#asked.get(where);
    if (keys === undefined) {
      keys = await this.#read(request, database);
      this.#asked.set(where, keys);
    }
    return keys.get(request.table) ?? [];
  }

  async #read(request: TablesRequest, database: Database): Promise<Map<string, readonly string[]>> {
    const headers: Record<string, string> = { accept: "application/openapi+json" };
    const schema = schemaOf(request);
    if (schema !== DEFAULT_SCHEMA) headers["accept-profile"] = schema;
    const description = parseRequest(`${BASE}/`, { method: "GET", headers });
    let definitions: Definitions | undefined;
    let cause: unknown;
    try {
      const { answer } = await database.send(description, AbortSignal.timeout(this.timeoutMs));
      definitions = (JSON.parse(answer.body) as { definitions?: Definitions }).definitions;
    } catch (error) {
      cause = error;
    }
    if (definitions === undefined) {
      throw new TablesError(`${request.table}: the database does not say what its primary key is`, {
        ...{ code: "NO_KEY", retryable: true, cause, database: database.name },
        hint: `name it: createTables({ keys: { ${JSON.stringify(request.table)}: ["id"] }, … })`,
      });
    }
    const keys = new Map<string, readonly string[]>();
    for (const [table, { properties = {} }] of Object.entries(definitions)) {
      const columns = Object.entries(properties).filter(([, { description: text }]) => text?.includes(KEY_MARK));
      keys.set(
        table,
        columns.map(([column]) => column),
      );
    }
    return keys;
  }
}

const schemaOf = ({ headers }: TablesRequest): string =>
  headers.get("accept-profile") ?? headers.get("content-profile") ?? DEFAULT_SCHEMA;
const place = (request: TablesRequest, { name }: Database): string => `${name}/${schemaOf(request)}`;
