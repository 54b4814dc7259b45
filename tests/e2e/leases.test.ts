// Real Baileys accounts that several processes want: one has them at any moment, and nothing is lost when they change
// hands.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AuthStateError, useAuthState } from "../../client/node/dist/esm/index.js";
import { AccountProcess } from "./account_api.ts";
import { ALICE, BOB, deliver } from "./account_story.ts";
import { type Authstated, withServers } from "./servers.ts";
import { type CreateStore, storesOr } from "./stores.ts";

// `./dev fault` plays all, and for longer.
const LONG = process.env["AUTHSTATE_FAULT_ROUNDS"] !== undefined;
const TAKE_OVERS = LONG ? 10 : 2;
const MESSAGES_BETWEEN = 10;

interface World {
  authstated: Authstated;
  account(options: typeof ALICE, steal?: boolean): AccountProcess;
}

async function withWorld(createStore: CreateStore, run: (world: World) => Promise<void>): Promise<void> {
  await withServers(createStore, 1, async (authstated) => {
    const accounts: AccountProcess[] = [];
    const account = (options: typeof ALICE, steal = false): AccountProcess => {
      const made = new AccountProcess({ baileys: "baileys", address: authstated.address, steal, ...options });
      accounts.push(made);
      return made;
    };
    try {
      await run({ authstated, account });
    } finally {
      await Promise.all(accounts.map((made) => made.crash()));
    }
  });
}

async function storedCounter({ address }: Authstated, sessionId: string): Promise<number> {
  const { state, close } = await useAuthState(sessionId, { address, lease: false });
  await close();
  return state.creds.accountSyncCounter;
}

// A session of one process at a time: from when it had the session to when it last could have used it.
interface Ownership {
  from: number;
  to: number;
}

function assertOneAtATime(history: Ownership[]): void {
  for (const [index, { from }] of history.entries()) {
    const before = history[index - 1];
    assert.ok(before === undefined || before.to <= from, `owner ${index + 1} came before owner ${index} had gone`);
  }
}

