/**
 * What happened, for `TablesError.code`:
 * - `UNAVAILABLE`: the database was away, or its answer was lost, for as long as `patienceMs`;
 * - `MAINTENANCE`: a write came in maintenance, which lasted longer than `patienceMs`;
 * - `SERVING_UNKNOWN`: nobody could tell within `patienceMs` which database serves;
 * - `NOT_CONFIGURED`: the database that serves is none of those that the tables are configured with;
 * - `CUT_OFF`: the server has more rows than it answered, and was not asked to be read to the end;
 * - `NO_KEY`: a table is to be read in the order of its primary key, which nobody knows;
 * - `UNFILTERED`: an update or delete of a whole table;
 * - `UNORDERED`: a range of rows without an order, which is another one each time;
 * - `INVALID`: an argument that cannot be sent;
 * - `UNEXPECTED_ANSWER`: something that is no PostgREST has answered.
 *
 * From `upsert`, which has no `error` to return, also the database's own: an SQLSTATE such as `23505`, or `PGRST204`.
 */
export type TablesErrorCode =
  | "UNAVAILABLE"
  | "MAINTENANCE"
  | "SERVING_UNKNOWN"
  | "NOT_CONFIGURED"
  | "CUT_OFF"
  | "NO_KEY"
  | "UNFILTERED"
  | "UNORDERED"
  | "INVALID"
  | "UNEXPECTED_ANSWER"
  | (string & {});

/** Whether a write that failed was applied: surely not, or nobody knows. */
export type Outcome = "NOT_APPLIED" | "UNKNOWN";

export interface TablesErrorFields {
  code: TablesErrorCode;
  outcome?: Outcome | undefined;
  retryable?: boolean;
  database?: string | undefined;
  table?: string | undefined;
  constraint?: string | undefined;
  details?: string | undefined;
  hint?: string | undefined;
  rowsWritten?: number | undefined;
  cause?: unknown;
}

// The same symbol in every copy of the package; a process that loads it from CommonJS and as an ES module has two.
const BRAND = Symbol.for("@authstate/tables.TablesError");

/**
 * What no `{ data, error }` may hide. Thrown, so that code which looks at `data` alone does not go on. Its message may
 * name tables and columns, and never a value.
 */
export class TablesError extends Error {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  override readonly name = "TablesError";
  readonly code: TablesErrorCode;
  /** How a write ended: `UNKNOWN` where it may have been applied; then look before it is repeated. Unset for reads. */
  readonly outcome: Outcome | undefined;
  /** Whether the same call may succeed later. It has then already been tried for as long as `patienceMs`. */
  readonly retryable: boolean;
  /** The database that was asked last: `supabase` or `timeweb`. */
  readonly database: string | undefined;
  /** The table, view, or `rpc/FUNCTION`. */
  readonly table: string | undefined;
  /** The constraint that the rows of an `upsert` violate. */
  readonly constraint: string | undefined;
  readonly details: string | undefined;
  /** What to write, or to do. */
  readonly hint: string | undefined;
  /** How many rows an `upsert` in batches had written before this one failed. */
  readonly rowsWritten: number | undefined;

  constructor(message: string, fields: TablesErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.outcome = fields.outcome;
    this.retryable = fields.retryable ?? false;
    this.database = fields.database;
    this.table = fields.table;
    this.constraint = fields.constraint;
    this.details = fields.details;
    this.hint = fields.hint;
    this.rowsWritten = fields.rowsWritten;
  }

  /** A copy of the error with these changes. */
  with(changes: Partial<TablesErrorFields> & { message?: string }): TablesError {
    const { code, outcome, retryable, database, table, constraint, details, hint, rowsWritten, cause } = this;
    const { message = this.message, ...fields } = changes;
    return new TablesError(message, {
      ...{ code, outcome, retryable, database, table, constraint, details, hint, rowsWritten, cause },
      ...fields,
    });
  }
}

/** Whether `error` is a TablesError, also one of another copy of this package. */
export function isTablesError(error: unknown): error is TablesError {
  return typeof error === "object" && error !== null && (error as { [BRAND]?: unknown })[BRAND] === true;
}

// The caller asked for something that is not sent.
export function refusal(code: TablesErrorCode, table: string, message: string, hint?: string): TablesError {
  return new TablesError(`${table}: ${message}`, { code, outcome: "NOT_APPLIED", table, hint });
}

export function invalidOption(field: string, why: string): TablesError {
  return new TablesError(`${field}: ${why}`, { code: "INVALID", outcome: "NOT_APPLIED" });
}
