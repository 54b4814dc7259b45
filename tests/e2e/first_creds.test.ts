// Tests which identity a session is opened with, on a real store: a new one only where the store is empty, a stored one only
// where Baileys can use it, and never two at a time.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type AuthState,
  isAuthStateError,
  type SessionOptions,
  useAuthState,
} from "../../client/node/dist/esm/index.js";
import { TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { type StoreServer, storesOr } from "./stores.ts";

const failsFor = (reason: string) => (error: unknown) => {
  assert.ok(isAuthStateError(error), String(error));
  assert.equal(error.reason, reason);
  return true;
};
const identityOf = ({ state }: AuthState): string => Buffer.from(state.creds.signedIdentityKey.public).toString("hex");

for (const [name, createStore] of storesOr("the existing tables")) {
  describe(`the creds of a session, on ${name}`, () => {
    const folder = new TestFolder();
    let store: StoreServer;
    let authstated: Authstated;
    before(async () => {
      store = await createStore(folder);
      await store.start();
      authstated = new Authstated(store.options);
      await authstated.start();
    });
    after(async () => {
      await authstated?.crash();
      await store?.stop();
      folder.remove();
    });

    const open = (sessionId: string, options: SessionOptions = {}): Promise<AuthState> =>
      useAuthState(sessionId, { address: authstated.address, ...options });
    // Leaves behind what an import does that brought keys alone.
    const putKey = (sessionId: string): Promise<string> =>
      authstated.control("keys", "set", sessionId, "lid-mapping", "55", '"1234"');

    for (const lease of [true, false]) {
      it(`are not made beside keys of another identity, unless those go: lease ${lease}`, async () => {
        const sessionId = `orphans-${lease}`;
        await putKey(sessionId);
        await assert.rejects(open(sessionId, { lease }), failsFor("ORPHANED_KEYS"));
        await assert.rejects(open(sessionId, { lease, onOrphanedKeys: "refuse" }), failsFor("ORPHANED_KEYS"));
        const cleared = await open(sessionId, { lease, onOrphanedKeys: "clear" });
        assert.deepEqual(await cleared.state.keys.get("lid-mapping", ["55"]), {});
        await cleared.close();
        const again = await open(sessionId, { lease });
        assert.equal(identityOf(again), identityOf(cleared));
        assert.deepEqual(await again.state.keys.get("lid-mapping", ["55"]), {});
        await again.close();
      });
    }

    it("are stored with the first keys, so that a crash leaves no keys alone", async () => {
      const first = await open("first");
      await first.state.keys.set({ "lid-mapping": { "55": "1234" } });
      const seen = await open("first", { lease: false });
      assert.equal(identityOf(seen), identityOf(first));
      await Promise.all([first.close(), seen.close()]);
    });

    it("are not made when that is not wanted, and the session is free again", async () => {
      await assert.rejects(open("unknown", { create: false }), failsFor("NO_CREDS"));
      assert.doesNotMatch(await authstated.control("session", "list"), /unknown/);
      // Another process would have to wait for a lease that was kept.
      const made = await open("unknown", { leaseWaitMs: 0 });
      await made.saveCreds();
      await made.close();
      const found = await open("unknown", { create: false });
      assert.equal(identityOf(found), identityOf(made));
      await found.close();
    });

    for (const before of ["an empty store", "a removed session"]) {
      it(`are not written over those of a quicker one without a lease: ${before}`, async () => {
        const sessionId = before.replaceAll(" ", "-");
        if (before === "a removed session") {
          const removed = await open(sessionId);
          await removed.saveCreds();
          await removed.removeSession();
        }
        const tool = await open(sessionId, { lease: false });
        const owner = await open(sessionId);
        await owner.saveCreds();
        await owner.close();
        await assert.rejects(tool.saveCreds(), failsFor("REVISION_MISMATCH"));
        await assert.rejects(
          async () => tool.state.keys.set({ "lid-mapping": { "55": "1" } }),
          failsFor("REVISION_MISMATCH"),
        );
        await tool.close();
        const found = await open(sessionId);
        assert.equal(identityOf(found), identityOf(owner));
        await found.close();
      });
    }

    it("are refused by their member where Baileys could not use them", async () => {
      const spoiled = await open("spoiled");
      const { noiseKey } = spoiled.state.creds;
      Object.assign(noiseKey, { private: noiseKey.private.subarray(1) });
      await spoiled.saveCreds();
      await spoiled.close();
      for (const lease of [true, false]) {
        await assert.rejects(open("spoiled", { lease }), (error) => {
          failsFor("UNUSABLE_CREDS")(error);
          return isAuthStateError(error) && error.field === "creds.noiseKey.private";
        });
      }
    });
  });
}
