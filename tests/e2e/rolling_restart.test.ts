// A pool of real Baileys accounts works while its servers are killed, or restarted one after the other: no call fails, and
// what was acknowledged is there.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { describe, it } from "node:test";
import * as baileys from "baileys";
import { type AuthState, AuthStatePool } from "../../client/node/dist/esm/index.js";
import { pairCreds, SignalAccount, silentLogger } from "../vectors/signal_account.ts";
import { type Authstated, withServers } from "./servers.ts";
import { aheadOf, isWhole, onPostgres, onSqlite } from "./stores.ts";

// How many there are of each kind of load.
const WRITERS = 10;
const COUPLES = 5;
const RESTARTS = 6;
// Every writer makes this many writes, and every couple delivers this many messages, between two restarts, at least.
const STEPS_BETWEEN = 10;

// Works on sessions of a pool. Emits `step` after each step.
abstract class Load extends EventEmitter<{ step: [] }> {
  steps = 0;

  async work(until: () => boolean): Promise<void> {
    while (!until()) {
      await this.step();
      this.steps++;
      this.emit("step");
    }
  }

  // Resolves when so many more steps were made.
  async goesOn(steps: number): Promise<void> {
    for (let count = 0; count < steps; count++) await once(this, "step");
  }

  protected abstract step(): Promise<void>;
  // Fails unless what was acknowledged is there.
  abstract check(reader: AuthStatePool): Promise<void>;
}

// Counts up a key, and reads it back.
class Writer extends Load {
  readonly #sessionId: string;
  readonly #auth: AuthState;

  private constructor(sessionId: string, auth: AuthState) {
    super();
    this.#sessionId = sessionId;
    this.#auth = auth;
  }

  static async open(pool: AuthStatePool, number: number): Promise<Writer> {
    const sessionId = `writer${number}`;
    return new Writer(sessionId, await pool.useAuthState(sessionId));
  }

  protected async step(): Promise<void> {
    const next = String(this.steps + 1);
    await Promise.all([this.#auth.state.keys.set({ "lid-mapping": { counter: next } }), this.#auth.saveCreds()]);
    assert.deepEqual(await this.#auth.state.keys.get("lid-mapping", ["counter", "absent"]), { counter: next });
  }

  async check(reader: AuthStatePool): Promise<void> {
    const { state } = await reader.useAuthState(this.#sessionId, { lease: false });
    assert.deepEqual(await state.keys.get("lid-mapping", ["counter"]), { counter: String(this.steps) });
  }
}

// Two accounts of real Baileys that write to each other. A commit that fails once fails the test. No two couples have an
// address in common: libsignal runs one job at a time for an address, whichever account it is for, and so would run one
// account's job in the transaction of another one, with any store.
class Couple extends Load {
  readonly #number: number;
  #accounts: [SignalAccount, SignalAccount];

  private constructor(number: number, accounts: [SignalAccount, SignalAccount]) {
    super();
    this.#number = number;
    this.#accounts = accounts;
  }

  static async open(pool: AuthStatePool, number: number): Promise<Couple> {
    const accounts = await Couple.#accountsOf(pool, number, async (auth, jid) => {
      pairCreds(baileys, auth.state.creds, jid, jid.replace("s.whatsapp.net", "lid"));
      await auth.saveCreds();
    });
    const [alice, bob] = accounts;
    const bundle = await bob.preKeyBundle(await bob.makePreKeys(2));
    await alice.repository.injectE2ESession({ jid: bob.jid, session: bundle });
    return new Couple(number, accounts);
  }

  static async #accountsOf(
    pool: AuthStatePool,
    number: number,
    prepare?: (auth: AuthState, jid: string) => Promise<void>,
  ): Promise<[SignalAccount, SignalAccount]> {
    const accounts = [2 * number, 2 * number + 1].map(async (account) => {
      const auth = await pool.useAuthState(`account${account}`);
      const jid = `551199999${1_000 + account}@s.whatsapp.net`;
      await prepare?.(auth, jid);
      return new SignalAccount(baileys, jid, auth.state, silentLogger, { maxCommitRetries: 1, delayBetweenTriesMs: 1 });
    });
    return (await Promise.all(accounts)) as [SignalAccount, SignalAccount];
  }

  protected async step(): Promise<void> {
    const [alice, bob] = this.#accounts;
    const text = `message ${this.steps}`;
    assert.equal(await bob.decrypt(alice.jid, await alice.encrypt(bob.jid, text)), text);
    this.#accounts = [bob, alice];
  }

  // Goes on in another pool where this one has left off.
  async check(reader: AuthStatePool): Promise<void> {
    const swapped = this.steps % 2 === 1;
    const accounts = await Couple.#accountsOf(reader, this.#number);
    this.#accounts = swapped ? [accounts[1], accounts[0]] : accounts;
    await this.step();
    await this.step();
  }
}

async function checkUnderLoad(servers: Authstated[], restart: (server: Authstated) => Promise<void>): Promise<void> {
  const addresses = servers.map(({ address }) => address);
  const pool = new AuthStatePool({ addresses });
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, number) => number);
  const loads: Load[] = await Promise.all([
    ...numbers(WRITERS).map((number) => Writer.open(pool, number)),
    ...numbers(COUPLES).map((number) => Couple.open(pool, number)),
  ]);
  let done = false;
  const work = Promise.all(loads.map((load) => load.work(() => done)));
  // A failed call, of a lost session for one, ends the test here, and not only when the load is over.
  const progress = async (): Promise<void> => {
    await Promise.race([work, Promise.all(loads.map((load) => load.goesOn(STEPS_BETWEEN)))]);
  };
  try {
    for (let count = 0; count < RESTARTS; count++) {
      await progress();
      await restart(servers[count % servers.length]!);
    }
    await progress();
  } finally {
    done = true;
    await Promise.allSettled([work]);
    await pool.close();
  }
  await work;

  const reader = new AuthStatePool({ addresses });
  try {
    for (const load of loads) await load.check(reader);
  } finally {
    await reader.close();
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
    await withServers(onSqlite, 1, (...servers) => checkUnderLoad(servers, kill));
  });

  it("sees no call fail while its two servers are killed in turn, on PostgreSQL", async () => {
    await withServers(onPostgres, 2, (...servers) => checkUnderLoad(servers, kill));
  });

  it("sees no call fail in a rolling restart of its two servers, each with a file ahead of PostgreSQL", async () => {
    await withServers(aheadOf(onPostgres), 2, (...servers) => checkUnderLoad(servers, restart));
  });

  if (!isWhole) return;

  it("sees no call fail in a rolling restart of its two servers, on PostgreSQL", async () => {
    await withServers(onPostgres, 2, (...servers) => checkUnderLoad(servers, restart));
  });

  it("sees no call fail while its two servers are killed in turn, each with a file ahead of PostgreSQL", async () => {
    await withServers(aheadOf(onPostgres), 2, (...servers) => checkUnderLoad(servers, kill));
  });
});
