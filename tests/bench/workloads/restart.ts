import { performance } from "node:perf_hooks";
import type { Values } from "../stores/store.ts";
import { preKey, sessionRecord } from "../values.ts";
import { fill, forEach, sessionIds, type Workload } from "./workload.ts";

const FRESH_BYTES = 1_500;
// This is long enough for authstate to come to an end, and a bound for stores that take minutes.
const LONGEST_MS = 10_000;
// One in five keys of a session is that of a contact; the others are pre-keys.
const CONTACT_SHARE = 5;

// Sessions a second that are back after the pool's process was started again: their creds are read, and each of their keys
// once, one id a get as Baileys asks. What is not back after ten seconds no longer counts.
export function restart(count: number, keysEach: number): Workload {
  const ids = sessionIds("restart", count);
  const contacts = Array.from({ length: keysEach / CONTACT_SHARE }, (_, index) => `55119999${index}_1.0`);
  const preKeys = Array.from({ length: keysEach - contacts.length }, (_, index) => String(index + 1));
  const values = (): Values => ({
    session: Object.fromEntries(contacts.map((id) => [id, sessionRecord(FRESH_BYTES)])),
    "pre-key": Object.fromEntries(preKeys.map((id) => [id, preKey()])),
  });
  return {
    seed: (store) => fill(store, ids, values),
    async measure({ open }) {
      const store = await open();
      try {
        const began = performance.now();
        let back = 0;
        let last = began;
        await forEach(ids, async (id) => {
          if (performance.now() - began > LONGEST_MS) return;
          const session = await store.open(id);
          for (const [type, keys] of [["session", contacts] as const, ["pre-key", preKeys] as const]) {
            for (const key of keys) {
              const { [key]: value } = await session.get(type, [key]);
              if (value === undefined || value === null) throw new Error(`${id} has lost a ${type}`);
            }
          }
          back++;
          last = performance.now();
        });
        return back / ((last - began) / 1_000);
      } finally {
        await store.close();
      }
    },
  };
}
