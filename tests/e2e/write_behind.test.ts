// Real Baileys on servers that acknowledge in a file and let PostgreSQL follow: an outage that no account notices, and pools
// that find the server at which a session is at home.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type AuthState, AuthStatePool, LeaseHeldError } from "../../client/node/dist/esm/index.js";
import { AccountProcess, type BaileysPackage } from "./account_api.ts";
import { ALICE, BOB, crashUnder, exchange, meet, restart, talkInGroup, type World } from "./account_story.ts";
import { TestFolder } from "./processes.ts";
import { Authstated, withServers } from "./servers.ts";
import { type CreateStore, FollowingStore, isWhole, onLegacy, onPostgres } from "./stores.ts";

// `./dev fault` has PostgreSQL away for five minutes.
const LONG = process.env["AUTHSTATE_FAULT_ROUNDS"] !== undefined;
// Who is killed in an outage, one after the other.
const KILLS: ("server" | "alice" | "bob")[] = LONG
  ? ["server", "alice", "server", "server", "bob", "server", "server"]
  : ["server", "alice", "server", "bob"];
// What passes before each of them, and after the last: so many messages each way, and so much time.
const EXCHANGES_BETWEEN = 5;
const MS_BETWEEN = LONG ? 300_000 / (KILLS.length + 1) : 0;
const POLL_MS = 20;
const WAITS_TO_SEE = 5;

const LINES: [name: string, baileys: BaileysPackage][] = [
  ["Baileys 7", "baileys"],
  ["Baileys 6.7", "baileys-6"],
];

interface Content {
  revision: number;
  checksum: string;
}

