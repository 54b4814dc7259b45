// The two ways in which a workload is measured: operations a second with many at a time, and the latency of one at a time.

export interface Timing {
  warmUpMs: number;
  measureMs: number;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error("the median of nothing");
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

// How many operations end in a second while `workers` do one after the other each. `work` is given the worker's number.
export async function throughput(
  workers: number,
  { warmUpMs, measureMs }: Timing,
  work: (worker: number) => Promise<unknown>,
): Promise<number> {
  const started = performance.now();
  const begin = started + warmUpMs;
  const end = begin + measureMs;
  let all = 0;
  let within = 0;
  const run = async (worker: number): Promise<void> => {
    for (let now = started; now < end;) {
      await work(worker);
      now = performance.now();
      all++;
      if (now >= begin && now < end) within++;
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => run(worker)));
  // Operations that take longer than the time that is measured still have a rate.
  return within > 0 ? within / (measureMs / 1_000) : all / ((performance.now() - started) / 1_000);
}

// The median duration, in milliseconds, of `work` done again and again; at least once after the warm-up.
export async function latencyMs({ warmUpMs, measureMs }: Timing, work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now() + warmUpMs;
  const durations: number[] = [];
  let now = performance.now();
  while (now < begin + measureMs || durations.length === 0) {
    const started = now;
    await work();
    now = performance.now();
    if (started >= begin) durations.push(now - started);
  }
  return median(durations);
}
