import type {
  AcquireLeaseRequest,
  AcquireLeaseResponse,
  CommitRequest,
  GetKeysResponse,
  KeySelection,
  Lease,
  ListSessionsRequest,
  ListSessionsResponse,
  LoadSessionResponse,
} from "../gen/authstate/v1/auth_state_service.js";
import type { Value } from "../gen/authstate/v1/value.js";

/**
 * The operations on the store. Each is tried once, by a call of its own with a deadline of `timeoutMs` milliseconds, and
 * rejects with AuthStateError. Retries, order and limits belong to the layers above. A `fence` of 0 means no lease.
 */
export interface Transport {
  getCreds(sessionId: string, timeoutMs: number): Promise<Value | undefined>;
  getKeys(sessionId: string, keys: KeySelection[], fence: bigint, timeoutMs: number): Promise<GetKeysResponse>;
  commit(request: CommitRequest, timeoutMs: number): Promise<void>;
  deleteCreds(sessionId: string, commitId: bigint, fence: bigint, timeoutMs: number): Promise<void>;
  deleteSession(sessionId: string, commitId: bigint, fence: bigint, timeoutMs: number): Promise<void>;
  /** Reads page after page until the end, or until `onPage` answers false. */
  loadSession(
    sessionId: string,
    fence: bigint,
    timeoutMs: number,
    onPage: (page: LoadSessionResponse) => boolean,
  ): Promise<void>;
  /**
   * The pages of a session, read as they are asked for; `timeoutMs` bounds all of them together. Whoever leaves before the
   * end has to call `return`.
   */
  pages(sessionId: string, fence: bigint, timeoutMs: number): AsyncIterator<LoadSessionResponse>;
  listSessions(request: ListSessionsRequest, timeoutMs: number): Promise<ListSessionsResponse>;
  acquireLease(request: AcquireLeaseRequest, timeoutMs: number): Promise<AcquireLeaseResponse>;
  getLease(sessionId: string, timeoutMs: number): Promise<Lease | undefined>;
  renewLease(sessionId: string, fence: bigint, ttlMs: number, timeoutMs: number): Promise<void>;
  releaseLease(sessionId: string, fence: bigint, timeoutMs: number): Promise<void>;
}
