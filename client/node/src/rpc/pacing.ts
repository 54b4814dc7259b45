/** Time and chance, so that waiting can be tested without waiting. */
export interface Pacing {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  sleep(ms: number): Promise<void>;
  /** Calls `callback` once, later, unless the returned function is called first. */
  after(ms: number, callback: () => void): () => void;
  /** At least 0, less than 1. */
  random(): number;
}

export const realPacing: Pacing = {
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
