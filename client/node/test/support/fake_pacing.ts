import type { Pacing } from "../../src/rpc/pacing.ts";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

// Its time passes only while somebody sleeps, or when the test says so.
export class FakePacing implements Pacing {
  readonly sleeps: number[] = [];
  // The delays of all timers so far.
  readonly delays: number[] = [];
  // Called as every sleep begins, which lasts until it is done.
  onSleep: () => unknown = () => undefined;
  #now = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  async sleep(ms: number): Promise<void> {
    this.sleeps.push(ms);
    this.#now += ms;
    await this.onSleep();
    await new Promise((resolve) => setImmediate(resolve));
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    this.delays.push(ms);
    return () => void this.#timers.delete(timer);
  }

  random(): number {
    return 0.5;
  }

  // Lets time pass, and calls what was to be called by then, in order.
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
    }
    this.#now = end;
  }
}
