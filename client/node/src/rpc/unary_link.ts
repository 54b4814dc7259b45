import { brokenAnswer } from "../errors.js";
import type { CommitRequest, GetKeysResponse } from "../gen/authstate/v1/auth_state_service.js";
import { toDuration } from "./durations.js";
import { ATTEMPT_TIMEOUT_MS } from "./retry.js";
import type { AttachRequest, SessionLink } from "./session_link.js";
import type { Transport } from "./transport.js";

// A session on a server without the pipe. The fence keeps other owners out; commits stay in order because they are sent
// one after the other, and one that is repeated takes effect once.
class UnaryLink implements SessionLink {
  readonly appliedNumber = 0n;
  readonly usable = true;

  constructor(
    readonly transport: Transport,
    private readonly sessionId: string,
    readonly fence: bigint,
  ) {}

  commit(_number: bigint, request: CommitRequest): Promise<void> {
    return this.transport.commit({ ...request, fence: this.fence }, ATTEMPT_TIMEOUT_MS);
  }

  getKeys(type: string, ids: string[]): Promise<GetKeysResponse> {
    return this.transport.getKeys(this.sessionId, [{ type, ids }], this.fence, ATTEMPT_TIMEOUT_MS);
  }

  renew(ttlMs: number): Promise<void> {
    return this.transport.renewLease(this.sessionId, this.fence, ttlMs, ATTEMPT_TIMEOUT_MS);
  }

  async detach(release: boolean): Promise<void> {
    if (release) await this.transport.releaseLease(this.sessionId, this.fence, ATTEMPT_TIMEOUT_MS);
  }
}

/** Attaches a session to a server without the pipe, where every operation is a call of its own. */
export async function attachByCalls(transport: Transport, request: AttachRequest): Promise<SessionLink> {
  const { sessionId, owner, ttlMs, steal, fence } = request;
  if (fence !== 0n) {
    await transport.renewLease(sessionId, fence, ttlMs, ATTEMPT_TIMEOUT_MS);
    return new UnaryLink(transport, sessionId, fence);
  }
  const acquire = { sessionId, owner, ttl: toDuration(ttlMs), steal, fenceStep: 0n };
  const { lease } = await transport.acquireLease(acquire, ATTEMPT_TIMEOUT_MS);
  if (lease === undefined || lease.fence === 0n) throw brokenAnswer("AcquireLease: no lease");
  return new UnaryLink(transport, sessionId, lease.fence);
}
