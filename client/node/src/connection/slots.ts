/** Lets a number of pieces of work be under way at a time; the others wait in order. */
export class Slots {
  #free: number;
  readonly #waiting: { begin(): void; onProgress(): void }[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** `onProgress` is called while `work` waits, each time that other work has succeeded. */
  async run<T>(work: () => Promise<T>, onProgress: () => void = () => undefined): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((begin) => this.#waiting.push({ begin, onProgress }));
    try {
      const result = await work();
      for (const waiting of this.#waiting) waiting.onProgress();
      return result;
    } finally {
      const next = this.#waiting.shift();
      if (next !== undefined) next.begin();
      else this.#free++;
    }
  }
}
