import assert from "node:assert/strict";
import type { BenchStore } from "./stores/store.ts";
import { preKey, senderKey, senderKeyMemory, sessionRecord } from "./values.ts";

const SESSION = "check-0";
const RECORD_BYTES = 10_000;

// Shows that a store does what it is measured at: what one instance has written, another one reads, and what was deleted
// is gone.
export async function checkStore(open: () => Promise<BenchStore>): Promise<void> {
  const record = sessionRecord(RECORD_BYTES);
  const values = {
    session: { "contact.0": record },
    "pre-key": { 1: preKey(), 2: preKey() },
    "sender-key": { "group@g.us::contact_1::0": senderKey(1) },
    "sender-key-memory": { "group@g.us": senderKeyMemory(2) },
  };
  const writer = await open();
  const written = await writer.open(SESSION);
  await written.set(values);
  await written.set({ "pre-key": { 2: null } });
  await written.close();
  await writer.close();

  const reader = await open();
  const read = await reader.open(SESSION);
  for (const [type, ofType] of Object.entries(values)) {
    for (const [id, value] of Object.entries(ofType)) {
      const { [id]: found } = await read.get(type, [id]);
      const wanted: unknown = type === "pre-key" && id === "2" ? null : value;
      assert.deepEqual(found ?? null, wanted, `${type} ${id} is not what was written`);
    }
  }
  await read.close();
  await reader.close();
}
