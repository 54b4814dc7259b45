// Sessions go from the existing tables to those of authstate and back while they are used: by real Baileys through
// authstated, and by the adapter of before past it.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { describe, it } from "node:test";
import type * as baileys from "baileys";
import { useAuthState } from "../../client/node/dist/esm/index.js";
import { AccountProcess, type BaileysPackage } from "./account_api.ts";
import { ALICE, BOB, exchange, meet, restart, type World } from "./account_story.ts";
import { everyType, type Keys, meaning } from "./every_type.ts";
import { LegacyAdapter } from "./legacy_adapter.ts";
import { TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { isWhole, LegacyStore, PostgresStore, query } from "./stores.ts";

const PATIENCE_MS = 60_000;
const PRE_KEYS = 30;

// Calls may be held for longer than by default, as the machine may be busy.
const SWITCH = ["--sync", "--follow", "--max-pause", "30s", "--yes"];

// A server on the existing tables, `supabase`, which may also serve from tables of authstate's own, `timeweb`: each in a
// PostgreSQL of its own.
async function withTwoDatabases(
  work: (authstated: Authstated, supabase: LegacyStore, timeweb: PostgresStore) => Promise<void>,
): Promise<void> {
  const folders = [new TestFolder(), new TestFolder()] as const;
  const supabase = await LegacyStore.create(folders[0]);
  const timeweb = await PostgresStore.create(folders[1]);
  const authstated = new Authstated([
    ...["--backend", "supabase", "--supabase-url", supabase.url, "--supabase-sslmode", "disable"],
    ...["--timeweb-url", timeweb.url, "--timeweb-sslmode", "disable", "--timeweb-layout", "native"],
  ]);
  try {
    await Promise.all([supabase.start(), timeweb.start()]);
    await authstated.start();
    await work(authstated, supabase, timeweb);
  } finally {
    await authstated.crash();
    await Promise.all([supabase.stop(), timeweb.stop()]);
    for (const folder of folders) folder.remove();
  }
}

// Two accounts that write to each other until they are told to stop.
class Conversation {
  #rounds = 0;
  #over = false;
  readonly #told = new EventEmitter();
  readonly #ended: Promise<void>;

  constructor(private readonly world: World) {
    this.#ended = this.#talk();
    this.#ended.catch(() => undefined);
  }

  async #talk(): Promise<void> {
    while (!this.#over) {
      await exchange(this.world, String(this.#rounds));
      this.#rounds++;
      this.#told.emit("round");
    }
  }

  // Resolves once that many more messages have gone each way; rejects with what failed.
  async more(rounds: number): Promise<void> {
    const wanted = this.#rounds + rounds;
    while (this.#rounds < wanted) await Promise.race([once(this.#told, "round"), this.#ended]);
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#ended;
  }
}

// Who has the accounts' sessions, and under which fences.
async function owners(authstated: Authstated): Promise<unknown[]> {
  const leases = [ALICE, BOB].map(({ sessionId }) => authstated.control("lease", "show", sessionId, "--json"));
  return (await Promise.all(leases)).map((lease) => {
    const { owner, fence } = JSON.parse(lease) as { owner: string; fence: number };
    assert.notEqual(owner, "");
    return { owner, fence };
  });
}

async function assertServes(authstated: Authstated, profile: string): Promise<void> {
  const info = JSON.parse(await authstated.control("server", "info", "--json")) as { profile: string };
  assert.equal(info.profile, profile);
}

// Resolves once the database that is kept equal has all that was written until now.
async function caughtUp(authstated: Authstated): Promise<void> {
  const since = Date.now();
  for (;;) {
    const { backends } = JSON.parse(await authstated.control("backend", "status", "--json")) as {
      backends: { following?: { lag_seconds: number | null } }[];
    };
    const lag = backends.find(({ following }) => following !== undefined)?.following?.lag_seconds;
    if (typeof lag === "number" && lag < (Date.now() - since) / 1_000) return;
    assert.ok(Date.now() - since < PATIENCE_MS, `it does not catch up: ${JSON.stringify(backends)}`);
  }
}

// Accounts that begin anew, with what is stored alone, understand each other, and store what they have.
async function assertGoesOn(world: World): Promise<void> {
  const { alice, bob } = world;
  await restart(alice, bob);
  await exchange(world, "anew");
  for (const account of [alice, bob]) {
    const { own, stored } = await account.call("creds");
    assert.deepEqual(JSON.parse(stored), JSON.parse(own));
  }
}

for (const line of (isWhole ? ["baileys", "baileys-6"] : ["baileys"]) satisfies BaileysPackage[]) {
  describe(`A conversation of ${line} whose database is moved`, () => {
    it("goes on through sync, switch and the way back, without a failed call, and keeps its sessions", async () => {
      await withTwoDatabases(async (authstated) => {
        const { address } = authstated;
        const alice = new AccountProcess({ baileys: line, address, triesAgain: false, ...ALICE });
        const bob = new AccountProcess({ baileys: line, address, triesAgain: false, ...BOB });
        const world = { authstated, alice, bob };
        try {
          await Promise.all([alice.start(), bob.start()]);
          await meet(world, PRE_KEYS);
          const before = await owners(authstated);
          const conversation = new Conversation(world);
          await conversation.more(2);
          const steps = [
            ["backend", "sync", "timeweb"],
            ["backend", "sync", "timeweb", "--follow"],
            ["backend", "switch", "timeweb", ...SWITCH],
            ["backend", "switch", "supabase", ...SWITCH],
            ["backend", "switch", "timeweb", ...SWITCH],
          ];
          for (const step of steps) {
            await Promise.all([authstated.control(...step), conversation.more(3)]);
            await conversation.more(2);
          }
          await assertServes(authstated, "timeweb");
          await conversation.stop();
          assert.deepEqual(await owners(authstated), before);
          await caughtUp(authstated);
          await authstated.control("backend", "sync", "supabase", "--verify");

          // They go on from what is stored, there and here.
          await assertGoesOn(world);
          await authstated.control("backend", "switch", "supabase", ...SWITCH);
          await assertGoesOn(world);
        } finally {
          await Promise.all([alice.crash(), bob.crash()]);
        }
      });
    });
  });
}

describe("What the adapter of before writes while its database is moved", () => {
  it("is seen by the next round, in every form of every type", async () => {
    const { keys, creds } = await everyType();
    const company = "962302";
    await withTwoDatabases(async (authstated, supabase, timeweb) => {
      const adapter = new LegacyAdapter(supabase.url, company);
      const sync = async (...options: string[]): Promise<number> => {
        const report = await authstated.control("backend", "sync", "timeweb", "--json", ...options);
        return (JSON.parse(report) as { sessions_copied: number }).sessions_copied;
      };
      try {
        await adapter.saveCreds(creds, "BufferJSON");
        await adapter.set(keys, "BufferJSON");
        assert.equal(await sync(), 1);
        assert.equal(await sync(), 0);

        await adapter.set(keys, "JSON.stringify");
        const changed: Keys = {};
        for (const [type, values] of Object.entries(keys)) {
          const [gone = "", ...rest] = Object.keys(values);
          await adapter.set({ [type]: { [gone]: null, added: values[gone] } }, "JSON.stringify");
          changed[type] = { added: values[gone], ...Object.fromEntries(rest.map((id) => [id, values[id]])) };
        }
        assert.equal(await sync("--follow"), 1);

        // By the rounds of who follows, without being told.
        await adapter.set({ "lid-mapping": { later: "1" } }, "BufferJSON");
        await adapter.saveCreds({ ...creds, nextPreKeyId: 77 }, "JSON.stringify");
        const deadline = Date.now() + PATIENCE_MS;
        const arrived = "SELECT 1 FROM authstate.auth_keys WHERE key_type = 'lid-mapping' AND key_id = 'later'";
        while ((await query(timeweb.url, arrived)).rowCount === 0) assert.ok(Date.now() < deadline, "no round saw it");
        (changed["lid-mapping"] ??= {})["later"] = "1";

        await authstated.control("backend", "switch", "timeweb", ...SWITCH);
        const auth = await useAuthState(company, { address: authstated.address, lease: false, create: false });
        try {
          assert.deepEqual(meaning(auth.state.creds), meaning({ ...creds, nextPreKeyId: 77 }));
          for (const [type, values] of Object.entries(changed)) {
            const ids = [...Object.keys(values), Object.keys(keys[type] ?? {})[0] ?? "none"];
            const read = await auth.state.keys.get(type as keyof baileys.SignalDataTypeMap, ids);
            assert.deepEqual(meaning(read), meaning(values), type);
          }
        } finally {
          await auth.close();
        }
      } finally {
        await adapter.close();
      }
    });
  });
});
