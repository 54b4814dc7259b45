import { PostgrestClient } from "@supabase/postgrest-js";
import { type DatabaseName, isDatabaseName } from "./database_name.js";
import { decidingFetch } from "./deciding_fetch.js";
import { invalidOption, refusal, TablesError } from "./errors.js";
import { Failures, guarded } from "./guarded_client.js";
import {
  type CallOptions,
  checkCallOptions,
  checkOptions,
  DEFAULT_ATTEMPT_TIMEOUT_MS,
  DEFAULT_PATIENCE_MS,
  type TablesOptions,
} from "./options.js";
import { type Pacing, realPacing } from "./pacing.js";
import { PrimaryKeys } from "./reading/primary_keys.js";
import { BASE } from "./request/request.js";
import { Attempts } from "./sending/attempts.js";
import { Database, type DatabaseCounts } from "./sending/database.js";
import { databaseOfEnvironment } from "./serving/environment.js";
import { follow } from "./serving/followed.js";
import type { Serving, ServingNow } from "./serving/serving.js";
import { batchesOf, type Row } from "./writing/upsert_batches.js";

export interface UpsertOptions {
  /** The columns of the UNIQUE constraint, with commas between: `yclients_id,company_id`. Default: the primary key. */
  onConflict?: string;
  /** Leaves rows that are there as they are. Default false: they are written over. */
  ignoreDuplicates?: boolean;
  /** Rows of one statement; default 100. */
  batch?: number;
  /** One statement for all rows, so that all of them are written, or none. They must have the same columns then. */
  whole?: boolean;
  /** Called after each batch. */
  onProgress?(progress: UpsertProgress): void;
}

export interface UpsertProgress {
  /** Rows written so far. */
  done: number;
  /** Rows to write; of rows with the same key the last one counts. */
  total: number;
}

/** What all tables that `with` made of each other share. */
interface Shared {
  options: TablesOptions;
  databases: ReadonlyMap<DatabaseName, Database>;
  keys: PrimaryKeys;
  serving: ServingNow;
  maintenance: { reason: string | undefined };
  attempts: Attempts;
  pacing: Pacing;
}

/**
 * The application's tables, in whichever database serves. `from`, `rpc` and `schema` are those of postgrest-js, and so is
 * all that follows them; what awaits them throws TablesError where there is no answer of the database to be had.
 *
 * `Schema` is what `supabase gen types` writes.
 */
export class Tables<Schema = any> {
  /** As `supabase.from`. @throws TablesError with `INVALID` for what is no name of a table */
  readonly from: PostgrestClient<Schema>["from"];
  /** As `supabase.rpc`. Whether a function may be called twice nobody knows, so that one without an answer is in doubt. */
  readonly rpc: PostgrestClient<Schema>["rpc"];
  /** As `supabase.schema`. */
  readonly schema: PostgrestClient<Schema>["schema"];
  readonly #shared: Shared;
  readonly #how: CallOptions;

  /** @internal Use `createTables`. */
  constructor(shared: Shared, how: CallOptions) {
    this.#shared = shared;
    this.#how = how;
    const { options, databases, pacing, attempts, keys } = shared;
    const failures = new Failures();
    const fetch = decidingFetch({
      ...{ attempts, keys, pacing, logger: options.logger, anyDatabase: [...databases.values()][0]! },
      patienceMs: how.patienceMs ?? DEFAULT_PATIENCE_MS,
      outage: how.outage ?? "throw",
      pages: how.pages ?? false,
    });
    // It would repeat by rules of its own.
    const settings = { fetch: failures.ticketing(fetch), retry: false };
    const client = guarded(new PostgrestClient<Schema>(BASE, settings), failures);
    this.from = client.from;
    this.rpc = client.rpc;
    this.schema = client.schema;
  }

