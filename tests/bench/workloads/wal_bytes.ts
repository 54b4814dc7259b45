import pg from "pg";
import { CHAIN_BYTES, sessionRecord, turnRatchet } from "../values.ts";
import { fill, sessionIds, withSessions, type Workload } from "./workload.ts";

const CONTACT = "5511999990001_1.0";
// So many that the first write after a checkpoint, which logs whole pages, has no weight.
const FIRST_REWRITES = 40;
// Each makes the record longer, so that a store that writes what has changed since some earlier state comes to the end
// of that once, at least.
const REWRITES = 400;

// Bytes of WAL for each time a session record of about `bytes` bytes is written again.
export function walBytes(bytes: number): Workload {
  const ids = sessionIds("wal", 1);
  return {
    seed: (store) => fill(store, ids, () => ({ session: { [CONTACT]: sessionRecord(bytes) } })),
    measure: ({ open, databaseUrl }) =>
      withSessions(open, ids, async ([session]) => {
        const database = new pg.Client({ connectionString: databaseUrl });
        await database.connect();
        const record = sessionRecord(bytes - (REWRITES / 2) * CHAIN_BYTES);
        const rewrite = async (times: number): Promise<void> => {
          for (let count = 0; count < times; count++) {
            turnRatchet(record);
            await session!.set({ session: { [CONTACT]: record } });
          }
        };
        const position = async (): Promise<bigint> => {
          const { rows } = await database.query("SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes");
          return BigInt(rows[0].bytes);
        };
        try {
          await database.query("CHECKPOINT");
          await rewrite(FIRST_REWRITES);
          const before = await position();
          await rewrite(REWRITES);
          return Number((await position()) - before) / REWRITES;
        } finally {
          await database.end();
        }
      }),
  };
}
