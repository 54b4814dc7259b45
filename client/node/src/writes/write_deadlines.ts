import { AuthStateError } from "../errors.js";
import type { Pacing } from "../rpc/pacing.js";

// Within this time a write of the same object is the same write: Baileys waits 3 s between its tries.
const REPEATED_WITHIN_MS = 10_000;

interface Failure {
  readonly until: number;
  readonly at: number;
}

/**
 * Until when a write waits through an outage. Baileys repeats what a transaction could not commit, by default nine times,
 * with the very same object: all these tries share the patience of the first one, and each makes one attempt beyond it.
 */
export class WriteDeadlines {
  readonly #pacing: Pacing;
  readonly #patienceMs: number;
  readonly #failures = new WeakMap<object, Failure>();

  constructor(pacing: Pacing, patienceMs: number) {
    this.#pacing = pacing;
    this.#patienceMs = patienceMs;
  }

  /** Runs `write` of `data`, and hands it the time at which its patience ends. */
  async run(data: object, write: (until: number) => Promise<void>): Promise<void> {
    const until = this.#untilOf(data);
    try {
      await write(until);
      this.#failures.delete(data);
    } catch (error) {
      if (error instanceof AuthStateError && error.retryable) {
        this.#failures.set(data, { until, at: this.#pacing.now() });
      }
      throw error;
    }
  }

  #untilOf(data: object): number {
    const now = this.#pacing.now();
    const failure = this.#failures.get(data);
    return failure !== undefined && now - failure.at <= REPEATED_WITHIN_MS ? failure.until : now + this.#patienceMs;
  }
}
