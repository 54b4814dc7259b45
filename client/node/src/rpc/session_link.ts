import type { CommitRequest, GetKeysResponse } from "../gen/authstate/v1/auth_state_service.js";
import type { Transport } from "./transport.js";

export interface AttachRequest {
  sessionId: string;
  owner: string;
  ttlMs: number;
  steal: boolean;
  /** The fence to go on under; with 0 the lease is acquired. */
  fence: bigint;
}

/** A session under its lease, on one connection. Every operation is tried once, and rejects with AuthStateError. */
export interface SessionLink {
  readonly fence: bigint;
  /** The highest number of a commit applied under the fence, when the link was made. */
  readonly appliedNumber: bigint;
  /** Whether it may still be used; if not, the session has to be attached again before the next operation. */
  readonly usable: boolean;
  /** Calls to the server that has the link: another one may not have the session, though it is the current one. */
  readonly transport: Transport;
  /** Applies `request` once, however often it is sent with this number; see PipeCommit. */
  commit(number: bigint, request: CommitRequest): Promise<void>;
  getKeys(type: string, ids: string[]): Promise<GetKeysResponse>;
  renew(ttlMs: number): Promise<void>;
  /** Ends the link, and with `release` the lease. */
  detach(release: boolean): Promise<void>;
}

/** Attaches a session to the current connection. */
export type Attach = (request: AttachRequest) => Promise<SessionLink>;
