// The builder turns whatever `fetch` throws into `{ data: null, error }`. What must not be read as an empty result is
// therefore kept here, and thrown where the builder is awaited.
import type { PostgrestClient } from "@supabase/postgrest-js";
import { isTablesError, refusal, type TablesError } from "./errors.js";

type AnyClient = PostgrestClient<any, any, any, any>;
type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const VERBS = ["select", "insert", "upsert", "update", "delete"] as const;
const TICKET = "authstate-tables-failure-";
// One that the builder neither repeats nor takes for an empty result.
const TICKET_STATUS = 500;

/** Errors on their way past the builder, which passes on the `code` of an answer. */
export class Failures {
  readonly #kept = new Map<string, TablesError>();
  #last = 0;

  /** The same `fetch`, whose TablesErrors come as answers with a ticket. */
  ticketing(fetch: Fetch): typeof globalThis.fetch {
    return async (url, init) => {
      try {
        return await fetch(String(url), init ?? {});
      } catch (error) {
        if (!isTablesError(error)) throw error;
        const code = `${TICKET}${++this.#last}`;
        this.#kept.set(code, error);
        const body = { code, message: error.message, details: error.details ?? null, hint: error.hint ?? null };
        return new Response(JSON.stringify(body), { status: TICKET_STATUS });
      }
    };
  }

  /** Throws the error of which `error` is the ticket. */
  throwKept(error: unknown): void {
    const code = (error as { code?: unknown } | null | undefined)?.code;
    if (typeof code !== "string" || !code.startsWith(TICKET)) return;
    const kept = this.#kept.get(code);
    this.#kept.delete(code);
    if (kept !== undefined) throw kept;
  }
}

/** Makes everything that `client` builds throw what `failures` kept; returns the client. */
export function guarded<Client extends AnyClient>(client: Client, failures: Failures): Client {
  const from = client.from.bind(client) as unknown as (relation: string) => Record<string, unknown>;
  const rpc = client.rpc.bind(client) as (name: string, ...rest: unknown[]) => object;
  const schema = client.schema.bind(client) as (name: string) => AnyClient;
  return Object.assign(client, {
    from: (relation: string) => {
      const query = from(checkedName(relation));
      for (const verb of VERBS) {
        const build = (query[verb] as (...args: unknown[]) => object).bind(query);
        query[verb] = (...args: unknown[]) => guardedBuilder(build(...args), failures);
      }
      return query;
    },
    rpc: (name: string, ...rest: unknown[]) => guardedBuilder(rpc(checkedName(name), ...rest), failures),
    schema: (name: string) => guarded(schema(name), failures),
  });
}

// Its methods return itself, so that it is awaited as it was made.
function guardedBuilder(builder: object, failures: Failures): object {
  const awaited = builder as PromiseLike<{ error: unknown }>;
  const then = awaited.then.bind(awaited);
  return Object.assign(builder, {
    then: (
      onFulfilled?: null | ((value: { error: unknown }) => unknown),
      onRejected?: null | ((why: unknown) => unknown),
    ) =>
      then(
        (result) => {
          failures.throwKept(result.error);
          return result;
        },
        (error: unknown) => {
          failures.throwKept(error);
          throw error;
        },
      ).then(onFulfilled, onRejected),
  });
}

// A name becomes part of the address as it is.
function checkedName(name: string): string {
  if (typeof name === "string" && /^[^/?#\\%.\s\p{Cc}]+$/u.test(name)) return name;
  const shown = typeof name === "string" && name !== "" ? JSON.stringify(name) : "a name";
  throw refusal("INVALID", shown, "a table or function is one name, without a path, a query or white space");
}
