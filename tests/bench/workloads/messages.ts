// What messages to and from single contacts cost: single keys.
import type { BenchSession } from "../stores/store.ts";
import { latencyMs, throughput } from "../timing.ts";
import { preKey, type SessionRecord, sessionRecord, turnRatchet } from "../values.ts";
import { fill, sessionIds, withSessions, type Workload } from "./workload.ts";

const CONTACT = "5511999990001_1.0";
const FRESH_BYTES = 1_500;

// An incoming message: the sender's record is read, turned and written.
export async function receive(session: BenchSession): Promise<void> {
  const { [CONTACT]: record } = await session.get("session", [CONTACT]);
  turnRatchet(record as SessionRecord);
  await session.set({ session: { [CONTACT]: record } });
}

// Messages a second that reach `count` sessions, each one at a time.
export function incomingMessage(bytes: number, count: number): Workload {
  const ids = sessionIds(`incoming-${bytes}-${count}`, count);
  return {
    seed: (store) => fill(store, ids, () => ({ session: { [CONTACT]: sessionRecord(bytes) } })),
    measure: ({ open, timing }) =>
      withSessions(open, ids, (sessions) => throughput(count, timing, (worker) => receive(sessions[worker]!))),
  };
}

export function getOne(): Workload {
  const ids = sessionIds("get-one", 1);
  return {
    seed: (store) => fill(store, ids, () => ({ session: { [CONTACT]: sessionRecord(FRESH_BYTES) } })),
    measure: ({ open, timing }) =>
      withSessions(open, ids, ([session]) => latencyMs(timing, () => session!.get("session", [CONTACT]))),
  };
}

export function setOne(): Workload {
  const ids = sessionIds("set-one", 1);
  return {
    seed: (store) => fill(store, ids, () => ({ session: { [CONTACT]: sessionRecord(FRESH_BYTES) } })),
    measure: ({ open, timing }) =>
      withSessions(open, ids, ([session]) => {
        const record = sessionRecord(FRESH_BYTES);
        return latencyMs(timing, () => {
          turnRatchet(record);
          return session!.set({ session: { [CONTACT]: record } });
        });
      }),
  };
}

// A set of `count` new pre-keys at once, as after pairing.
export function preKeyUpload(count: number): Workload {
  const ids = sessionIds("prekey", 1);
  let nextId = 1;
  return {
    seed: (store) => fill(store, ids, () => ({ "pre-key": { 0: preKey() } })),
    measure: ({ open, timing }) =>
      withSessions(open, ids, ([session]) =>
        latencyMs(timing, () => {
          const entries = Array.from({ length: count }, () => [String(nextId++), preKey()]);
          return session!.set({ "pre-key": Object.fromEntries(entries) as Record<string, unknown> });
        }),
      ),
  };
}
