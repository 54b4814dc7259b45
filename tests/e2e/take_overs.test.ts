// Two pools of real Baileys accounts, each a process, want the same accounts, over two servers on one PostgreSQL. While
// the accounts talk, the pool that has them is killed, stopped for longer than its leases live, or closed, and servers
// are killed: every message decrypts, and a session has one owner at any moment.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { describe, it } from "node:test";
import type { Message } from "./account_api.ts";
import { overlaps } from "./ownership_history.ts";
import { type AccountName, OwnerGoneError, type Ownership, now, PoolProcess } from "./pool_api.ts";
import { type Authstated, withServers } from "./servers.ts";
import { aheadOf, type CreateStore, isWhole, onPostgres } from "./stores.ts";

// A few take-overs; `./dev fault` goes on for several minutes.
const LONG = process.env["AUTHSTATE_FAULT_ROUNDS"] !== undefined;
const ROUNDS = 4 * (LONG ? 6 * Number(process.env["AUTHSTATE_FAULT_ROUNDS"]) : 1);
const CONVERSATIONS = 3;
// How many messages each conversation delivers between two faults.
const MESSAGES_BETWEEN = 4;
const USED_ALREADY = /Key used already or never filled/;

const account = (number: number): AccountName => ({
  sessionId: `account${number}`,
  jid: `551199999000${number}@s.whatsapp.net`,
  lid: `10000000000000${number}@lid`,
});
const ACCOUNTS = Array.from({ length: 2 * CONVERSATIONS }, (_, number) => account(number));

// Knows who has which session, as the pools tell it, and who had it before.
class Owners extends EventEmitter<{ change: [] }> {
  readonly history: Ownership[] = [];
  // Those that are not known to have ended, the latest last. One that ends may have been told of after its successor.
  readonly #current = new Map<string, Ownership[]>();

  constructor(pools: PoolProcess[]) {
    super();
    this.setMaxListeners(0);
    for (const pool of pools) {
      pool.on("owns", (ownership) => {
        this.history.push(ownership);
        this.#current.set(ownership.sessionId, [...this.#of(ownership.sessionId), ownership]);
        this.emit("change");
      });
      pool.on("gone", (ownership) => {
        const others = this.#of(ownership.sessionId).filter((other) => other !== ownership);
        this.#current.set(ownership.sessionId, others);
        this.emit("change");
      });
    }
  }

  // Waits for an owner, who is another one than `before`.
  async of(sessionId: string, before?: Ownership): Promise<Ownership> {
    for (;;) {
      const current = this.#of(sessionId).at(-1);
      if (current !== undefined && current !== before) return current;
      await once(this, "change");
    }
  }

  #of(sessionId: string): Ownership[] {
    return this.#current.get(sessionId) ?? [];
  }
}

interface Tally {
  delivered: number;
  // How many calls' owners went away before they said what came of the call.
  encryptionsInDoubt: number;
  decryptionsInDoubt: number;
}

// Two accounts that write to each other in turn.
class Conversation extends EventEmitter<{ delivered: [] }> {
  // Messages whose sender's owner was gone before it answered; it may answer yet.
  readonly #late: { message: Promise<Message>; text: string; from: AccountName; to: AccountName }[] = [];

  constructor(
    private readonly owners: Owners,
    private readonly tally: Tally,
    private readonly alice: AccountName,
    private readonly bob: AccountName,
  ) {
    super();
  }

  // Begins anew where an owner is gone before they have met: on a busy machine one may lose its lease by itself.
  async meet(): Promise<void> {
    for (;;) {
      const gone = await this.#openSession().catch((error: unknown) => error);
      if (gone === undefined) break;
      if (!(gone instanceof OwnerGoneError)) throw gone;
    }
    await this.#say(this.alice, this.bob, "hello");
  }

  async talk(until: () => boolean): Promise<void> {
    for (let count = 1; !until(); count++) {
      await this.#say(this.alice, this.bob, `there ${count}`);
      await this.#say(this.bob, this.alice, `back ${count}`);
    }
  }

  // Resolves when so many more messages were delivered.
  async goesOn(messages: number): Promise<void> {
    for (let count = 0; count < messages; count++) await once(this, "delivered");
  }

