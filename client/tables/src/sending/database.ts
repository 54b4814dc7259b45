// One of the two databases: where it is reached, what is shown to it, and what it was asked.
import type { Answer } from "../answer/answer.js";
import type { DatabaseName } from "../database_name.js";
import type { TablesRequest } from "../request/request.js";

/** What a database was asked by this process. */
export interface DatabaseCounts {
  /** Requests that were sent, every attempt of its own. */
  requests: number;
  /** Those without an answer, and those that say that the database is away. */
  failures: number;
  /** When the last one was sent; unset: none ever was. */
  lastRequestAt: Date | undefined;
}

export type Token = string | (() => string | Promise<string>);

/** One request, one answer, read to its end. */
export class Database {
  readonly counts: DatabaseCounts = { requests: 0, failures: 0, lastRequestAt: undefined };
  /** The most rows that it ever answered at once: what its limit is not below. */
  mostRows = 0;
  readonly #rest: string;

  constructor(
    readonly name: DatabaseName,
    url: string,
    private readonly token: Token | undefined,
    private readonly apiKey: string | undefined,
    private readonly fetch: typeof globalThis.fetch,
  ) {
    this.#rest = url.replace(/\/+$/, "");
  }

  /** Rejects with what `fetch` rejects with. */
  async send(
    request: TablesRequest,
    signal: AbortSignal,
  ): Promise<{ answer: Answer; retryAfterMs: number | undefined }> {
    const headers = new Headers(request.headers);
    if (this.apiKey !== undefined && !headers.has("apikey")) headers.set("apikey", this.apiKey);
    if (this.token !== undefined && !headers.has("authorization")) {
      const token = typeof this.token === "string" ? this.token : await this.token();
      headers.set("authorization", `Bearer ${token}`);
    }
    this.counts.requests++;
    this.counts.lastRequestAt = new Date();
    const { method, path, body = null } = request;
    // A redirect may make a GET of a POST.
    const response = await this.fetch(this.#rest + path, { method, headers, body, signal, redirect: "manual" });
    const answer = {
      status: response.status,
      statusText: response.statusText,
      body: await response.text(),
      contentType: response.headers.get("content-type") ?? "",
      contentRange: response.headers.get("content-range"),
      response,
    };
    const seconds = Number(response.headers.get("retry-after") ?? NaN);
    return { answer, retryAfterMs: Number.isFinite(seconds) ? seconds * 1_000 : undefined };
  }
}
