// mysql-baileys as published. It keeps one connection a process, which it never closes; the process that runs this store
// ends it. Its table is made before it looks (see MariaDbServer): its own would be MyISAM, which is not durable.
import { BufferJSON } from "baileys";
import { useMySQLAuthState } from "mysql-baileys";
import type { BenchSession, BenchStore } from "./store.ts";

export class MysqlBaileysStore implements BenchStore {
  readonly #url: URL;

  constructor(url: string) {
    this.#url = new URL(url);
  }

  async open(session: string): Promise<BenchSession> {
    const { hostname: host, port, username: user, password, pathname } = this.#url;
    const { state, saveCreds, query } = await useMySQLAuthState({
      ...{ session, host, port: Number(port), user, password, database: pathname.slice(1) },
      // Its retries hide errors for two seconds, then answer with nothing.
      maxRetries: 1,
      retryRequestDelayMs: 1,
    });
    if (state.creds.lastPropHash === undefined) {
      state.creds.lastPropHash = "opened";
      await saveCreds();
    }
    return {
      get: async (type, ids) => state.keys.get(type as "session", ids) as Promise<Record<string, unknown>>,
      set: async (values) => state.keys.set(values),
      // It would sync the disk for each key.
      fill: async (values) => {
        const rows = Object.entries(values).flatMap(([type, ofType]) =>
          Object.entries(ofType).map(([id, value]) => [
            session,
            `${type}-${id}`,
            JSON.stringify(value, BufferJSON.replacer),
          ]),
        );
        // Typed for a single value; it hands on whatever mysql2 takes.
        const insert = query as (sql: string, values: unknown[]) => Promise<unknown>;
        await insert("INSERT INTO auth (session, id, value) VALUES ? ON DUPLICATE KEY UPDATE value = VALUES(value)", [
          rows,
        ]);
      },
      close: async () => undefined,
    };
  }

  async close(): Promise<void> {}
}
