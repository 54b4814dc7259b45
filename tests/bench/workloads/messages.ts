// Measures what messages to and from single contacts cost, which touch single keys.
import type { BenchSession } from "../stores/store.ts";
import { latencyMs, throughput } from "../timing.ts";
import { preKey, RewrittenRecord, sessionRecord, turnRatchetInPlace } from "../values.ts";
import { fill, forEach, sessionIds, withSessions, type Workload } from "./workload.ts";

const CONTACT = "5511999990001_1.0";
const FRESH_BYTES = 1_500;
const NEW_SESSIONS = 32;

async function readRecord(session: BenchSession): Promise<unknown> {
  const { [CONTACT]: record } = await session.get("session", [CONTACT]);
  if (record === undefined || record === null) throw new Error("the store has lost a session record");
  return record;
}

// What gets incoming messages: each time the sender's record is read, turned and written.
export async function receiver(session: BenchSession): Promise<() => Promise<void>> {
  const record = new RewrittenRecord(await readRecord(session), turnRatchetInPlace);
  return async () => {
    await readRecord(session);
    await session.set({ session: { [CONTACT]: record.rewrite() } });
  };
}

// Messages a second that reach `count` sessions, each one at a time.
export function incomingMessage(bytes: number, count: number): Workload {
  const ids = sessionIds(`incoming-${bytes}-${count}`, count);
  return {
    seed: (store) => fill(store, ids, () => ({ session: { [CONTACT]: sessionRecord(bytes) } })),
    measure: ({ open, timing }) =>
      withSessions(open, ids, async (sessions) => {
        const receive = await forEach(sessions, receiver);
        return throughput(count, timing, (worker) => receive[worker]!());
      }),
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
        const record = new RewrittenRecord(sessionRecord(FRESH_BYTES), turnRatchetInPlace);
        return latencyMs(timing, () => session!.set({ session: { [CONTACT]: record.rewrite() } }));
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