  // A message that arrives after all decrypts too, long after others that were sent later.
  async receiveLate(): Promise<void> {
    for (const { message, text, from, to } of this.#late) {
      const arrived = await message.catch((error: unknown) => {
        assert.ok(error instanceof OwnerGoneError, String(error));
      });
      if (arrived !== undefined) await this.#receive(from, to, arrived, text);
    }
  }

  async #openSession(): Promise<void> {
    const { alice, bob } = this;
    const [aliceOwner, bobOwner] = await Promise.all([this.owners.of(alice.sessionId), this.owners.of(bob.sessionId)]);
    await Promise.all([aliceOwner.pool.call(aliceOwner, "pair"), bobOwner.pool.call(bobOwner, "pair")]);
    const first = await bobOwner.pool.call(bobOwner, "makePreKeys", 3);
    const bundle = await bobOwner.pool.call(bobOwner, "preKeyBundle", first);
    await aliceOwner.pool.call(aliceOwner, "openSession", bob.jid, bundle);
  }

  async #say(from: AccountName, to: AccountName, text: string): Promise<void> {
    await this.#receive(from, to, await this.#encrypt(from, to, text), text);
    this.tally.delivered++;
    this.emit("delivered");
  }

  async #encrypt(from: AccountName, to: AccountName, text: string): Promise<Message> {
    let before: Ownership | undefined;
    for (;;) {
      const owner = await this.owners.of(from.sessionId, before);
      const message = owner.pool.call(owner, "encrypt", to.jid, text);
      const answer = await this.#outcome(owner, message);
      if (answer !== undefined) return answer;
      this.tally.encryptionsInDoubt++;
      this.#late.push({ message, text, from, to });
      before = owner;
    }
  }

  // Delivers the message until an owner has taken it, as WhatsApp does.
  async #receive(from: AccountName, to: AccountName, message: Message, text: string): Promise<void> {
    let before: Ownership | undefined;
    for (;;) {
      const owner = await this.owners.of(to.sessionId, before);
      const decrypted = owner.pool.call(owner, "decrypt", from.jid, message);
      try {
        const answer = await this.#outcome(owner, decrypted);
        if (answer !== undefined) return assert.equal(answer, text);
      } catch (error) {
        // The owner before this one had decrypted it, and went away before it said so; a message's key is used once.
        if (before !== undefined && error instanceof Error && USED_ALREADY.test(error.message)) return;
        throw error;
      }
      this.tally.decryptionsInDoubt++;
      decrypted.then(
        (late) => assert.equal(late, text),
        () => undefined,
      );
      before = owner;
    }
  }

  // The answer, or undefined when the owner is gone, or somebody else is the owner by now.
  async #outcome<T>(owner: Ownership, answer: Promise<T>): Promise<T | undefined> {
    const settled = answer.catch((error: unknown) => {
      if (error instanceof OwnerGoneError) return undefined;
      throw error;
    });
    return Promise.race([settled, this.owners.of(owner.sessionId, owner).then(() => undefined)]);
  }
}

type Fault = "killed" | "stopped" | "closed" | "server killed";
const FAULTS: readonly Fault[] = ["killed", "stopped", "server killed", "closed"];

class TakeOvers {
  readonly #ms = new Map<Fault, number[]>();

  add(fault: Fault, ms: number): void {
    this.#ms.set(fault, [...(this.#ms.get(fault) ?? []), Math.round(ms)]);
  }

  toString(): string {
    const lines = [...this.#ms].map(([fault, all]) => {
      all.sort((a, b) => a - b);
      return `${fault}: ${all.length}, median ${all[all.length >> 1]}, longest ${all.at(-1)}`;
    });
    return lines.join("; ");
  }
}

class World {
  readonly tally: Tally = { delivered: 0, encryptionsInDoubt: 0, decryptionsInDoubt: 0 };
  readonly takeOvers = new TakeOvers();
  readonly owners: Owners;
  readonly conversations: Conversation[];

  constructor(
    readonly servers: Authstated[],
    readonly pools: [PoolProcess, PoolProcess],
  ) {
    this.owners = new Owners(pools);
    this.conversations = Array.from(
      { length: CONVERSATIONS },
      (_, index) => new Conversation(this.owners, this.tally, ACCOUNTS[2 * index]!, ACCOUNTS[2 * index + 1]!),
    );
  }

