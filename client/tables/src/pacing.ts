/** Time and chance, so that waiting can be tested without waiting. */
export interface Pacing {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Ends early, without an error, once `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** At least 0, less than 1. */
  random(): number;
}

export const realPacing: Pacing = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", over);
        resolve();
      };
      const timer = setTimeout(over, ms);
      if (signal?.aborted === true) over();
      else signal?.addEventListener("abort", over);
    }),
  random: () => Math.random(),
};
