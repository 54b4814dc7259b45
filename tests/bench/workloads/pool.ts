import { readFileSync } from "node:fs";
import type { BenchSession } from "../stores/store.ts";
import { throughput } from "../timing.ts";
import { preKey, senderKey, senderKeyMemory, sessionRecord } from "../values.ts";
import { receiver } from "./messages.ts";
import { fill, forEach, sessionIds, withSessions, type Workload } from "./workload.ts";

const CONTACT = "5511999990001_1.0";
const GROUP = "120363000000000001@g.us";
const FRESH_BYTES = 1_500;
const BUSY_SESSIONS = 100;
// Ten operations are five incoming messages, three single gets, a steady group send, a pre-key.
const MIX = ["receive", "get", "receive", "group", "receive", "get", "receive", "preKey", "receive", "get"] as const;
const KIB_A_MB = 1_000 / 1.024;

interface Busy {
  session: BenchSession;
  receive: () => Promise<void>;
}

async function operate({ session, receive }: Busy, step: number): Promise<void> {
  switch (MIX[step % MIX.length]) {
    case "receive":
      return receive();
    case "get":
      await session.get("session", [CONTACT]);
      return;
    case "group": {
      await session.get("sender-key", [GROUP]);
      const memory = await session.get("sender-key-memory", [GROUP]);
      return session.set({ "sender-key": { [GROUP]: senderKey(step) }, "sender-key-memory": memory });
    }
    case "preKey":
      return session.set({ "pre-key": { [String(step % MIX.length)]: preKey() } });
  }
}

const poolIds = (count: number): string[] => sessionIds(`pool-${count}`, count);

// To make the keys of a new identity takes longer than all the rest, so sessions that are there are not made again.
const poolSeed = (ids: readonly string[]): Workload["seed"] => {
  return async (store) => {
    const last = await store.open(ids.at(-1)!);
    const { [CONTACT]: record } = await last.get("session", [CONTACT]);
    await last.close();
    if (record !== undefined && record !== null) return;
    await fill(store, ids, () => ({
      session: { [CONTACT]: sessionRecord(FRESH_BYTES) },
      "sender-key": { [GROUP]: senderKey(0) },
      "sender-key-memory": { [GROUP]: senderKeyMemory(BUSY_SESSIONS) },
    }));
  };
};

// Runs every kind of operation once: a pool that has run for longer than a measurement has used each of its sessions, and the
// database has written each of their pages since its last checkpoint.
async function use(session: BenchSession): Promise<Busy> {
  const busy = { session, receive: await receiver(session) };
  for (const kind of new Set(MIX)) await operate(busy, MIX.indexOf(kind));
  return busy;
}

// Operations a second of a mixed load on a pool of `count` sessions, all open and used before, of which a hundred at a
// time are busy: each worker goes round a share of its own, so that no session has two operations at a time.
export function mixedPool(count: number): Workload {
  const ids = poolIds(count);
  const workers = Math.min(BUSY_SESSIONS, count);
  return {
    seed: poolSeed(ids),
    measure: ({ open, timing }) =>
      withSessions(open, ids, async (sessions) => {
        const busy = await forEach(sessions, use);
        const steps = new Array<number>(workers).fill(0);
        const share = Math.floor(count / workers);
        return throughput(workers, timing, (worker) => {
          const step = steps[worker]!++;
          return operate(busy[worker * share + (step % share)]!, step + worker);
        });
      }),
  };
}

// The resident memory of authstated, in MB, while `count` sessions are attached.
export function serverMemory(count: number): Workload {
  const ids = poolIds(count);
  return {
    seed: poolSeed(ids),
    measure: ({ open, serverPid }) =>
      withSessions(open, ids, async () => {
        const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${serverPid}/status`, "utf8"))?.[1];
        if (kibibytes === undefined) throw new Error("authstated has gone");
        return Number(kibibytes) / KIB_A_MB;
      }),
  };
}
