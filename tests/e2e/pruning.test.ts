// What `authstatectl session prune` deletes, real Baileys makes anew: it goes on with a peer and a group.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as baileys from "baileys";
import * as baileys6 from "baileys-6";
import { AuthStatePool } from "../../client/node/dist/esm/index.js";
import { type Baileys, memoryKeys, pairCreds, SignalAccount } from "../vectors/signal_account.ts";
import { type Authstated, withServers } from "./servers.ts";
import { storesOr } from "./stores.ts";

const ALICE = "5511999990001@s.whatsapp.net";
const BOB = "5511999990002@s.whatsapp.net";
const GROUP = "120363040000000001@g.us";
const SESSION = "pruned";

const versions: [string, Baileys][] = [
  ["Baileys 7", baileys],
  ["Baileys 6", baileys6 as unknown as Baileys],
];

// One message to the group, which `to` reads; with the sender key, as Baileys sends it where the memory has none.
async function talk(from: SignalAccount, to: SignalAccount, text: string, withKey: boolean): Promise<void> {
  const sent = await from.repository.encryptGroupMessage({ group: GROUP, meId: from.jid, data: Buffer.from(text) });
  if (withKey) {
    const item = { groupId: GROUP, axolotlSenderKeyDistributionMessage: sent.senderKeyDistributionMessage };
    await to.repository.processSenderKeyDistributionMessage({ item, authorJid: from.jid });
  }
  const message = { group: GROUP, authorJid: from.jid, msg: sent.ciphertext };
  assert.equal(Buffer.from(await to.repository.decryptGroupMessage(message)).toString(), text);
}

async function write(from: SignalAccount, to: SignalAccount, text: string): Promise<void> {
  assert.equal(await to.decrypt(from.jid, await from.encrypt(to.jid, text)), text);
}

async function keysOf(authstated: Authstated): Promise<Record<string, number>> {
  const shown = JSON.parse(await authstated.control("--json", "session", "show", SESSION)) as {
    keys: { type: string; count: number }[];
  };
  return Object.fromEntries(shown.keys.map(({ type, count }) => [type, count]));
}

for (const [name, createStore] of storesOr("SQLite")) {
  for (const [version, module] of versions) {
    describe(`a pruned account of ${version}, on ${name}`, () => {
      it("goes on with its peer and its group", async () => {
        await withServers(createStore, 1, async (authstated) => {
          const pool = new AuthStatePool({ address: authstated.address });
          // Runs `story` with Bob's account, which nobody has afterwards.
          const asBob = async (story: (bob: SignalAccount) => Promise<void>): Promise<void> => {
            const auth = await pool.useAuthState(SESSION);
            await story(new SignalAccount(module, BOB, auth.state));
            await auth.saveCreds();
            await auth.close();
          };
          const alice = new SignalAccount(module, ALICE, { creds: module.initAuthCreds(), keys: memoryKeys().store });
          const memory = { [GROUP]: { [ALICE]: true } };
          await asBob(async (bob) => {
            const session = await bob.preKeyBundle(await bob.makePreKeys(20));
            await alice.repository.injectE2ESession({ jid: BOB, session });
            pairCreds(module, bob.state.creds, BOB, "123456789012345:7@lid");
            await write(alice, bob, "there");
            await write(bob, alice, "back");
            await talk(bob, alice, "to all", true);
            await talk(alice, bob, "from one", true);
            await bob.keys.set({
              "device-list": { "5511999990001": ["0", "1"] },
              "sender-key-memory": memory,
            } as Parameters<typeof bob.keys.set>[0]);
          });

          const before = await keysOf(authstated);
          await authstated.control("session", "prune", SESSION);
          const { "device-list": devices, "sender-key-memory": memories, ...rest } = before;
          assert.deepEqual([devices, memories], [1, 1]);
          assert.deepEqual(await keysOf(authstated), rest);
          await asBob(async (bob) => {
            await write(alice, bob, "you again");
            await write(bob, alice, "me again");
            await talk(alice, bob, "from one", false);
            // The memory is gone, so the key goes to all again; who has it already reads on without it.
            await talk(bob, alice, "to all", false);
            await talk(bob, alice, "to all, with the key", true);
            await bob.keys.set({ "sender-key-memory": memory });
          });

          const idle = ["--type", "session", "--type", "sender-key", "--older-than", "1ms"];
          const kept = await keysOf(authstated);
          await authstated.control("session", "prune", SESSION, ...idle);
          const gone = new Set(["session", "sender-key", "sender-key-memory"]);
          const left = Object.entries(kept).filter(([type]) => !gone.has(type));
          assert.deepEqual(await keysOf(authstated), Object.fromEntries(left));
          await asBob(async (bob) => {
            // What cannot be read is asked for again, which brings a bundle and a new session.
            await assert.rejects(bob.decrypt(ALICE, await alice.encrypt(BOB, "lost")));
            const session = await alice.preKeyBundle(await alice.makePreKeys(1));
            await bob.repository.injectE2ESession({ jid: ALICE, session });
            await write(bob, alice, "a new session");
            await write(alice, bob, "of both");
            await assert.rejects(talk(alice, bob, "lost too", false));
            await talk(alice, bob, "with the key", true);
            await talk(bob, alice, "with a key of its own", true);
          });
          await pool.close();
        });
      });
    });
  }
}
