// Real Baileys through maintenance: a conversation waits for its end, and who may not wait that long is told why.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AuthStateError, useAuthState } from "../../client/node/dist/esm/index.js";
import { AccountProcess } from "./account_api.ts";
import { ALICE, BOB, deliver } from "./account_story.ts";
import { withServers } from "./servers.ts";
import { onPostgres } from "./stores.ts";

// Longer than a lease of the accounts, and than one attempt at a call.
const WINDOW_MS = 20_000;
const SHORT_PATIENCE_MS = 6_000;

describe("Maintenance", () => {
  it("is waited for by a conversation, through a restart of the server, without a failed call", async () => {
    await withServers(onPostgres, 1, async (authstated) => {
      const { address } = authstated;
      const options = { baileys: "baileys", address, triesAgain: false } as const;
      const alice = new AccountProcess({ ...options, ...ALICE });
      const bob = new AccountProcess({ ...options, ...BOB });
      const impatient = await useAuthState("impatient", { address, patienceMs: SHORT_PATIENCE_MS });
      try {
        await impatient.saveCreds();
        await Promise.all([alice.start(), bob.start()]);
        await Promise.all([alice.call("pair"), bob.call("pair")]);
        await alice.call("openSession", bob.jid, await bob.call("preKeyBundle", await bob.call("makePreKeys", 5)));
        await deliver(alice, bob, "before");
        await deliver(bob, alice, "before");

        const begun = Date.now();
        await authstated.control("maintenance", "on", "--reason", "a new disk", "--hold", "1s");
        let delivered = false;
        const conversation = (async () => {
          await deliver(alice, bob, "meanwhile");
          await deliver(bob, alice, "meanwhile");
          delivered = true;
        })();
        await assert.rejects(impatient.saveCreds(), (error: unknown) => {
          assert.ok(error instanceof AuthStateError, String(error));
          assert.equal(error.reason, "MAINTENANCE");
          assert.equal(error.outcome, "NOT_APPLIED");
          assert.match(error.message, /a new disk/);
          return true;
        });
        await authstated.stop();
        await authstated.start();
        // Nothing shows that the accounts still wait but that they do when it is over.
        await Promise.race([conversation, sleep(begun + WINDOW_MS - Date.now())]);
        assert.equal(delivered, false);

        await authstated.control("maintenance", "off");
        await conversation;
        await deliver(alice, bob, "after");
        await impatient.saveCreds();
        for (const account of [alice, bob]) {
          const { own, stored } = await account.call("creds");
          assert.deepEqual(JSON.parse(stored), JSON.parse(own));
        }
      } finally {
        await Promise.all([alice.crash(), bob.crash()]);
        await impatient.close();
      }
    });
  });
});
