// A pool under load while its servers are killed, or restarted one after the other: no call fails, and what was
// acknowledged is there.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AuthState, AuthStatePool } from "../../client/node/dist/esm/index.js";
import { Authstated, PostgresStore, SqliteStore, type StoreServer, TestFolder } from "./servers.ts";

const SESSIONS = 20;
const RESTARTS = 6;
// Every session makes this many writes between two restarts, at least.
const WRITES_BETWEEN = 10;

// One session's writer: counts up a key, and reads it back.
class Writer {
  written = 0;
  readonly #auth: AuthState;

  constructor(auth: AuthState) {
    this.#auth = auth;
  }

  async work(until: () => boolean): Promise<void> {
    while (!until()) {
      const next = String(this.written + 1);
      await Promise.all([this.#auth.state.keys.set({ "lid-mapping": { counter: next } }), this.#auth.saveCreds()]);
      this.written++;
      assert.deepEqual(await this.#auth.state.keys.get("lid-mapping", ["counter", "absent"]), { counter: next });
    }
  }
}

async function checkUnderLoad(servers: Authstated[], restart: (server: Authstated) => Promise<void>): Promise<void> {
  const addresses = servers.map(({ address }) => address);
  const lost: unknown[] = [];
  const pool = new AuthStatePool({ addresses });
  const auths = await Promise.all(Array.from({ length: SESSIONS }, (_, id) => pool.useAuthState(`s${id}`)));
  for (const { events } of auths) events.on("lost", (error) => lost.push(error));
  const writers = auths.map((auth) => new Writer(auth));
  let done = false;
  const load = Promise.all(writers.map((writer) => writer.work(() => done)));
  // A failed call ends the test here, and not only when the load is over.
  const progress = async (): Promise<void> => {
    const goals = writers.map(({ written }) => written + WRITES_BETWEEN);
    const reached = (async () => {
      while (writers.some(({ written }, index) => written < goals[index]!)) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await Promise.race([reached, load]);
  };
  try {
    for (let count = 0; count < RESTARTS; count++) {
      await progress();
      await restart(servers[count % servers.length]!);
    }
    await progress();
  } finally {
    done = true;
  }
  await load;
  await pool.close();

  assert.deepEqual(lost, []);
  const reader = new AuthStatePool({ addresses });
  for (const [id, { written }] of writers.entries()) {
    const { state } = await reader.useAuthState(`s${id}`, { lease: false });
    assert.deepEqual(await state.keys.get("lid-mapping", ["counter"]), { counter: String(written) });
  }
  await reader.close();
}

async function withServers(
  count: number,
  createStore: (folder: TestFolder) => Promise<StoreServer>,
  run: (servers: Authstated[]) => Promise<void>,
): Promise<void> {
  const folder = new TestFolder();
  const store = await createStore(folder);
  const servers = Array.from({ length: count }, () => new Authstated(store.options));
  try {
    await store.start();
    for (const server of servers) await server.start();
    await run(servers);
  } finally {
    await Promise.all(servers.map((server) => server.crash()));
    await store.stop();
    folder.remove();
  }
}

const kill = async (server: Authstated): Promise<void> => {
  await server.crash();
  await server.start();
};
const restart = async (server: Authstated): Promise<void> => {
  assert.equal(await server.stop(), 0);
  await server.start();
};

describe("a pool under load", () => {
  it("sees no call fail while its server is killed, on SQLite", async () => {
    await withServers(
      1,
      async (folder) => new SqliteStore(folder),
      (servers) => checkUnderLoad(servers, kill),
    );
  });

  it("sees no call fail while its two servers are killed in turn, on PostgreSQL", async () => {
    await withServers(
      2,
      (folder) => PostgresStore.create(folder),
      (servers) => checkUnderLoad(servers, kill),
    );
  });

  it("sees no call fail in a rolling restart of its two servers, on PostgreSQL", async () => {
    await withServers(
      2,
      (folder) => PostgresStore.create(folder),
      (servers) => checkUnderLoad(servers, restart),
    );
  });
});
