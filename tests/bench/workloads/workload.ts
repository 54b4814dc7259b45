import type { BenchSession, BenchStore, StorePlace, Values } from "../stores/store.ts";
import type { Timing } from "../timing.ts";

export interface MeasureContext {
  // Opens a store for one measurement, with nothing cached yet.
  open(): Promise<BenchStore>;
  store: StorePlace;
  timing: Timing;
  // A PostgreSQL in which the state is kept, past any proxy; for what is read off the database.
  databaseUrl: string;
  // The process of authstated.
  serverPid: number;
}

// What is measured, over any store. Data is written once for all repetitions; a measurement opens the sessions, warms up,
// measures and closes them, so that nothing of a store runs while another one is measured.
export interface Workload {
  seed(store: BenchStore): Promise<void>;
  // Resolves with the figure, in the unit of the row.
  measure(context: MeasureContext): Promise<number>;
}

// A company id of the adapter of before has up to 50 characters of [A-Za-z0-9_-].
export function sessionIds(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

// How many sessions are opened, or filled, at a time.
const AT_A_TIME = 32;

export async function forEach<T, R>(inputs: readonly T[], work: (input: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < inputs.length) {
      const index = next++;
      results[index] = await work(inputs[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, inputs.length) }, run));
  return results;
}

export async function fill(store: BenchStore, ids: readonly string[], values: () => Values): Promise<void> {
  await forEach(ids, async (id) => {
    const session = await store.open(id);
    await session.fill(values());
    await session.close();
  });
}

export async function withSessions<R>(
  open: () => Promise<BenchStore>,
  ids: readonly string[],
  use: (sessions: BenchSession[]) => Promise<R>,
): Promise<R> {
  const store = await open();
  try {
    const sessions = await forEach(ids, (id) => store.open(id));
    const result = await use(sessions);
    await forEach(sessions, (session) => session.close());
    return result;
  } finally {
    await store.close();
  }
}
