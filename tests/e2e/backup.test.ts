// An account whose session was lost comes back from `authstatectl backup`, and its conversation with real Baileys goes on.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { AccountProcess } from "./account_api.ts";
import { ALICE, BOB, deliver } from "./account_story.ts";
import { runControl, withServers } from "./servers.ts";
import { TestFolder } from "./processes.ts";
import { storesOr } from "./stores.ts";

for (const [store, createStore] of storesOr("PostgreSQL")) {
  describe(`A session that is restored from a backup, on ${store}`, () => {
    it("goes on where it was saved", async () => {
      await withServers(createStore, 1, async (authstated) => {
        const folder = new TestFolder();
        const backups = join(folder.path, "backups");
        const keyring = join(folder.path, "keyring");
        const backup = (command: string, ...args: string[]): Promise<string> =>
          authstated.control("backup", command, backups, "--keyring-file", keyring, ...args);
        const { address } = authstated;
        const alice = new AccountProcess({ baileys: "baileys", address, ...ALICE });
        const bob = new AccountProcess({ baileys: "baileys", address, ...BOB });
        try {
          await runControl("keyring", "init", keyring, "backups");
          await Promise.all([alice.start(), bob.start()]);
          await Promise.all([alice.call("pair"), bob.call("pair")]);
          const preKey = await bob.call("makePreKeys", 5);
          await alice.call("openSession", bob.jid, await bob.call("preKeyBundle", preKey));
          for (let round = 0; round < 5; round++) {
            await deliver(alice, bob, `there ${round}`);
            await deliver(bob, alice, `back ${round}`);
          }
          await bob.call("close");
          await bob.crash();
          // Alice has her session open all the while.
          await backup("create");
          await authstated.control("session", "delete", BOB.sessionId, "--yes");

          await backup("restore", "--all");
          await bob.start();
          for (let round = 5; round < 10; round++) {
            await deliver(alice, bob, `there ${round}`);
            await deliver(bob, alice, `back ${round}`);
          }
          const { own, stored } = await bob.call("creds");
          assert.deepEqual(JSON.parse(stored), JSON.parse(own));
          // By now the backup is an old one, and is refused.
          await assert.rejects(backup("restore", BOB.sessionId), /--overwrite/);
          await deliver(alice, bob, "still there");
        } finally {
          await Promise.all([alice.crash(), bob.crash()]);
          folder.remove();
        }
      });
    });
  });
}
