import type { Pacing } from "../rpc/pacing.js";

export interface LeaseKeeperHost {
  pacing: Pacing;
  ttlMs: number;
  /**
   * Tries once to renew the lease, and resolves with the time at which the request was sent that has done so. A failure
   * means only that it may not have been renewed.
   */
  renew(): Promise<number>;
  /** The lease could not be renewed for its whole time: somebody else may have the session by now. */
  onAway(): void;
  /** The lease is renewed after all. */
  onBack(): void;
}

// How many beats there are in a third of a lease. Renewals wait for one, so that those of a pool leave in few messages, and
// become few statements: of 10,000 sessions with a lease of 15 s, 2,000 are renewed every second.
const BEATS = 20;

/**
 * Renews a lease at a third of its time, or shortly before, and more often while that fails. It counts by a clock that
 * does not jump, from the moment a request was sent. It never decides that the lease is lost: only the server can.
 */
export class LeaseKeeper {
  readonly #host: LeaseKeeperHost;
  #confirmedAt = 0;
  #away = false;
  #running = false;
  #cancelRenewal: (() => void) | undefined;
  #cancelEnd: (() => void) | undefined;

  constructor(host: LeaseKeeperHost) {
    this.#host = host;
  }

  /** Begins with a lease whose request was sent at `sentAt`. */
  start(sentAt: number): void {
    this.#running = true;
    this.confirm(sentAt);
    this.#renewIn(this.#untilBeat());
  }

  stop(): void {
    this.#running = false;
    this.#cancelRenewal?.();
    this.#cancelEnd?.();
  }

  /** The server has granted the whole time to a request sent at `sentAt`. */
  confirm(sentAt: number): void {
    if (!this.#running) return;
    this.#confirmedAt = Math.max(this.#confirmedAt, sentAt);
    this.#cancelEnd?.();
    const { pacing, ttlMs } = this.#host;
    const leftMs = this.#confirmedAt + ttlMs - pacing.now();
    this.#cancelEnd = pacing.after(Math.max(0, leftMs), () => this.#noteEnd());
    if (!this.#away || leftMs <= 0) return;
    this.#away = false;
    this.#host.onBack();
  }

  #noteEnd(): void {
    if (!this.#running || this.#away) return;
    this.#away = true;
    this.#host.onAway();
  }

  // Until the last beat within a third of the lease. Keepers of one clock and one `ttlMs` have their beats in common.
  #untilBeat(): number {
    const { pacing, ttlMs } = this.#host;
    const thirdMs = ttlMs / 3;
    const now = pacing.now();
    const beatMs = thirdMs / BEATS;
    return Math.floor((now + thirdMs) / beatMs) * beatMs - now;
  }

  #renewIn(ms: number): void {
    this.#cancelRenewal = this.#host.pacing.after(ms, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { pacing, ttlMs } = this.#host;
    let nextMs: number;
    try {
      this.confirm(await this.#host.renew());
      nextMs = this.#untilBeat();
    } catch {
      // The reason was logged by whoever tried, and a lost lease has stopped the keeper. The next try waits for no beat,
      // as a server in trouble should not meet all of them at once.
      nextMs = (ttlMs / 10) * (0.5 + pacing.random() / 2);
    }
    if (this.#running) this.#renewIn(nextMs);
  }
}
