// A request, sent to the database that serves until it has an answer, waiting while there is none to be had.
import type { Answer } from "../answer/answer.js";
import { judge, judgeFailure, type Trouble } from "../answer/verdict.js";
import type { DatabaseName } from "../database_name.js";
import { TablesError } from "../errors.js";
import type { Pacing } from "../pacing.js";
import { mayRepeat } from "../request/repeatable.js";
import type { TablesRequest } from "../request/request.js";
import type { ServingNow } from "../serving/serving.js";
import type { Database } from "./database.js";

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/** The primary keys of tables, as far as they are known. An empty one: the table has none. */
export interface Keys {
  known(request: TablesRequest, database: Database): readonly string[] | undefined;
  /** Asks the database; rejects with TablesError where it does not say. */
  ask(request: TablesRequest, database: Database): Promise<readonly string[]>;
}

export interface AttemptsDeps {
  databases: ReadonlyMap<DatabaseName, Database>;
  serving: ServingNow;
  keys: Keys;
  pacing: Pacing;
  attemptTimeoutMs: number;
}

/** A call of the builder: how long it may take, and what it took so far. */
export interface Call {
  patienceMs: number;
  attempts: number;
  database: DatabaseName | undefined;
}

export interface Answered {
  answer: Answer;
  database: Database;
}

type Tried = { answered: Answered } | { trouble: Trouble; database?: Database };

export class Attempts {
  constructor(private readonly deps: AttemptsDeps) {}

  /**
   * Resolves with what the database answers, errors of its own included. Rejects with TablesError where patience ends, or
   * where a write has no answer and must not be sent twice; with the signal's reason where the caller gives up.
   */
  async send(request: TablesRequest, call: Call): Promise<Answered> {
    const { pacing } = this.deps;
    const began = pacing.now();
    const until = began + call.patienceMs;
    let inDoubt = false;
    for (let count = 1; ; count++) {
      const tried = await this.#try(request, inDoubt, call);
      if ("answered" in tried) return tried.answered;
      const { trouble, database } = tried;
      const { error, answer, waitMs = 0 } = trouble;
      inDoubt ||= error.outcome === "UNKNOWN";
      const isUnsafe = inDoubt && this.#mayRepeat(request, database) === false;
      if (isUnsafe || !error.retryable || pacing.now() >= until) {
        if (answer !== undefined && database !== undefined && !inDoubt) return { answer, database };
        const tries = `${count} ${count === 1 ? "attempt" : "attempts"} in ${Math.round(pacing.now() - began)} ms`;
        const doubt = inDoubt ? "; it may have been applied" : "";
        const outcome = inDoubt ? "UNKNOWN" : error.outcome;
        const retryable = error.retryable && !isUnsafe;
        const message = `${error.message}; ${tries}${doubt}`;
        throw error.with({ message, outcome, retryable, database: database?.name });
      }
      const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(count - 1, 10));
      const delay = waitMs + pacing.random() * ceiling;
      await pacing.sleep(Math.min(delay, until - pacing.now()), request.signal);
      request.signal?.throwIfAborted();
    }
  }

  async #try(request: TablesRequest, inDoubt: boolean, call: Call): Promise<Tried> {
    let database: Database | undefined;
    try {
      const serving = this.deps.serving();
      database = this.#databaseFor(request, serving instanceof Promise ? await serving : serving);
      call.database = database.name;
      // It is safe, or that depends on a key that nobody knows yet.
      if (inDoubt && this.#mayRepeat(request, database) === undefined) {
        const key = await this.deps.keys.ask(request, database);
        if (mayRepeat(request, key) !== true) throw doubtful(request);
      }
    } catch (error) {
      if (!(error instanceof TablesError)) throw error;
      return { trouble: { error: error.with({ table: request.table }) }, ...(database && { database }) };
    }
    return this.#sendOnce(request, database, call);
  }

  #mayRepeat(request: TablesRequest, database: Database | undefined): boolean | undefined {
    return mayRepeat(request, database && this.deps.keys.known(request, database));
  }

  #databaseFor({ table, writes }: TablesRequest, { database: name, maintenance }: Awaited<ReturnType<ServingNow>>) {
    if (maintenance !== undefined && writes) {
      const fields = { code: "MAINTENANCE", outcome: "NOT_APPLIED", retryable: true } as const;
      throw new TablesError(`${table}: maintenance: ${maintenance}`, fields);
    }
    const database = this.deps.databases.get(name);
    if (database !== undefined) return database;
    const fields = { code: "NOT_CONFIGURED", outcome: "NOT_APPLIED" } as const;
    throw new TablesError(`${table}: ${name} serves, and the tables are not configured with it`, fields);
  }

  async #sendOnce(request: TablesRequest, database: Database, call: Call): Promise<Tried> {
    call.attempts++;
    const deadline = new AbortController();
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      deadline.abort();
    }, this.deps.attemptTimeoutMs);
    const giveUp = (): void => deadline.abort(request.signal?.reason);
    if (request.signal?.aborted === true) giveUp();
    else request.signal?.addEventListener("abort", giveUp);
    let trouble: Trouble | undefined;
    try {
      const { answer, retryAfterMs } = await database.send(request, deadline.signal);
      trouble = judge(request, answer, retryAfterMs);
      if (trouble === undefined) return { answered: { answer, database } };
    } catch (error) {
      // The caller's own end, which the builder tells as it ever did.
      if (request.signal?.aborted === true) throw error;
      trouble = judgeFailure(request, error, timedOut);
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", giveUp);
    }
    database.counts.failures++;
    return { trouble, database };
  }
}

function doubtful(request: TablesRequest): TablesError {
  const message = `${request.table}: the answer was lost, and to write this twice is not the same as once`;
  return new TablesError(message, { code: "UNAVAILABLE", outcome: "UNKNOWN" });
}
