// Folders of the real useMultiFileAuthState go through `authstatectl session import` and `export`, and through a pool's
// importFolder and exportFolder, and come out equal, and
// an account goes on from the folder that was exported.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as baileys from "baileys";
import * as baileys6 from "baileys-6";
import { AuthStatePool, type FolderProgress, isAuthStateError } from "../../client/node/dist/esm/index.js";
import { type Baileys, pairCreds, SignalAccount } from "../vectors/signal_account.ts";
import { TestFolder } from "./processes.ts";
import { withServers } from "./servers.ts";
import { onSqlite } from "./stores.ts";

const ALICE = "5511999990001@s.whatsapp.net";
const BOB = "5511999990002@s.whatsapp.net";
const GROUP = "120363040000000001@g.us";
const OLD_GROUP = "5511999990001-1600000000@g.us";

const versions: [string, Baileys][] = [
  ["Baileys 7", baileys],
  ["Baileys 6", baileys6 as unknown as Baileys],
];

interface Account {
  folder: string;
  account: SignalAccount;
  // Every key that is there, as `type id`.
  names: Set<string>;
  saveCreds: () => Promise<void>;
}

async function openAccount(module: Baileys, jid: string, folder: string): Promise<Account> {
  const { state, saveCreds } = await module.useMultiFileAuthState(folder);
  const names = new Set<string>();
  const keys: typeof state.keys = {
    get: (type, ids) => state.keys.get(type, ids),
    set: async (data) => {
      await state.keys.set(data);
      for (const [type, entries] of Object.entries(data)) {
        for (const [id, value] of Object.entries(entries)) {
          if (value) names.add(`${type} ${id}`);
          else names.delete(`${type} ${id}`);
        }
      }
    },
  };
  const account = new SignalAccount(module, jid, { creds: state.creds, keys });
  return { folder, account, names, saveCreds };
}

// Stores what Baileys stores beside the Signal messages, under ids of every kind that it makes.
async function keepOddThings({ account }: Account): Promise<void> {
  const { proto } = baileys;
  // Base64 of these bytes has `/`, `//` and `+`.
  const keyIds = [Buffer.from([0, 0, 0, 0x2b, 0xff, 0xff]), Buffer.from([0xff, 0xff, 0xff, 0xfb, 0xef, 0xbe])];
  for (const keyId of keyIds) {
    const keyData = proto.Message.AppStateSyncKeyData.fromObject({
      keyData: randomBytes(32),
      timestamp: 1_760_000_000,
    });
    await account.keys.set({ "app-state-sync-key": { [keyId.toString("base64")]: keyData } });
  }
  await account.keys.set({
    "app-state-sync-version": { critical_unblock_low: { version: 1, hash: Buffer.alloc(128, 1), indexValueMap: {} } },
    "sender-key-memory": { [GROUP]: { [BOB]: true }, [OLD_GROUP]: { [BOB]: true } },
    "lid-mapping": { "5511999990002": "123456789012345", "123456789012345_reverse": "5511999990002" },
    "device-list": { "5511999990002": ["0", "7"] },
    tctoken: {
      __index: { token: Buffer.from(JSON.stringify([BOB])) },
      [BOB]: { token: Buffer.alloc(0), senderTimestamp: 1_760_000_001 },
    },
  });
}

async function talk(alice: Account, bob: Account): Promise<void> {
  const session = await bob.account.preKeyBundle(await bob.account.makePreKeys(5));
  await alice.account.repository.injectE2ESession({ jid: BOB, session });
  assert.equal(await bob.account.decrypt(ALICE, await alice.account.encrypt(BOB, "there")), "there");
  assert.equal(await alice.account.decrypt(BOB, await bob.account.encrypt(ALICE, "and back")), "and back");
  for (const group of [GROUP, OLD_GROUP]) {
    const own = await alice.account.repository.encryptGroupMessage({ group, meId: ALICE, data: Buffer.from("all") });
    const item = { groupId: group, axolotlSenderKeyDistributionMessage: own.senderKeyDistributionMessage };
    await bob.account.repository.processSenderKeyDistributionMessage({ item, authorJid: ALICE });
  }
}

function readFolder(folder: string): Record<string, string> {
  const files = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), "utf8")]);
  return Object.fromEntries(files) as Record<string, string>;
}

// What a store writes that knows nothing of BufferJSON: bytes by their index.
function withoutTags(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutTags);
  const { type, data } = value as { type?: unknown; data?: unknown };
  if (type === "Buffer" && typeof data === "string") {
    const bytes = Buffer.from(data, "base64");
    // Where there are no bytes at all, nothing tells that they were bytes.
    return bytes.length > 0 ? { ...bytes } : value;
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutTags(member)]));
}

