// Accounts of both lines of Baileys are moved between folders and a real store by what `list` and `listIds` tell, as
// `migrateAuthState` of Baileys' coming version does, and go on with the peers that they had.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as baileys from "baileys";
import * as baileys6 from "baileys-6";
import { type AuthState, type AuthStateKeys, AuthStatePool } from "../../client/node/dist/esm/index.js";
import { type Baileys, pairCreds, SignalAccount } from "../vectors/signal_account.ts";
import { TestFolder } from "./processes.ts";
import { withServers } from "./servers.ts";
import { storesOr } from "./stores.ts";

type Type = keyof baileys.SignalDataTypeMap;
type Keys = Pick<AuthStateKeys, "get" | "set" | "list" | "listIds">;
interface State {
  creds: baileys.AuthenticationCreds;
  keys: Keys;
}

const ALICE = "5511999990001@s.whatsapp.net";
const BOB = "5511999990002@s.whatsapp.net";
const GROUP = "120363040000000001@g.us";
const TYPES = [
  ...["pre-key", "session", "sender-key", "sender-key-memory", "app-state-sync-key", "app-state-sync-version"],
  ...["lid-mapping", "device-list", "tctoken", "identity-key"],
] as Type[];
const BATCH = 20;

const versions: [string, Baileys][] = [
  ["Baileys 7", baileys],
  ["Baileys 6", baileys6 as unknown as Baileys],
];

// A folder of the real useMultiFileAuthState, which knows its ids by what was set.
async function openFolder(module: Baileys, folder: string): Promise<State & { saveCreds(): Promise<void> }> {
  const { state, saveCreds } = await module.useMultiFileAuthState(folder);
  const idsOf = new Map<string, Set<string>>();
  const keys: Keys = {
    get: async (type, ids) => state.keys.get(type, ids),
    set: async (data) => {
      await state.keys.set(data);
      for (const [type, entries] of Object.entries(data)) {
        const ids = idsOf.get(type) ?? new Set<string>();
        idsOf.set(type, ids);
        for (const [id, value] of Object.entries(entries)) {
          if (value === null) ids.delete(id);
          else ids.add(id);
        }
      }
    },
    async *list(type) {
      for (const id of idsOf.get(type) ?? []) {
        const { [id]: value } = await state.keys.get(type, [id]);
        if (value) yield [id, value] as const;
      }
    },
    async *listIds(type) {
      for await (const [id] of this.list(type)) yield id;
    },
  };
  return { creds: state.creds, keys, saveCreds };
}

async function idsOf({ keys }: State, type: Type): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of keys.listIds(type)) ids.push(id);
  return ids.sort();
}

// Copies what the target has not, in batches. Resolves with how many keys that were, and does not save the creds.
async function migrate(from: State, to: State): Promise<number> {
  Object.assign(to.creds, from.creds);
  let copied = 0;
  for (const type of TYPES) {
    const there = new Set(await idsOf(to, type));
    let batch: [string, unknown][] = [];
    const flush = async (): Promise<void> => {
      if (batch.length > 0) await to.keys.set({ [type]: Object.fromEntries(batch) });
      copied += batch.length;
      batch = [];
    };
    for await (const [id, value] of from.keys.list(type)) {
      if (there.has(id)) continue;
      batch.push([id, value]);
      if (batch.length === BATCH) await flush();
    }
    await flush();
  }
  return copied;
}

async function assertSameKeys(one: State, other: State): Promise<number> {
  let count = 0;
  for (const type of TYPES) {
    const ids = await idsOf(one, type);
    assert.deepEqual(await idsOf(other, type), ids, type);
    count += ids.length;
  }
  return count;
}

const failAfter = (state: State, sets: number): State => ({
  creds: state.creds,
  keys: {
    ...state.keys,
    set: async (data) => {
      if (sets-- === 0) throw new Error("killed");
      await state.keys.set(data);
    },
  },
});

for (const [name, createStore] of storesOr("SQLite")) {
  for (const [version, module] of versions) {
    describe(`an account of ${version}, on ${name}`, () => {
      it("moves to the store and back by its lists, resumes, and goes on with its peer", async () => {
        const folder = new TestFolder();
        const account = (jid: string, { creds, keys }: State): SignalAccount =>
          new SignalAccount(module, jid, { creds, keys });
        try {
          await withServers(createStore, 1, async (authstated) => {
            const before = await openFolder(module, join(folder.path, "before"));
            const bob = account(BOB, before);
            const alice = account(ALICE, await openFolder(module, join(folder.path, "alice")));
            const session = await bob.preKeyBundle(await bob.makePreKeys(90));
            await alice.repository.injectE2ESession({ jid: BOB, session });
            assert.equal(await bob.decrypt(ALICE, await alice.encrypt(BOB, "there")), "there");
            assert.equal(await alice.decrypt(BOB, await bob.encrypt(ALICE, "back")), "back");
            await bob.repository.encryptGroupMessage({ group: GROUP, meId: BOB, data: Buffer.from("all") });
            const keyData = { keyData: Buffer.alloc(32, 7), timestamp: 1_760_000_000 };
            const keyId = "AAAAA//+/w==";
            await before.keys.set({
              "app-state-sync-key": { [keyId]: module.proto.Message.AppStateSyncKeyData.fromObject(keyData) },
              "lid-mapping": { "5511999990009": "123456789012399", "123456789012399_reverse": "5511999990009" },
            });
            pairCreds(module, before.creds, BOB, "123456789012345:7@lid");

            const pool = new AuthStatePool({ address: authstated.address });
            const stored = await pool.useAuthState("moved");
            await assert.rejects(migrate(before, failAfter(stored.state, 3)), /killed/);
            const done = (await Promise.all(TYPES.map((type) => idsOf(stored.state, type)))).flat().length;
            assert.ok(done > 0, "nothing was copied before it was killed");
            const rest = await migrate(before, stored.state);
            assert.ok(rest > 0, "it was not killed in the middle");
            assert.equal(await assertSameKeys(before, stored.state), done + rest);
            assert.equal(await migrate(before, stored.state), 0);
            await stored.saveCreds();
            await stored.close();

            const found: AuthState = await pool.useAuthState("moved", { create: false });
            const syncKeys = await found.state.keys.get("app-state-sync-key", [keyId]);
            assert.deepEqual(Buffer.from(syncKeys[keyId]!.keyData!), keyData.keyData);
            const moved = account(BOB, found.state);
            assert.equal(await moved.decrypt(ALICE, await alice.encrypt(BOB, "moved")), "moved");
            assert.equal(await alice.decrypt(BOB, await moved.encrypt(ALICE, "still me")), "still me");

            const back = await openFolder(module, join(folder.path, "back"));
            await migrate(found.state, back);
            await back.saveCreds();
            await assertSameKeys(found.state, back);
            await pool.close();
            const again = account(BOB, await openFolder(module, join(folder.path, "back")));
            assert.equal(await again.decrypt(ALICE, await alice.encrypt(BOB, "home")), "home");
            assert.equal(await alice.decrypt(BOB, await again.encrypt(ALICE, "for good")), "for good");
          });
        } finally {
          folder.remove();
        }
      });
    });
  }
}