// JSON with the members of all objects in the order of their names: PostgreSQL's jsonb has an order of its own.
function inOrder(json: string): string {
  return JSON.stringify(JSON.parse(json), (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
}

type Write = (json: string) => string;
const asItIs: Write = (json) => json;

const LAYOUTS: [name: string, create: CreateStore, write: Write][] = [
  ["PostgreSQL", onPostgres, asItIs],
  ["the existing tables", onLegacy, inOrder],
];

// All that a server has of a session, by its checksum, with the revision.
async function contentOf(server: Authstated, sessionId: string, write: Write): Promise<Content> {
  const folder = new TestFolder();
  try {
    const path = join(folder.path, sessionId);
    const { revision } = JSON.parse(await server.control("--json", "session", "export", sessionId, path)) as {
      revision: number;
    };
    const hash = createHash("sha256");
    for (const name of readdirSync(path).sort()) {
      hash.update(`${name}\0${write(readFileSync(join(path, name), "utf8"))}\0`);
    }
    return { revision, checksum: hash.digest("hex") };
  } finally {
    folder.remove();
  }
}

// How long it takes, in seconds, until `far` has what `near` has.
async function untilEqual(near: Authstated, far: Authstated, sessionIds: string[], write = asItIs): Promise<number> {
  const start = Date.now();
  for (const sessionId of sessionIds) {
    const wanted = await contentOf(near, sessionId, write);
    for (;;) {
      const found = await contentOf(far, sessionId, write);
      if (found.revision === wanted.revision) {
        assert.deepEqual(found, wanted);
        break;
      }
      assert.ok(found.revision < wanted.revision, "the database is ahead");
      await sleep(POLL_MS);
    }
  }
  return (Date.now() - start) / 1_000;
}

function accountsOn({ address }: Authstated, baileys: BaileysPackage): Pick<World, "alice" | "bob"> {
  // What fails once has failed.
  const options = { baileys, address, triesAgain: false };
  return { alice: new AccountProcess({ ...options, ...ALICE }), bob: new AccountProcess({ ...options, ...BOB }) };
}

// Returns how many messages went each way.
async function talkThroughOutage(world: World): Promise<number> {
  let exchanges = 0;
  const talk = async (): Promise<void> => {
    const end = Date.now() + MS_BETWEEN;
    for (let count = 0; count < EXCHANGES_BETWEEN || Date.now() < end; count++) {
      await exchange(world, `in the outage ${++exchanges}`);
    }
  };
  for (const victim of KILLS) {
    await talk();
    if (victim === "server") await crashUnder(world, exchange(world, `under a kill ${++exchanges}`));
    else await restart(world[victim]);
  }
  await talk();
  return exchanges;
}

async function tellOutage(name: string, createFar: CreateStore, write: Write, baileys: BaileysPackage): Promise<void> {
  let store!: FollowingStore;
  const create: CreateStore = async (folder) => (store = await FollowingStore.create(folder, createFar));
  const started: AccountProcess[] = [];
  const start = async (accounts: Pick<World, "alice" | "bob">): Promise<void> => {
    started.push(accounts.alice, accounts.bob);
    await Promise.all([accounts.alice.start(), accounts.bob.start()]);
  };
  await withServers(create, 1, async (authstated) => {
    // It shows what the database has.
    const far = new Authstated(store.far.options);
    try {
      const world: World = { authstated, ...accountsOn(authstated, baileys) };
      await start(world);
      await meet(world, 50);
      await talkInGroup(world);

      const began = Date.now();
      await store.stop();
      const exchanges = await talkThroughOutage(world);
      const awayFor = Math.round((Date.now() - began) / 1_000);
      await store.start();
      await far.start();
      const seconds = await untilEqual(authstated, far, [ALICE.sessionId, BOB.sessionId], write);
      console.log(
        `outage report: ${name}: PostgreSQL was away for ${awayFor} s, with ${KILLS.length} kills; ` +
          `${2 * exchanges} messages; equal ${seconds} s after it was back`,
      );

      await exchange(world, "afterwards");
      await Promise.all([world.alice.crash(), world.bob.crash()]);
      assert.equal(await authstated.stop(), 0);
      // The accounts go on with what the database has.
      const followers: World = { authstated: far, ...accountsOn(far, baileys) };
      await start(followers);
      await exchange(followers, "without the file");
    } finally {
      await Promise.all([...started.map((account) => account.crash()), far.crash()]);
    }
  });
}

describe("an outage of the database behind a file that acknowledges", { concurrency: LONG }, () => {
  // Each layout with the line beside it, or with both.
  for (const [index, [layout, createFar, write]] of LAYOUTS.entries()) {
    for (const [line, baileys] of LONG || isWhole ? LINES : LINES.slice(index, index + 1)) {
      const name = `${line}, ${layout}`;
      it(`is not noticed, also where server and accounts are killed: ${name}`, () =>
        tellOutage(name, createFar, write, baileys));
    }
  }
});

const set = async ({ state }: AuthState, value: string): Promise<void> =>
  state.keys.set({ "lid-mapping": { "1": value } });

describe("a session at home on one of two servers", () => {
  const withTwo = (work: (first: Authstated, second: Authstated) => Promise<void>): Promise<void> =>
    withServers((folder) => FollowingStore.create(folder, onPostgres), 2, work);

  it("is found there by a pool that knows both, and stays its own when that server stops", async () => {
    await withTwo(async (first, second) => {
      const before = accountsOn(second, "baileys").alice;
      const pool = new AuthStatePool({ addresses: [first.address, second.address], leaseTtlMs: 1_000 });
      try {
        await before.start();
        await before.call("pair");
        const waiting = pool.useAuthState(ALICE.sessionId, { leaseWaitMs: Infinity });
        await before.call("close");
        const auth = await waiting;
        let lost = false;
        auth.events.on("lost", () => (lost = true));
        assert.equal(auth.state.creds.me?.id, ALICE.jid);
        for (const server of [first, second, first]) {
          await set(auth, "before");
          assert.equal(await server.stop(), 0);
          await set(auth, server.address);
          await server.start();
          assert.deepEqual(await auth.state.keys.get("lid-mapping", ["1"]), { "1": server.address });
        }
        assert.equal(lost, false);
      } finally {
        await Promise.all([before.crash(), pool.close()]);
      }
    });
  });

  it("is waited for while that server is away, and served by it alone", async () => {
    await withTwo(async (first, second) => {
      const waits = new EventEmitter();
      const note = ({ rpc }: { rpc?: string }): void => void (rpc === "Commit" && waits.emit("wait"));
      const addresses = [first.address, second.address];
      const pool = new AuthStatePool({ addresses, leaseTtlMs: 1_000, logger: { debug: note, warn: note } });
      try {
        const auth = await pool.useAuthState("s");
        await set(auth, "1");
        await first.crash();
        // A new session goes to the other server meanwhile.
        const other = await pool.useAuthState("other");
        await set(other, "1");
        let settled = false;
        const written = set(auth, "2").finally(() => (settled = true));
        for (let count = 0; count < WAITS_TO_SEE; count++) await once(waits, "wait");
        assert.equal(settled, false, "written without its home");
        await first.start();
        await written;
        assert.deepEqual(await auth.state.keys.get("lid-mapping", ["1"]), { "1": "2" });
        await untilEqual(first, second, ["s"]);
      } finally {
        await pool.close();
      }
    });
  });

  it("is refused, with the name of its home, to a pool that does not know that server", async () => {
    await withTwo(async (first, second) => {
      const owner = accountsOn(second, "baileys").alice;
      const stranger = new AuthStatePool({ address: first.address });
      try {
        await owner.start();
        await assert.rejects(stranger.useAuthState(ALICE.sessionId, { leaseWaitMs: 0 }), (error) => {
          assert.ok(error instanceof LeaseHeldError);
          assert.ok(error.message.includes(`at home on the server at ${second.address}: `), error.message);
          return true;
        });
      } finally {
        await Promise.all([owner.crash(), stranger.close()]);
      }
    });
  });

  it("is stolen at its home, so that nothing of it is lost", async () => {
    await withTwo(async (first, second) => {
      const owner = accountsOn(second, "baileys").alice;
      const thief = new AuthStatePool({ addresses: [first.address, second.address] });
      try {
        await owner.start();
        await owner.call("pair");
        const { state } = await thief.useAuthState(ALICE.sessionId, { steal: true });
        assert.equal(state.creds.me?.id, ALICE.jid);
        assert.match((await owner.call("lost")) ?? "", /:[0-9a-f]{12}:1$/);
        await assert.rejects(owner.call("touchCreds"), /LeaseLostError/);
      } finally {
        await Promise.all([owner.crash(), thief.close()]);
      }
    });
  });
});