  /** The same tables with other behaviour, for a call or for a part of a program: `tables.with({ pages: true })`. */
  with(how: CallOptions): Tables<Schema> {
    checkCallOptions(how);
    return new Tables<Schema>(this.#shared, { ...this.#how, ...how });
  }

  /**
   * Inserts rows, or writes over those that are there, in batches, one after the other. Rows of a batch have the same
   * columns, and one that a row does not name keeps its value, or gets its default. May be repeated after any failure.
   *
   * @returns how many rows were written: of rows with the same key the last one is
   * @throws TablesError with the database's code, `table` and `constraint` where it refuses a batch; `rowsWritten` tells how
   *   many rows were written before
   */
  async upsert(table: string, rows: readonly Row[], options: UpsertOptions = {}): Promise<number> {
    const { onConflict, ignoreDuplicates = false, batch = 100, whole = false, onProgress } = options;
    if (!Number.isInteger(batch) || batch < 1) throw invalidOption("batch", "is a whole number from 1 on");
    const key = onConflict?.split(",").map((column) => column.trim()) ?? this.#shared.options.keys?.[table] ?? [];
    const batches = batchesOf(table, rows, key, whole ? Infinity : batch);
    if (whole && batches.length > 1) {
      throw refusal("INVALID", table, "rows have different columns, and are to be written in one statement");
    }
    const total = batches.reduce((sum, { length }) => sum + length, 0);
    const from = this.with({ outage: "throw" }).from as (table: string) => ReturnType<PostgrestClient<any>["from"]>;
    let done = 0;
    for (const some of batches) {
      const conflict = { ignoreDuplicates, ...(onConflict !== undefined && { onConflict: key.join(",") }) };
      try {
        const { error } = await from(table).upsert(some as Record<string, unknown>[], conflict);
        if (error !== null) throw refused(table, error);
      } catch (error) {
        throw error instanceof TablesError ? error.with({ rowsWritten: done }) : error;
      }
      done += some.length;
      onProgress?.({ done, total });
    }
    return total;
  }

  /** Which database serves, and whether there is maintenance. @throws TablesError where nobody knows */
  async serving(): Promise<Serving> {
    return this.#shared.serving();
  }

  /** What each database was asked by this process, so that it shows when one is asked no more. */
  counts(): Record<string, DatabaseCounts> {
    return Object.fromEntries([...this.#shared.databases].map(([name, { counts }]) => [name, { ...counts }]));
  }

  /**
   * From now on this process does not write, until `endMaintenance`: a write waits, and throws `MAINTENANCE` after
   * `patienceMs`. Beside the maintenance of an authstated that `use` names, for where there is none.
   *
   * @param reason why, for people: it is in the error
   */
  beginMaintenance(reason: string): void {
    this.#shared.maintenance.reason = reason;
  }

  endMaintenance(): void {
    this.#shared.maintenance.reason = undefined;
  }
}

/** @throws TablesError with `INVALID`, which names the option */
export function createTables<Schema = any>(options: TablesOptions): Tables<Schema> {
  return new Tables<Schema>(shareOf(options, realPacing, process.env), options);
}

/** What `createTables` does, with time, chance and an environment of one's own. */
export function shareOf(options: TablesOptions, pacing: Pacing, environment: NodeJS.ProcessEnv): Shared {
  checkOptions(options);
  const { supabase, timeweb, use, attemptTimeoutMs = DEFAULT_ATTEMPT_TIMEOUT_MS } = options;
  const fetch = options.fetch ?? ((...args: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...args));
  const databases = new Map<DatabaseName, Database>();
  if (supabase !== undefined) {
    const rest = `${supabase.url.replace(/\/+$/, "")}/rest/v1`;
    databases.set("supabase", new Database("supabase", rest, supabase.key, supabase.key, fetch));
  }
  if (timeweb !== undefined) {
    databases.set("timeweb", new Database("timeweb", timeweb.url, timeweb.token, undefined, fetch));
  }
  const keys = new PrimaryKeys(options.keys ?? {}, attemptTimeoutMs);
  const maintenance: Shared["maintenance"] = { reason: undefined };
  const serving = servingOf(use, databases, pacing, environment, maintenance);
  const attempts = new Attempts({ databases, serving, keys, pacing, attemptTimeoutMs });
  return { options, databases, keys, serving, maintenance, attempts, pacing };
}

function servingOf(
  use: TablesOptions["use"],
  databases: ReadonlyMap<DatabaseName, Database>,
  pacing: Pacing,
  environment: NodeJS.ProcessEnv,
  own: Shared["maintenance"],
): ServingNow {
  if (typeof use === "object") {
    const followed = follow(use, pacing);
    const both = ({ database, maintenance }: Serving): Serving => ({
      database,
      maintenance: maintenance ?? own.reason,
    });
    return () => {
      const serving = followed();
      return serving instanceof Promise ? serving.then(both) : both(serving);
    };
  }
  if (use !== undefined && !isDatabaseName(use))
    throw invalidOption("use", "is supabase, timeweb, or an AuthStatePool");
  const database = use ?? databaseOfEnvironment(environment);
  if (!databases.has(database)) throw invalidOption(database, "is to be used, and is not configured");
  return () => ({ database, maintenance: own.reason });
}

interface Refusal {
  code: string;
  message: string;
  details?: string | null;
  hint?: string | null;
}

function refused(table: string, error: Refusal & { constraint?: string }): TablesError {
  const { code, message, details, hint, constraint } = error;
  const fields = { code, outcome: "NOT_APPLIED", table, constraint, details: details ?? undefined } as const;
  return new TablesError(`${table}: ${message}`, { ...fields, hint: hint ?? undefined });
}
