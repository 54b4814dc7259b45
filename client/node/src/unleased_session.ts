import { newCommitId } from "./commit_plan.js";
import { brokenAnswer } from "./errors.js";
import type { CommitRequest } from "./gen/authstate/v1/auth_state_service.js";
import type { Value } from "./gen/authstate/v1/value.js";
import { readKeys } from "./key_reader.js";
import { saysAbsent, type SessionRetry } from "./session_retry.js";
import type { FirstRead, SessionStore } from "./session_store.js";
import type { Transport } from "./transport.js";

const NO_FENCE = 0n;

/** A session without a lease: every read asks the server, and writes are refused while somebody has a lease. */
export class UnleasedSession implements SessionStore {
  constructor(
    private readonly sessionId: string,
    private readonly transport: Transport,
    private readonly retry: SessionRetry,
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
    // Rare, and the only question that needs more than the creds.
    try {
      return await this.retry("LoadSession", until, (timeoutMs) => this.#firstPage(timeoutMs));
    } catch (error) {
      if (saysAbsent(error, "NO_SESSION")) return { creds: undefined, hasKeys: false };
      throw error;
    }
  }

  async #firstPage(timeoutMs: number): Promise<FirstRead> {
    let first: FirstRead | undefined;
    await this.transport.loadSession(this.sessionId, NO_FENCE, timeoutMs, ({ creds, keys }) => {
      first = { creds, hasKeys: keys.length > 0 };
      return false;
    });
    if (first === undefined) throw brokenAnswer("LoadSession: no page");
    return first;
  }

  getKeys(type: string, ids: readonly string[], until: number): Promise<Map<string, Value>> {
    return readKeys(ids, (part) =>
      this.retry("GetKeys", until, (timeoutMs) =>
        this.transport.getKeys(this.sessionId, [{ type, ids: part }], NO_FENCE, timeoutMs),
      ),
    );
  }

  commit(request: CommitRequest, until: number): Promise<void> {
    return this.retry("Commit", until, (timeoutMs) => this.transport.commit(request, timeoutMs));
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
