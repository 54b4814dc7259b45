import type { DatabaseName } from "./database_name.js";
import { invalidOption } from "./errors.js";
import type { TablesLogger } from "./logger.js";
import type { Token } from "./sending/database.js";
import type { ServingSource } from "./serving/serving.js";

export const DEFAULT_PATIENCE_MS = 60_000;
export const DEFAULT_ATTEMPT_TIMEOUT_MS = 30_000;

/** Supabase, by the two things that `createClient` takes. */
export interface SupabaseOptions {
  /** `https://PROJECT.supabase.co`; the REST API is found below it. */
  url: string;
  /** The key that is shown: whose rights it has is the project's affair. */
  key: string;
}

/** PostgREST in front of Timeweb. */
export interface TimewebOptions {
  /** Where PostgREST is, with its path if it has one: `https://db.example:3443`. */
  url: string;
  /** A JWT of PostgREST's, or what makes one: it is asked before every request. Unset: requests are anonymous. */
  token?: Token;
}

/** How calls behave; `with` makes tables that behave otherwise. */
export interface CallOptions {
  /** For how long an outage is waited for, in milliseconds; default 60,000. With 0 everything is tried once. */
  patienceMs?: number;
  /**
   * What becomes of an outage that lasts longer: `throw` (the default) throws TablesError, which nobody overlooks;
   * `return` has it in `error`, as postgrest-js does, with the error's code.
   */
  outage?: "throw" | "return";
  /**
   * Reads results that are longer than the server answers at once to their end, in the order of the primary key. Default
   * false: such a result is an error, `CUT_OFF`.
   */
  pages?: boolean;
}

export interface TablesOptions extends CallOptions {
  /** At least one of the two. */
  supabase?: SupabaseOptions;
  timeweb?: TimewebOptions;
  /**
   * Which of them serves: its name, or who tells it. Default: what the environment says, as for authstated: first
   * `AUTHSTATE_BACKEND`, then `USE_LEGACY_SUPABASE`, of which `false` is timeweb and anything else supabase.
   */
  use?: DatabaseName | ServingSource;
  /** The columns of primary keys by table, where PostgREST does not tell them. */
  keys?: Readonly<Record<string, readonly string[]>>;
  /** How long one attempt may take, in milliseconds; default 30,000. */
  attemptTimeoutMs?: number;
  logger?: TablesLogger;
  /** In place of the global one, for a proxy or a certificate authority of one's own. */
  fetch?: typeof globalThis.fetch;
}

export function checkCallOptions({ patienceMs, outage }: CallOptions): void {
  checkDuration("patienceMs", patienceMs, 0);
  if (outage !== undefined && outage !== "throw" && outage !== "return") {
    throw invalidOption("outage", "is throw or return");
  }
}

export function checkOptions(options: TablesOptions): void {
  checkCallOptions(options);
  checkDuration("attemptTimeoutMs", options.attemptTimeoutMs, 1);
  if (options.supabase === undefined && options.timeweb === undefined) {
    throw invalidOption("supabase, timeweb", "one of them has to be there");
  }
  checkUrl("supabase.url", options.supabase?.url);
  checkUrl("timeweb.url", options.timeweb?.url);
  if (options.supabase !== undefined && !options.supabase.key) throw invalidOption("supabase.key", "is empty");
  for (const [table, columns] of Object.entries(options.keys ?? {})) {
    if (columns.length === 0) throw invalidOption(`keys.${table}`, "names no column");
  }
}

function checkUrl(field: string, url: string | undefined): void {
  if (url === undefined) return;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "https:" && parsed?.protocol !== "http:")
    throw invalidOption(field, "is no http(s) address");
  if (parsed.search !== "" || parsed.hash !== "") throw invalidOption(field, "has a query");
}

function checkDuration(field: string, ms: number | undefined, least: number): void {
  if (ms === undefined || (Number.isFinite(ms) && ms >= least && ms <= 2 ** 31 - 1)) return;
  throw invalidOption(field, `is a number of milliseconds from ${least} on, at most ${2 ** 31 - 1}`);
}
