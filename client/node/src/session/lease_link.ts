import { hasReason, type LostError } from "../errors.js";
import type { Pacing } from "../rpc/pacing.js";
import type { Attach, SessionLink } from "../rpc/session_link.js";
import type { LeaseKeeper } from "./lease_keeper.js";

// A lease that is given back and taken again changes its owner twice.
const FENCES_OF_A_CHANGE = 2n;

export interface LeaseLinkHost {
  attach: Attach;
  sessionId: string;
  owner: string;
  ttlMs: number;
  pacing: Pacing;
  /** Told of every attach, because that renews the lease. */
  keeper: LeaseKeeper;
  /** Called when the server says that somebody else has the session, or had it. Returns the error for those who wait. */
  lose(owner: string | undefined): LostError;
}

/**
 * The fence under which this process has a session, and the link that is in use. A link that broke is replaced by one
 * under the same fence; where the fence is in doubt, by one under the next fence. Every call tries once.
 */
export class LeaseLink {
  readonly #host: LeaseLinkHost;
  #fence = 0n;
  #inDoubt = false;
  // Whether the fence was given up, or may have been, in order to change it.
  #releaseSent = false;
  #link: SessionLink | undefined;
  #attaching: Promise<SessionLink> | undefined;
  #attachedAt = 0;

  constructor(host: LeaseLinkHost) {
    this.#host = host;
  }

  /** 0 before the lease was acquired. */
  get fence(): bigint {
    return this.#fence;
  }

  /** Whether nothing may be sent under the fence any more. */
  get inDoubt(): boolean {
    return this.#inDoubt;
  }

  /** When the request was sent that attached last. */
  get attachedAt(): number {
    return this.#attachedAt;
  }

  /** The link that was used last, if it was not dropped. */
  get current(): SessionLink | undefined {
    return this.#link;
  }

  /** Takes the lease. Rejects with LEASE_HELD where somebody else has it. */
  async acquire(steal: boolean): Promise<void> {
    await this.#attach(steal);
  }

  /** A link that may be used. */
  async attached(): Promise<SessionLink> {
    if (this.#link?.usable === true) return this.#link;
    const attach = (): Promise<SessionLink> => (this.#inDoubt ? this.#changeFence() : this.#attach(false));
    this.#attaching ??= attach().finally(() => (this.#attaching = undefined));
    return this.#attaching;
  }

  /** Stops using the link. Detaching it only frees its channel, so nobody waits for that. */
  drop(): void {
    this.#link?.detach(/* release= */ false).catch(() => undefined);
    this.#link = undefined;
  }

  /** Tells that something sent under the fence may still take place: the next link is one under another fence. */
  doubt(): void {
    this.#inDoubt = true;
    this.drop();
  }

  async #attach(steal: boolean): Promise<SessionLink> {
    const link = await this.#attachUnder(this.#fence, steal);
    if (this.#inDoubt) return this.#changeFence(link);
    this.#link = link;
    this.#fence = link.fence;
    return link;
  }

  async #attachUnder(fence: bigint, steal: boolean): Promise<SessionLink> {
    const { attach, sessionId, owner, ttlMs, pacing, keeper } = this.#host;
    const sentAt = pacing.now();
    const link = await attach({ sessionId, owner, ttlMs, steal, fence });
    this.#attachedAt = sentAt;
    if (this.#fence === 0n) keeper.start(sentAt);
    else keeper.confirm(sentAt);
    return link;
  }

  // Gives the lease back and takes it again: what was sent under the old fence is refused from then on, if it was not
  // applied, so that what is read under the new one stays. May be repeated after any failure.
  async #changeFence(attached?: SessionLink): Promise<SessionLink> {
    await this.#giveUpFence(attached);
    const link = await this.#attachUnder(0n, false).catch((error: unknown) => {
      throw hasReason(error, "LEASE_HELD") ? this.#host.lose(error.owner) : error;
    });
    if (link.fence !== this.#fence + FENCES_OF_A_CHANGE) {
      // Somebody else had it in between.
      link.detach(/* release= */ true).catch(() => undefined);
      throw this.#host.lose(undefined);
    }
    this.#link = link;
    this.#fence = link.fence;
    this.#inDoubt = false;
    this.#releaseSent = false;
    return link;
  }

  async #giveUpFence(attached: SessionLink | undefined): Promise<void> {
    try {
      const link = attached ?? (await this.#attachUnder(this.#fence, false));
      this.#releaseSent = true;
      await link.detach(/* release= */ true);
    } catch (error) {
      if (!hasReason(error, "STALE_FENCE")) throw error;
      // This change may have given the fence up itself, and the answer was lost: then nobody has the session, or this
      // handle has it again already.
      const owner = error.owner || undefined;
      if (!this.#releaseSent || (owner !== undefined && owner !== this.#host.owner)) throw this.#host.lose(owner);
    }
  }
}
