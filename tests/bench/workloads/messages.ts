// Measures what messages to and from single contacts cost, which touch single keys.
import type { BenchSession } from "../stores/store.ts";
import { latencyMs, throughput } from "../timing.ts";
import { preKey, type SessionRecord, sessionRecord, turnRatchetInPlace } from "../values.ts";
import { fill, sessionIds, withSessions, type Workload } from "./workload.ts";

const CONTACT = "5511999990001_1.0";
const FRESH_BYTES = 1_500;
const NEW_SESSIONS = 32;

// An incoming message: the sender's record is read, turned and written.
export async function receive(session: BenchSession): Promise<void> {
  const { [CONTACT]: record } = await session.get("session", [CONTACT]);
  turnRatchetInPlace(record as SessionRecord);
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
          turnRatchetInPlace(record);
          return session!.set({ session: { [CONTACT]: record } });
        });
      }),
  };
}

// A set of `count` new pre-keys at once, as after pairing: into sessions that have few keys, one after the other.
export function preKeyUpload(count: number): Workload {
  return {
    seed: async () => undefined,
    measure: ({ open, timing }) => {
      // These are for this measurement alone.
      const ids = sessionIds(`prekey-${Date.now()}`, NEW_SESSIONS);
      return withSessions(open, ids, (sessions) => {
        let upload = 0;
        return latencyMs(timing, () => {
          const session = sessions[upload % NEW_SESSIONS]!;
          const firstId = 1 + count * Math.floor(upload++ / NEW_SESSIONS);
          const entries = Array.from({ length: count }, (_, index) => [String(firstId + index), preKey()]);
          return session.set({ "pre-key": Object.fromEntries(entries) as Record<string, unknown> });
        });
      });
    },
  };
}
