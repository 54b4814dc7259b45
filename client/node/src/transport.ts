import type { CommitRequest, GetKeysResponse, KeySelection } from "./gen/authstate/v1/auth_state_service.js";
import type { Value } from "./gen/authstate/v1/value.js";

/**
 * One try of each operation on the store, with a deadline of `timeoutMs` milliseconds. Rejects with AuthStateError.
 * Retries, order and limits are the business of the layers above.
 */
export interface Transport {
  getCreds(sessionId: string, timeoutMs: number): Promise<Value | undefined>;
  getKeys(sessionId: string, keys: KeySelection[], timeoutMs: number): Promise<GetKeysResponse>;
  commit(request: CommitRequest, timeoutMs: number): Promise<void>;
  deleteSession(sessionId: string, commitId: bigint, timeoutMs: number): Promise<void>;
  /** No call may be made from then on. */
  close(): void;
}
