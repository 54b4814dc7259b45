import { newCommitId } from "./commit_plan.js";
import type { CommitRequest } from "./gen/authstate/v1/auth_state_service.js";
import type { Value } from "./gen/authstate/v1/value.js";
import { readKeys } from "./key_reader.js";
import { saysAbsent, type SessionRetry } from "./session_retry.js";
import type { SessionStore } from "./session_store.js";
import type { Transport } from "./transport.js";

const NO_FENCE = 0n;

/** A session without a lease: every read asks the server, and writes are refused while somebody has a lease. */
export class UnleasedSession implements SessionStore {
  constructor(
    private readonly sessionId: string,
    private readonly transport: Transport,
    private readonly retry: SessionRetry,
  ) {}

  async takeCreds(until: number): Promise<Value | undefined> {
    try {
      return await this.retry("GetCreds", until, (timeoutMs) => this.transport.getCreds(this.sessionId, timeoutMs));
    } catch (error) {
      if (saysAbsent(error, "NO_CREDS")) return undefined;
      throw error;
    }
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
