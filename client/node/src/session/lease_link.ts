import { AuthStateError, type LeaseLostError } from "../errors.js";
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
  /** Told of every attach: to attach renews the lease. */
  keeper: LeaseKeeper;
  /** By the server's word, somebody else has the session, or had it. Returns what to tell those who wait for a link. */
  lose(owner: string | undefined): LeaseLostError;
}

function reasonOf(error: unknown): string | undefined {
  return error instanceof AuthStateError ? error.reason : undefined;
}

function ownerOf(error: unknown): string | undefined {
  return (error instanceof AuthStateError && error.owner) || undefined;
}

/**
 * The fence under which this process has a session, and the link of the moment: a new one under the same fence where the
 * last one broke, and one under a new fence where the old one is in doubt. Every call is one try.
 */
export class LeaseLink {
  readonly #host: LeaseLinkHost;
  #fence = 0n;
  #inDoubt = false;
  // To change the fence, it was given up, or may have been.
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

  /** Uses the link no more. Only frees its channel; nobody waits for that. */
  drop(): void {
    this.#link?.detach(/* release= */ false).catch(() => undefined);
    this.#link = undefined;
  }

  /** Something sent under the fence may take place at any time: the next link is one under another fence. */
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
      throw reasonOf(error) === "LEASE_HELD" ? this.#host.lose(ownerOf(error)) : error;
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
      if (reasonOf(error) !== "STALE_FENCE") throw error;
      // By this change itself, when an answer to it was lost: the session is nobody's, or this handle's already.
      const owner = ownerOf(error);
      if (!this.#releaseSent || (owner !== undefined && owner !== this.#host.owner)) throw this.#host.lose(owner);
    }
  }
}
