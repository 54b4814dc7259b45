// Knows which sessions this process has, over all its pools. A second handle of one would only wait for a lease that its
// own process keeps.
import { alreadyOpenError } from "../errors.js";
import type { Pacing } from "../rpc/pacing.js";

interface OpenSession {
  // Set while its handle is about to be given up. Resolves, and never rejects, once that has succeeded or failed.
  leaving: Promise<void> | undefined;
}

// A process that loads this package from CommonJS and as an ES module has two copies of it, which share this.
const REGISTRY = Symbol.for("@authstate/baileys.open-sessions");
const shared = globalThis as { [REGISTRY]?: Map<string, OpenSession> };
const openSessions = (shared[REGISTRY] ??= new Map<string, OpenSession>());

// How often somebody who waits for a handle to be given up asks whether that is still wanted.
const POLL_MS = 500;

/** A session that one handle of this process has, or is about to have. */
export class SessionClaim {
  readonly #names: readonly string[];
  readonly #session: OpenSession = { leaving: undefined };

  private constructor(names: readonly string[]) {
    this.#names = names;
    for (const name of names) openSessions.set(name, this.#session);
  }

  /**
   * Claims `sessionId` of the store behind `addresses` for the lease owner `owner`. Waits where another handle is being
   * closed; rejects with ALREADY_OPEN where one is open, and with what `throwIfUnwanted` throws.
   */
  static async make(
    sessionId: string,
    addresses: readonly string[],
    owner: string,
    { pacing, throwIfUnwanted }: { pacing: Pacing; throwIfUnwanted(): void },
  ): Promise<SessionClaim> {
    const names = addresses.map((address) => `${address} ${sessionId}`);
    for (;;) {
      throwIfUnwanted();
      const other = names.map((name) => openSessions.get(name)).find((session) => session !== undefined);
      if (other === undefined) return new SessionClaim([...names, ownerName(owner)]);
      if (other.leaving === undefined) throw alreadyOpenError(sessionId);
      await Promise.race([other.leaving, pacing.sleep(POLL_MS)]);
    }
  }

  /** Tells that the handle is about to be given up. It is when `attempt` resolves; if that rejects, it may go on. */
  leave(attempt: Promise<void>): void {
    const session = this.#session;
    const leaving = attempt
      .catch(() => undefined)
      .then(() => {
        if (session.leaving === leaving) session.leaving = undefined;
      });
    session.leaving = leaving;
  }

  /** Lets others claim the session. */
  release(): void {
    for (const name of this.#names) if (openSessions.get(name) === this.#session) openSessions.delete(name);
  }
}

/** Refuses to wait for a lease of `owner` that is a handle of this process, under whatever address; not if it is leaving. */
export function refuseOwnLease(sessionId: string, owner: string | undefined): void {
  const session = owner === undefined ? undefined : openSessions.get(ownerName(owner));
  if (session !== undefined && session.leaving === undefined) throw alreadyOpenError(sessionId);
}

// No address begins with a blank.
function ownerName(owner: string): string {
  return ` ${owner}`;
}
