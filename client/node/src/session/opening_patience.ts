import { type AuthStateError, connectionError } from "../errors.js";
import type { Pacing } from "../rpc/pacing.js";

// How far an attempt that began in time may go beyond the end of patience, so that one has a chance with a patience of 0.
const LAST_ATTEMPT_MS = 1_000;
// The longest time that a timer of Node takes; a longer one would end at once.
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * How long the opening of one session may take, over all its steps: name resolution, connection, lease, load, creds. Each
 * step has a deadline of its own, which a server that stalls, trickles or never ends can go past; this one it cannot.
 */
export class OpeningPatience {
  readonly #sessionId: string;
  readonly #pacing: Pacing;
  readonly #patienceMs: number;
  #until: number;
  #cause: unknown;
  #expired = false;
  /** What the opening is about to do, for the error. */
  step = "connecting";
  /** Called when patience has ended, with what resolves once nothing of the opening is left. */
  onExpired: (ended: Promise<void>) => void = () => undefined;

  constructor(sessionId: string, pacing: Pacing, patienceMs: number) {
    this.#sessionId = sessionId;
    this.#pacing = pacing;
    this.#patienceMs = patienceMs;
    this.#until = pacing.now() + patienceMs;
  }

  /** When patience ends, by the pacing's clock. */
  get until(): number {
    return this.#until;
  }

  /** Begins patience anew: the server has shown that it is well, and what is waited for is somebody else. */
  restart(): void {
    this.#until = this.#pacing.now() + this.#patienceMs;
  }

  /** Notes why the opening will reject once it has tidied up, in case patience ends before that. */
  noteFailure(error: unknown): void {
    this.#cause = error;
  }

  /** Throws once patience has ended. */
  throwIfExpired(): void {
    if (this.#expired) throw this.#error();
  }

  /** `opening`, or a rejection when patience ends first; then `undo` is called with what was opened all the same. */
  async bound<T>(opening: Promise<T>, undo: (late: T) => Promise<void>): Promise<T> {
    let cancel: () => void = () => undefined;
    const end = new Promise<never>((_, reject) => {
      const watch = (): void => {
        const leftMs = this.#until + LAST_ATTEMPT_MS - this.#pacing.now();
        if (leftMs > 0) {
          cancel = this.#pacing.after(Math.min(leftMs, MAX_TIMER_MS), watch);
          return;
        }
        this.#expired = true;
        this.onExpired(opening.then(undo).catch(() => undefined));
        reject(this.#cause ?? this.#error());
      };
      watch();
    });
    try {
      return await Promise.race([opening, end]);
    } finally {
      cancel();
    }
  }

  #error(): AuthStateError {
    const what = `not opened within patienceMs (${this.#patienceMs} ms); the last step was ${this.step}`;
    const message = `${this.#sessionId}: ${what}; is authstated well, and the network up?`;
    return connectionError(message, { code: "DEADLINE_EXCEEDED" });
  }
}
