import pg from "pg";
import { throughput } from "../timing.ts";
import { CHAIN_BYTES, sessionRecord, turnRatchet } from "../values.ts";
import { receiver } from "./messages.ts";
import { fill, forEach, sessionIds, withSessions, type Workload } from "./workload.ts";

const CONTACT = "5511999990001_1.0";
// So many that the first write after a checkpoint, which logs whole pages, has no weight.
const FIRST_REWRITES = 40;
// Each makes the record longer, so that a store that writes what has changed since some earlier state comes to the end
// of that once, at least.
const REWRITES = 400;

async function walPosition(database: pg.Client): Promise<bigint> {
  const { rows } = await database.query("SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes");
  return BigInt(rows[0].bytes);
}

// Resolves with what `work` does with a connection to the database whose log it measures.
async function withDatabase<R>(connectionString: string, work: (database: pg.Client) => Promise<R>): Promise<R> {
  const database = new pg.Client({ connectionString });
  await database.connect();
  try {
    return await work(database);
  } finally {
    await database.end();
  }
}

// Bytes of WAL for each time a session record of about `bytes` bytes is written again.
export function walBytes(bytes: number): Workload {
  const ids = sessionIds("wal", 1);
  return {
    seed: (store) => fill(store, ids, () => ({ session: { [CONTACT]: sessionRecord(bytes) } })),
    measure: ({ open, databaseUrl }) =>
      withDatabase(databaseUrl, (database) =>
        withSessions(open, ids, async ([session]) => {
          const record = sessionRecord(bytes - (REWRITES / 2) * CHAIN_BYTES);
          const rewrite = async (times: number): Promise<void> => {
            for (let count = 0; count < times; count++) {
              turnRatchet(record);
              await session!.set({ session: { [CONTACT]: record } });
            }
          };
          await database.query("CHECKPOINT");
          await rewrite(FIRST_REWRITES);
          const before = await walPosition(database);
          await rewrite(REWRITES);
          return Number((await walPosition(database)) - before) / REWRITES;
        }),
      ),
  };
}

// Bytes of WAL for each message that reaches `count` sessions, each one at a time. What the database is given later counts,
// too: sessions that are given back are in the database.
export function walBytesOfMessages(bytes: number, count: number): Workload {
  const ids = sessionIds(`wal-messages-${bytes}-${count}`, count);
  return {
    seed: (store) => fill(store, ids, () => ({ session: { [CONTACT]: sessionRecord(bytes) } })),
    measure: ({ open, timing, databaseUrl }) =>
      withDatabase(databaseUrl, async (database) => {
        await database.query("CHECKPOINT");
        let before = 0n;
        let messages = 0;
        await withSessions(open, ids, async (sessions) => {
          const receive = await forEach(sessions, receiver);
          const run = (measureMs: number): Promise<number> =>
            throughput(count, { warmUpMs: 0, measureMs }, async (worker) => {
              await receive[worker]!();
              messages++;
            });
          await run(timing.warmUpMs);
          messages = 0;
          before = await walPosition(database);
          await run(timing.measureMs);
        });
        return Number((await walPosition(database)) - before) / messages;
      }),
  };
}