for (const [name, createStore] of storesOr("PostgreSQL")) {
  describe(`an account that two processes want, on ${name}`, () => {
    it("is refused to an owner that slept beyond its lease, which learns that it is lost", async () => {
      await withWorld(createStore, async ({ authstated, account }) => {
        const zombie = account(ALICE);
        await zombie.start();
        await zombie.call("pair");
        await zombie.call("touchCreds");
        zombie.pause();
        const successor = account(ALICE);
        await successor.start();
        await successor.call("touchCreds");
        const counter = await storedCounter(authstated, ALICE.sessionId);

        zombie.resume();
        const lost = zombie.call("lost");
        await assert.rejects(zombie.call("touchCreds"), /LeaseLostError/);
        const owner = await lost;
        assert.match(owner ?? "", /:[0-9a-f]{12}:1$/);
        await assert.rejects(zombie.call("makePreKeys", 5), /LeaseLostError/);
        assert.equal(await storedCounter(authstated, ALICE.sessionId), counter);
        await successor.call("touchCreds");
        assert.equal(await storedCounter(authstated, ALICE.sessionId), counter + 1);
      });
    });

    it("is told to people who wait for it without a logger, with its owner and what is left of the lease", async () => {
      await withWorld(createStore, async ({ authstated: { address }, account }) => {
        await account(ALICE).start();
        const stop = new AbortController();
        const { error: consoleError } = console;
        const line = new Promise<string>((resolve) => (console.error = resolve));
        const waits = useAuthState(ALICE.sessionId, { address, leaseWaitMs: Infinity, signal: stop.signal });
        const ended = assert.rejects(waits, /enough/);
        try {
          assert.match(await line, /^session alice is leased by [^ ]+:\d+ for [01] s more; waiting$/);
        } finally {
          console.error = consoleError;
          stop.abort(new Error("enough"));
          await ended;
        }
      });
    });

    it("is open to tools without a lease, which do not write while it is somebody's", async () => {
      await withWorld(createStore, async ({ authstated: { address } }) => {
        const { sessionId } = ALICE;
        const owner = await useAuthState(sessionId, { address });
        await owner.state.keys.set({ "lid-mapping": { a: "owner's" } });
        const tool = await useAuthState(sessionId, { address, lease: false });
        assert.deepEqual(await tool.state.keys.get("lid-mapping", ["a"]), { a: "owner's" });
        const isHeld = (error: unknown): boolean => error instanceof AuthStateError && error.reason === "LEASE_HELD";
        await assert.rejects(tool.state.keys.set({ "lid-mapping": { a: "tool's" } }), isHeld);
        await assert.rejects(tool.saveCreds(), isHeld);
        await assert.rejects(tool.removeSession(), isHeld);
        await owner.state.keys.set({ "lid-mapping": { b: "owner's" } });
        await owner.close();

        const next = await useAuthState(sessionId, { address, lease: false });
        assert.deepEqual(await next.state.keys.get("lid-mapping", ["a", "b"]), { a: "owner's", b: "owner's" });
        await next.state.keys.set({ "lid-mapping": { a: "tool's" } });
        assert.deepEqual(await next.state.keys.get("lid-mapping", ["a"]), { a: "tool's" });
        await next.close();
      });
    });

    it("goes to one that steals it from an owner at work, which writes no more", async () => {
      await withWorld(createStore, async ({ authstated, account }) => {
        let owner = account(ALICE);
        await owner.start();
        await owner.call("pair");
        for (let round = 1; round <= TAKE_OVERS; round++) {
          const robbed = owner;
          let lastBegun = 0;
          const work = (async () => {
            for (;;) {
              const begun = performance.now();
              await robbed.call("touchCreds");
              lastBegun = begun;
            }
          })();
          const refused = assert.rejects(work, /LeaseLostError/);
          owner = account(ALICE, /* steal= */ true);
          await owner.start();
          const taken = performance.now();
          await Promise.all([refused, robbed.call("lost")]);
          assert.ok(lastBegun < taken, "a write begun after the take-over was acknowledged");
          const counter = await storedCounter(authstated, ALICE.sessionId);
          await owner.call("touchCreds");
          assert.equal(await storedCounter(authstated, ALICE.sessionId), counter + 1);
        }
      });
    });

    // On PostgreSQL, take_overs.test.ts has owners killed too.
    if (LONG || name === "SQLite") {
      it("goes from a killed owner to the one that stands by, and every message decrypts", async () => {
        await withWorld(createStore, async ({ account }) => {
          const bob = account(BOB);
          let alice = account(ALICE);
          await Promise.all([bob.start(), alice.start()]);
          await Promise.all([bob.call("pair"), alice.call("pair")]);
          const first = await bob.call("makePreKeys", 5);
          await alice.call("openSession", bob.jid, await bob.call("preKeyBundle", first));
          await deliver(alice, bob, "first");

          const history: Ownership[] = [];
          const takeOverMs: number[] = [];
          let from = performance.now();
          for (let round = 1; round <= TAKE_OVERS; round++) {
            const standBy = account(ALICE);
            let standsBy = true;
            const ready = standBy.start().then(() => (standsBy = false));
            await standBy.asks();
            for (let message = 1; message <= MESSAGES_BETWEEN; message++) {
              await deliver(alice, bob, `there ${round}.${message}`);
              await deliver(bob, alice, `back ${round}.${message}`);
            }
            assert.equal(standsBy, true, "two owners");
            await alice.crash();
            history.push({ from, to: performance.now() });
            await ready;
            from = performance.now();
            takeOverMs.push(Math.round(from - history.at(-1)!.to));
            alice = standBy;
            await deliver(bob, alice, `after take-over ${round}`);
          }
          history.push({ from, to: performance.now() });
          assertOneAtATime(history);
          console.log(`take-over report: ${name}: after SIGKILL, with a lease of 1 s, in ms: ${takeOverMs.join(", ")}`);
        });
      });
    }
  });
}
