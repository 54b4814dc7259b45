// While the store is away, nothing looks as if it were not there; once it is back, everything goes on.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { describe, it } from "node:test";
import { BufferJSON } from "baileys";
import { type AuthState, AuthStateError, useAuthState } from "../../client/node/dist/esm/index.js";
import { TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { type CreateStore, onPostgres, onSqlite, type StoreServer } from "./stores.ts";

const SHORT_PATIENCE_MS = 300;
const WAITS_TO_SEE = 5;

interface Outage {
  name: string;
  createStore: CreateStore;
  begin(authstated: Authstated, store: StoreServer): Promise<unknown>;
  end(authstated: Authstated, store: StoreServer): Promise<void>;
}

const outages: Outage[] = [
  {
    name: "PostgreSQL is stopped",
    createStore: onPostgres,
    begin: (_, store) => store.stop(),
    end: (_, store) => store.start(),
  },
  {
    name: "authstated is killed",
    createStore: onSqlite,
    begin: (authstated) => authstated.crash(),
    end: (authstated) => authstated.start(),
  },
];

// Counts the waits of the client, by call, and lets a test wait for them.
class WaitCounter extends EventEmitter {
  readonly #counts = new Map<string, number>();

  // A wait goes to the debug log when one like it was warned of a moment ago.
  debug(fields: { rpc?: string }): void {
    this.warn(fields);
  }

  warn({ rpc = "" }: { rpc?: string }): void {
    this.#counts.set(rpc, this.#count(rpc) + 1);
    this.emit("wait");
  }

  async seen(rpc: string, count: number): Promise<void> {
    while (this.#count(rpc) < count) await once(this, "wait");
  }

  #count(rpc: string): number {
    return this.#counts.get(rpc) ?? 0;
  }
}

const text = (value: unknown): string => JSON.stringify(value, BufferJSON.replacer);
const pair = (byte: number) => ({ public: Buffer.alloc(32, byte), private: Buffer.alloc(32, byte) });

function assertOutage(error: unknown): boolean {
  assert.ok(error instanceof AuthStateError, String(error));
  assert.equal(error.retryable, true);
  assert.match(error.code, /^(UNAVAILABLE|DEADLINE_EXCEEDED)$/);
  return true;
}

async function check(outage: Outage, authstated: Authstated, store: StoreServer, opened: AuthState[]): Promise<void> {
  const { address } = authstated;
  const waits = new WaitCounter();
  const open = async (sessionId: string, patienceMs = 60_000): Promise<AuthState> => {
    const auth = await useAuthState(sessionId, { address, patienceMs, logger: waits, lease: false });
    opened.push(auth);
    return auth;
  };
  const patient = await open("known");
  const impatient = await open("known", SHORT_PATIENCE_MS);
  await Promise.all([patient.saveCreds(), patient.state.keys.set({ "pre-key": { "1": pair(1) } })]);

  await outage.begin(authstated, store);
  await assert.rejects(async () => impatient.state.keys.get("pre-key", ["1", "2"]), assertOutage);
  await assert.rejects(open("known", SHORT_PATIENCE_MS), assertOutage);
  await assert.rejects(open("unknown", SHORT_PATIENCE_MS), assertOutage);

  const settled: string[] = [];
  const watch = <T>(name: string, promise: Promise<T>): Promise<T> => {
    const note = (): unknown => settled.push(name);
    promise.then(note, note);
    return promise;
  };
  const answer = watch("get", patient.state.keys.get("pre-key", ["1", "2"]));
  const write = watch("set", patient.state.keys.set({ "pre-key": { "3": pair(3) } }));
  const known = watch("useAuthState", open("known"));
  const unknown = watch("useAuthState of a new session", open("unknown"));
  await Promise.all(["GetKeys", "Commit", "GetCreds"].map((rpc) => waits.seen(rpc, WAITS_TO_SEE)));
  assert.deepEqual(settled, [], "answered without a store");

  await outage.end(authstated, store);
  assert.deepEqual(await answer, { "1": pair(1) });
  await write;
  assert.deepEqual(await patient.state.keys.get("pre-key", ["3"]), { "3": pair(3) });
  assert.deepEqual(JSON.parse(text((await known).state.creds)), JSON.parse(text(patient.state.creds)));
  assert.notDeepEqual((await unknown).state.creds.noiseKey, patient.state.creds.noiseKey);
  assert.deepEqual(await impatient.state.keys.get("pre-key", ["1", "2"]), { "1": pair(1) });
}

describe("an outage", () => {
  for (const outage of outages) {
    it(`is no absence: ${outage.name}`, async () => {
      const folder = new TestFolder();
      const store = await outage.createStore(folder);
      const authstated = new Authstated(store.options);
      const opened: AuthState[] = [];
      try {
        await store.start();
        await authstated.start();
        await check(outage, authstated, store, opened);
      } finally {
        await authstated.crash();
        await store.stop();
        await Promise.allSettled(opened.map((auth) => auth.close()));
        folder.remove();
      }
    });
  }
});