for (const [name, module] of versions) {
  describe(`A folder of ${name}`, () => {
    it("comes back from the store as it went in, and its account goes on", async () => {
      await withServers(onSqlite, 1, async (authstated) => {
        const folder = new TestFolder();
        const pool = new AuthStatePool({ address: authstated.address });
        try {
          const alice = await openAccount(module, ALICE, join(folder.path, "alice"));
          const bob = await openAccount(module, BOB, join(folder.path, "bob"));
          await talk(alice, bob);
          await keepOddThings(bob);
          pairCreds(module, bob.account.state.creds, BOB, "123456789012345:7@lid");
          await bob.saveCreds();

          await authstated.control("session", "import", "bob", bob.folder);
          const stored = JSON.parse(await authstated.control("--json", "keys", "list", "bob")) as {
            keys: { type: string; id: string }[];
          };
          assert.deepEqual(stored.keys.map(({ type, id }) => `${type} ${id}`).sort(), [...bob.names].sort());

          const exported = join(folder.path, "exported");
          await authstated.control("session", "export", "bob", exported);
          assert.deepEqual(readFolder(exported), readFolder(bob.folder));

          await pool.importFolder("bob-too", bob.folder);
          await authstated.control("session", "export", "bob-too", join(folder.path, "by-both"));
          assert.deepEqual(readFolder(join(folder.path, "by-both")), readFolder(bob.folder));
          await pool.exportFolder("bob", join(folder.path, "by-pool"));
          assert.deepEqual(readFolder(join(folder.path, "by-pool")), readFolder(bob.folder));

          const again = await openAccount(module, BOB, exported);
          assert.equal(await again.account.decrypt(ALICE, await alice.account.encrypt(BOB, "go on")), "go on");
          const words = await again.account.encrypt(ALICE, "I am still the one");
          assert.equal(await alice.account.decrypt(BOB, words), "I am still the one");
        } finally {
          await pool.close();
          folder.remove();
        }
      });
    });

    it("that a pool began to import is finished by authstatectl", async () => {
      await withServers(onSqlite, 1, async (authstated) => {
        const folder = new TestFolder();
        const pool = new AuthStatePool({ address: authstated.address });
        try {
          const { folder: bob, saveCreds } = await openAccount(module, BOB, join(folder.path, "bob"));
          await saveCreds();
          // More than one commit may hold.
          for (let id = 1; id <= 5; id++) {
            writeFileSync(join(bob, `session-${id}.0.json`), JSON.stringify("x".repeat(7 << 20)));
          }
          const stop = new AbortController();
          const onProgress = ({ step, done }: FolderProgress): void => {
            if (step === "writing" && done === 1) stop.abort();
          };
          await assert.rejects(
            pool.importFolder("bob", bob, { signal: stop.signal, onProgress }),
            /1 of 3 commits were applied, the session has no creds/,
          );
          const open = pool.useAuthState("bob");
          await assert.rejects(open, (error) => isAuthStateError(error) && error.reason === "ORPHANED_KEYS");
          await authstated.control("session", "import", "bob", bob);
          await pool.exportFolder("bob", join(folder.path, "exported"));
          assert.deepEqual(readFolder(join(folder.path, "exported")), readFolder(bob));
          assert.equal((await pool.importFolder("bob", bob)).commits, 0);
        } finally {
          await pool.close();
          folder.remove();
        }
      });
    });

    it("that another store has written becomes the same session through authstatectl and through a pool", async () => {
      await withServers(onSqlite, 1, async (authstated) => {
        const folder = new TestFolder();
        const pool = new AuthStatePool({ address: authstated.address });
        try {
          const alice = await openAccount(module, ALICE, join(folder.path, "alice"));
          const bob = await openAccount(module, BOB, join(folder.path, "bob"));
          await talk(alice, bob);
          await keepOddThings(bob);
          await bob.saveCreds();
          const written = readFolder(bob.folder);
          for (const [file, text] of Object.entries(written)) {
            const plain = JSON.stringify(withoutTags(JSON.parse(text) as unknown));
            writeFileSync(join(bob.folder, file), file === "creds.json" ? JSON.stringify(plain) : plain);
          }
          assert.notDeepEqual(readFolder(bob.folder), written);

          const told = await authstated.control("--json", "session", "import", "by-command", bob.folder);
          const { creds_unwrapped, mended } = JSON.parse(told) as { creds_unwrapped: boolean; mended: string[] };
          const imported = await pool.importFolder("by-pool", bob.folder);
          assert.deepEqual([imported.credsUnwrapped, imported.mended.sort()], [creds_unwrapped, mended.sort()]);
          assert.equal(creds_unwrapped, true);
          await pool.exportFolder("by-command", join(folder.path, "one"));
          await authstated.control("session", "export", "by-pool", join(folder.path, "other"));
          assert.deepEqual(readFolder(join(folder.path, "one")), written);
          assert.deepEqual(readFolder(join(folder.path, "other")), written);
        } finally {
          await pool.close();
          folder.remove();
        }
      });
    });
  });
}
