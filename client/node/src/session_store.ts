import type { CommitRequest } from "./gen/authstate/v1/auth_state_service.js";
import type { Value } from "./gen/authstate/v1/value.js";

/**
 * One session in the store. Every call waits through an outage until `until` (by the pacing's clock), then rejects with
 * a retryable AuthStateError; other failures reject at once.
 */
export interface SessionStore {
  /**
   * The creds that the session begins with; to be asked for once, before any write. Unset: the store's own word that
   * there are none, the one case in which a new identity may be made.
   */
  takeCreds(until: number): Promise<Value | undefined>;
  /** The values of the keys that are there, by id. `ids` holds no id twice. */
  getKeys(type: string, ids: readonly string[], until: number): Promise<ReadonlyMap<string, Value>>;
  /** Resolves once the commit is durable. One call at a time. */
  commit(request: CommitRequest, until: number): Promise<void>;
  /** Also when there was no such session. Not while a commit is under way. */
  deleteSession(until: number): Promise<void>;
  /** No call may be made from then on. */
  close(): Promise<void>;
}
