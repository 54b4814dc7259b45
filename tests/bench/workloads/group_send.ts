import { latencyMs } from "../timing.ts";
import { advanceChain, RewrittenRecord, senderKey, senderKeyMemory, sessionRecord } from "../values.ts";
import { fill, sessionIds, withSessions, type Workload } from "./workload.ts";

const SENDER_KEY = "120363000000000001@g.us::5511999990001_1::0";
const GROUP = "120363000000000001@g.us";
const MEMBERS = 100;
const FRESH_BYTES = 1_500;

const groupState = (iteration: number) => ({
  "sender-key": { [SENDER_KEY]: senderKey(iteration) },
  "sender-key-memory": { [GROUP]: senderKeyMemory(MEMBERS) },
});

// The milliseconds of what a message to a group asks for that has been written to before: two gets, one set.
export function steadyGroupSend(): Workload {
  const ids = sessionIds("group-steady", 1);
  return {
    seed: (store) => fill(store, ids, () => groupState(0)),
    measure: ({ open, timing }) =>
      withSessions(open, ids, ([session]) => {
        let iteration = 0;
        return latencyMs(timing, async () => {
          await session!.get("sender-key", [SENDER_KEY]);
          const memory = await session!.get("sender-key-memory", [GROUP]);
          await session!.set({
            "sender-key": { [SENDER_KEY]: senderKey(++iteration) },
            "sender-key-memory": memory,
          });
        });
      }),
  };
}

// The milliseconds of the first message to a group: the record of each device is read, one after the other as Baileys
// does, and all are written with the sender key in one set.
export function firstGroupSend(devices: number): Workload {
  const ids = sessionIds("group-first", 1);
  const contacts = Array.from({ length: devices }, (_, device) => `55119999${device}_1.0`);
  return {
    seed: (store) =>
      fill(store, ids, () => ({
        ...groupState(0),
        session: Object.fromEntries(contacts.map((contact) => [contact, sessionRecord(FRESH_BYTES)])),
      })),
    measure: ({ open, timing }) =>
      withSessions(open, ids, async ([session]) => {
        let iteration = 0;
        const read = async (contact: string): Promise<unknown> => {
          const { [contact]: record } = await session!.get("session", [contact]);
          if (record === undefined || record === null) throw new Error("the store has lost a session record");
          return record;
        };
        const own = new Map<string, RewrittenRecord>();
        for (const contact of contacts) own.set(contact, new RewrittenRecord(await read(contact), advanceChain));
        return latencyMs(timing, async () => {
          const records: Record<string, unknown> = {};
          for (const [contact, record] of own) {
            await read(contact);
            records[contact] = record.rewrite();
          }
          await session!.set({ session: records, ...groupState(++iteration) });
        });
      }),
  };
}
