import { AuthStateError, brokenAnswer, writtenSinceError } from "../errors.js";
import type { CommitRequest } from "../gen/authstate/v1/auth_state_service.js";
import type { Value } from "../gen/authstate/v1/value.js";
import type { Transport } from "../rpc/transport.js";
import { newCommitId } from "../writes/commit_plan.js";
import { type ListedKey, type ListedKeys, listKeys, partFor } from "./key_listing.js";
import { LOAD_TIMEOUT_MS } from "./session_load.js";
import { readKeys } from "./key_reader.js";
import { saysAbsent, type SessionRetry } from "./session_retry.js";
import type { FirstRead, SessionStore } from "./session_store.js";

const NO_FENCE = 0n;

/**
 * A session without a lease: every read asks the server, and writes are refused while somebody has a lease. Where it was
 * found without creds, the first ones are written only if nobody else has written since.
 */
export class UnleasedSession implements SessionStore {
  // The revision at which there were no creds; unset once there are some.
  #withoutCredsAt: bigint | undefined;

  constructor(
    private readonly sessionId: string,
    private readonly transport: Transport,
    private readonly retry: SessionRetry,
    private readonly now: () => number,
  ) {}

  async takeFirst(until: number): Promise<FirstRead> {
    try {
      const creds = await this.retry("GetCreds", until, (timeoutMs) =>
        this.transport.getCreds(this.sessionId, timeoutMs),
      );
      if (creds === undefined) throw brokenAnswer("GetCreds: no creds");
      return { creds, hasKeys: false };
    } catch (error) {
      if (!saysAbsent(error, "NO_CREDS")) throw error;
    }
    // Only a session without creds, which is rare, has to be asked for keys.
    try {
      return await this.retry("LoadSession", until, (timeoutMs) => this.#firstPage(timeoutMs));
    } catch (error) {
      if (!saysAbsent(error, "NO_SESSION")) throw error;
      this.#withoutCredsAt = error.revision;
      return { creds: undefined, hasKeys: false };
    }
  }

  async #firstPage(timeoutMs: number): Promise<FirstRead> {
    let first: FirstRead | undefined;
    await this.transport.loadSession(this.sessionId, NO_FENCE, timeoutMs, ({ creds, keys, revision }) => {
      first = { creds, hasKeys: keys.length > 0 };
      this.#withoutCredsAt = creds === undefined ? revision : undefined;
      return false;
    });
    if (first === undefined) throw brokenAnswer("LoadSession: no page");
    return first;
  }

  peek(): undefined {
    return undefined;
  }

  getKeys(type: string, ids: readonly string[], until: number): Promise<Map<string, Value>> {
    return readKeys(ids, (part) =>
      this.retry("GetKeys", until, (timeoutMs) =>
        this.transport.getKeys(this.sessionId, [{ type, ids: part }], NO_FENCE, timeoutMs),
      ),
    );
  }

  listKeys(keys: ListedKeys, patienceMs: number): AsyncIterable<ListedKey> {
    return listKeys(keys.type, {
      open: async () => this.transport.pages(this.sessionId, NO_FENCE, LOAD_TIMEOUT_MS, partFor(keys)),
      attempt: (work) => this.retry("LoadSession", this.now() + patienceMs, work),
    });
  }

  async commit(request: CommitRequest, until: number): Promise<void> {
    const expectedRevision = request.creds === undefined ? undefined : this.#withoutCredsAt;
    const commit = { ...request, expectedRevision };
    try {
      await this.retry("Commit", until, (timeoutMs) => this.transport.commit(commit, timeoutMs));
    } catch (error) {
      const isLate = expectedRevision !== undefined && error instanceof AuthStateError && error.code === "ABORTED";
      throw isLate ? writtenSinceError(this.sessionId) : error;
    }
    if (request.creds !== undefined) this.#withoutCredsAt = undefined;
  }

  async deleteSession(until: number): Promise<void> {
    const commitId = newCommitId();
    try {
      await this.retry("DeleteSession", until, (timeoutMs) =>
        this.transport.deleteSession(this.sessionId, commitId, NO_FENCE, timeoutMs),
      );
    } catch (error) {
      if (!saysAbsent(error, "NO_SESSION")) throw error;
    }
  }

  async close(): Promise<void> {}
}
