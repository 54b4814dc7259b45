// An old creds.json that came back beside newer keys: once `authstatectl session mend` has raised its counters, real Baileys
// makes new pre-keys beside those that WhatsApp hands out, and what contacts write with either is read.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as baileys from "baileys";
import * as baileys6 from "baileys-6";
import { AuthStatePool } from "../../client/node/dist/esm/index.js";
import { type Baileys, memoryKeys, pairCreds, SignalAccount } from "../vectors/signal_account.ts";
import { TestFolder } from "./processes.ts";
import { withServers } from "./servers.ts";
import { storesOr } from "./stores.ts";

const BOB = "5511999990002:7@s.whatsapp.net";
const UPLOAD = 5;

interface Bob {
  account: SignalAccount;
  // Makes the pre-keys of an upload by Baileys' own code; the ids of those that are new.
  upload(): Promise<number[]>;
  close(): Promise<void>;
}

async function openBob(module: Baileys, pool: AuthStatePool): Promise<Bob> {
  const { state, saveCreds, close } = await pool.useAuthState("bob");
  if (state.creds.me === undefined) {
    pairCreds(module, state.creds, BOB, "123456789012345:7@lid");
    const keyData = module.proto.Message.AppStateSyncKeyData.fromObject({ keyData: Buffer.alloc(32, 1) });
    await state.keys.set({ "app-state-sync-key": { [state.creds.myAppStateKeyId ?? ""]: keyData } });
    await saveCreds();
  }
  return {
    account: new SignalAccount(module, BOB, state),
    async upload() {
      const { update, preKeys } = await module.getNextPreKeys(state, UPLOAD);
      Object.assign(state.creds, update);
      await saveCreds();
      return Object.keys(preKeys).map(Number);
    },
    close,
  };
}

// What a contact, who is given this pre-key by WhatsApp, writes first.
async function contactWrites(module: Baileys, bob: SignalAccount, preKey: number, index: number) {
  const jid = `551188888000${index}@s.whatsapp.net`;
  const contact = new SignalAccount(module, jid, { creds: module.initAuthCreds(), keys: memoryKeys().store });
  await contact.repository.injectE2ESession({ jid: BOB, session: await bob.preKeyBundle(preKey) });
  return { jid, message: await contact.encrypt(BOB, `by pre-key ${preKey}`) };
}

for (const [version, module] of [
  ["Baileys 7", baileys],
  ["Baileys 6", baileys6 as unknown as Baileys],
] as const) {
  for (const [store, createStore] of storesOr("the existing tables")) {
    describe(`Old creds beside newer keys, ${version} on ${store}`, () => {
      it("are mended so that no pre-key is used again", async () => {
        await withServers(createStore, 1, async (authstated) => {
          const folder = new TestFolder();
          const pool = new AuthStatePool({ address: authstated.address });
          const faults = async (): Promise<string[]> => {
            const { stdout } = await authstated.tryControl("--json", "session", "check", "bob");
            const { sessions } = JSON.parse(stdout) as { sessions: [{ findings: { reason: string }[] }] };
            return sessions[0].findings.map(({ reason }) => reason);
          };
          try {
            let bob = await openBob(module, pool);
            const first = await bob.upload();
            const old = JSON.stringify(bob.account.state.creds, module.BufferJSON.replacer);
            const second = await bob.upload();
            const offered = [first.at(-1)!, second[0]!, second.at(-1)!];
            const before = await Promise.all(
              offered.map((preKey, index) => contactWrites(module, bob.account, preKey, index)),
            );
            await bob.close();
            const backup = join(folder.path, "creds.json");
            writeFileSync(backup, old);
            await authstated.control("creds", "set", "bob", `@${backup}`);
            assert.deepEqual(await faults(), ["PRE_KEY_REUSE"]);

            await authstated.control("session", "mend", "bob", "--take-lease");
            assert.deepEqual(await faults(), []);
            bob = await openBob(module, pool);
            const third = await bob.upload();
            assert.equal(third.length, UPLOAD);
            assert.ok(Math.min(...third) > Math.max(...second), `${third.join()} after ${second.join()}`);
            const later = await contactWrites(module, bob.account, third[0]!, 9);
            for (const [index, { jid, message }] of [...before, later].entries()) {
              const preKey = [...offered, third[0]!][index];
              assert.equal(await bob.account.decrypt(jid, message), `by pre-key ${preKey}`);
            }
            await bob.close();
          } finally {
            await pool.close();
            folder.remove();
          }
        });
      });
    });
  }
}