  // The pool with most of the sessions.
  get busier(): PoolProcess {
    const [first, second] = this.pools;
    return first.owned.length >= second.owned.length ? first : second;
  }

  async letHappen(fault: Fault, round: number): Promise<void> {
    if (fault === "server killed") {
      const server = this.servers[(round >> 2) % this.servers.length]!;
      await server.crash();
      await server.start();
      return;
    }
    const victim = this.busier;
    const had = victim.owned;
    const from = now();
    const taken = had.map(async (ownership) => {
      const { since, pool } = await this.owners.of(ownership.sessionId, ownership);
      assert.notEqual(pool, victim);
      this.takeOvers.add(fault, since - from);
    });
    if (fault === "killed") await victim.crash();
    else if (fault === "closed") await victim.close();
    else victim.pause();
    await Promise.all(taken);
    if (fault === "stopped") await this.wake(victim, had);
    else await victim.start();
  }

  // A pool that slept is told that others have its sessions, and then stands by for them.
  async wake(pool: PoolProcess, had: Ownership[]): Promise<void> {
    pool.resume();
    for (const ownership of had) {
      while (pool.owned.includes(ownership)) await once(pool, "gone");
      assert.match(ownership.lostTo ?? "", /:[0-9a-f]{12}:\d+$/, "the new owner is not named");
    }
  }
}

async function withWorld(
  createStore: CreateStore,
  leaseTtlMs: number,
  run: (world: World) => Promise<void>,
): Promise<void> {
  await withServers(createStore, 2, async (...servers) => {
    const addresses = servers.map(({ address }) => address);
    const options = { leaseTtlMs, accounts: ACCOUNTS };
    // Each has its own server, and the other one for when that is away.
    const pools: [PoolProcess, PoolProcess] = [
      new PoolProcess("first", { ...options, addresses }),
      new PoolProcess("second", { ...options, addresses: addresses.toReversed() }),
    ];
    try {
      await run(new World(servers, pools));
    } finally {
      await Promise.all(pools.map((pool) => pool.crash()));
    }
  });
}

const STORES: [name: string, create: CreateStore, leaseTtlMs: number][] = [["PostgreSQL", onPostgres, 1_000]];
if (LONG || isWhole) STORES.push(["files ahead of PostgreSQL", aheadOf(onPostgres), 1_000]);

for (const [name, createStore, leaseTtlMs] of STORES) {
  describe(`two pools on the same accounts, on ${name}`, () => {
    it("never both have one, and every message decrypts while they are killed, stopped and closed", async () => {
      await withWorld(createStore, leaseTtlMs, async (world) => {
        const { conversations, owners, pools, tally } = world;
        await Promise.all(pools.map((pool) => pool.start()));
        await Promise.all(conversations.map((conversation) => conversation.meet()));
        const start = now();
        let done = false;
        const talk = Promise.all(conversations.map((conversation) => conversation.talk(() => done)));
        // A message that is lost ends the test here, and not only when all is over.
        const progress = async (): Promise<void> => {
          await Promise.race([talk, Promise.all(conversations.map((each) => each.goesOn(MESSAGES_BETWEEN)))]);
        };
        try {
          for (let round = 0; round < ROUNDS; round++) {
            await progress();
            await world.letHappen(FAULTS[round % FAULTS.length]!, round);
          }
          await progress();
        } finally {
          done = true;
        }
        await talk;
        for (const conversation of conversations) await conversation.receiveLate();

        assert.deepEqual(overlaps(owners.history), []);
        assert.ok(owners.history.length >= ACCOUNTS.length * (1 + (3 * ROUNDS) / 4));
        const { delivered, encryptionsInDoubt, decryptionsInDoubt } = tally;
        console.log(
          `take-over report: ${name}: ${ACCOUNTS.length} accounts, ${Math.round((now() - start) / 1000)} s, ${ROUNDS} faults, ` +
            `${owners.history.length - ACCOUNTS.length} take-overs; ${delivered} messages, in doubt ` +
            `${encryptionsInDoubt} encryptions and ${decryptionsInDoubt} decryptions; ` +
            `ms to take over with a lease of ${leaseTtlMs} ms: ${world.takeOvers.toString()}`,
        );
      });
    });
  });
}
