// What a pool tells of the sessions in a real store, how it deletes one, and how it lists keys.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as baileys from "baileys";
import {
  AuthStatePool,
  isAuthStateError,
  type ListOptions,
  type SessionSummary,
} from "../../client/node/dist/esm/index.js";
import { pairCreds } from "../vectors/signal_account.ts";
import { TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { type StoreServer, storesOr } from "./stores.ts";

// More than a page of the listing. To make the creds takes a while, so one store has to do.
const sessionsOf = (store: string): number => (store === "SQLite" ? 1_100 : 10);

const failsFor = (reason: string) => (error: unknown) => {
  assert.ok(isAuthStateError(error), String(error));
  assert.equal(error.reason, reason);
  return true;
};

for (const [name, createStore] of storesOr("a file ahead of PostgreSQL")) {
  describe(`the sessions of a store, on ${name}`, () => {
    const folder = new TestFolder();
    let store: StoreServer;
    let authstated: Authstated;
    const pools: AuthStatePool[] = [];
    const newPool = (owner: string): AuthStatePool => {
      const pool = new AuthStatePool({ address: authstated.address, owner });
      pools.push(pool);
      return pool;
    };
    before(async () => {
      store = await createStore(folder);
      await store.start();
      authstated = new Authstated(store.options);
      await authstated.start();
    });
    after(async () => {
      await Promise.allSettled(pools.map((pool) => pool.close()));
      await authstated?.crash();
      await store?.stop();
      folder.remove();
    });

    const list = async (pool: AuthStatePool, prefix?: string): Promise<SessionSummary[]> => {
      const sessions: SessionSummary[] = [];
      for await (const session of pool.listSessions(prefix === undefined ? {} : { prefix })) sessions.push(session);
      return sessions;
    };
    const make = async (pool: AuthStatePool, sessionId: string): Promise<void> => {
      const auth = await pool.useAuthState(sessionId, { lease: false });
      await Promise.all([auth.saveCreds(), auth.state.keys.set({ "lid-mapping": { a: "1", b: "2" } })]);
      await auth.close();
    };

    it("are listed over all pages, each once and in order, with what they have", async () => {
      const pool = newPool("lister");
      const ids = Array.from({ length: sessionsOf(name) }, (_, index) => `many-${String(index).padStart(5, "0")}`);
      await Promise.all(ids.map((id) => make(pool, id)));
      const listed = await list(pool, "many-");
      assert.deepEqual(
        listed.map(({ sessionId }) => sessionId),
        ids,
      );
      for (const { hasCreds, keyCount, owner, leaseRemainingMs, updateTime } of listed) {
        assert.deepEqual([hasCreds, keyCount, owner, leaseRemainingMs], [true, 2, undefined, 0]);
        assert.ok(updateTime instanceof Date && !Number.isNaN(updateTime.getTime()));
      }
      assert.deepEqual(await list(pool, "many-00000:"), []);
    });

    it("are listed with who has them, and without what somebody had", async () => {
      const owner = newPool("owner-of-it");
      const auth = await owner.useAuthState("owned-1");
      await auth.saveCreds();
      const [owned] = await list(newPool("lister"), "owned-");
      assert.match(owned?.owner ?? "", /^owner-of-it:/);
      assert.ok(owned!.leaseRemainingMs > 0 && owned!.leaseRemainingMs <= 15_000, String(owned!.leaseRemainingMs));
      await auth.close();
      const [free] = await list(owner, "owned-");
      assert.deepEqual([free?.owner, free?.leaseRemainingMs, free?.hasCreds], [undefined, 0, true]);
    });

    it("are listed with their state, and by it", async () => {
      const pool = newPool("asker");
      await make(pool, "state-unpaired");
      await authstated.control("keys", "set", "state-orphaned", "lid-mapping", "55", '"1234"');
      const auth = await pool.useAuthState("state-paired");
      pairCreds(baileys, auth.state.creds, "5511999990002:7@s.whatsapp.net", "123456789012345:7@lid");
      await auth.saveCreds();
      await auth.close();
      const asked = await pool.useAuthState("state-code");
      Object.assign(asked.state.creds, {
        me: { id: "5511999990003@s.whatsapp.net", name: "~" },
        pairingCode: "ABCD1234",
      });
      await asked.saveCreds();
      await asked.close();
      const states = async (options: ListOptions): Promise<Record<string, string | undefined>> => {
        const found: [string, string | undefined][] = [];
        for await (const { sessionId, state } of pool.listSessions(options)) found.push([sessionId, state]);
        return Object.fromEntries(found);
      };
      assert.deepEqual(await states({ prefix: "state-" }), {
        "state-code": "code-requested",
        "state-orphaned": "orphaned",
        "state-paired": "paired",
        "state-unpaired": "unpaired",
      });
      assert.deepEqual(await states({ prefix: "state-", states: ["paired", "orphaned"] }), {
        "state-orphaned": "orphaned",
        "state-paired": "paired",
      });
    });

    it("exist or not by their whole id", async () => {
      const pool = newPool("asker");
      await make(pool, "exists-10");
      assert.equal(await pool.exists("exists-10"), true);
      assert.equal(await pool.exists("exists-1"), false);
      assert.equal(await pool.exists("exists-100"), false);
    });

    it("are deleted under a lease, unless another process or this one has them", async () => {
      const [owner, other] = [newPool("owner"), newPool("other")];
      await make(other, "deleted-1");
      await make(other, "deleted-10");
      await other.deleteSession("deleted-1");
      await other.deleteSession("deleted-1");
      assert.equal(await other.exists("deleted-1"), false);
      assert.equal(await other.exists("deleted-10"), true);
      // Nobody's lease is left, which `keys set` without one would be refused for.
      await authstated.control("keys", "set", "deleted-1", "lid-mapping", "55", '"1234"');

      const auth = await owner.useAuthState("deleted-10", { create: false });
      await assert.rejects(other.deleteSession("deleted-10"), failsFor("ALREADY_OPEN"));
      await auth.close();
      await authstated.control("lease", "acquire", "deleted-10", "--owner", "somebody", "--ttl", "60s");
      await assert.rejects(other.deleteSession("deleted-10"), failsFor("LEASE_HELD"));
      assert.equal(await other.exists("deleted-10"), true);
      await other.deleteSession("deleted-10", { steal: true });
      assert.equal(await other.exists("deleted-10"), false);
      await assert.rejects(owner.useAuthState("deleted-10", { create: false }), failsFor("NO_CREDS"));
    });
  });
}
