// A session of real Baileys in the layout of each other store becomes one of authstate, and reads what was written to it.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import * as baileys from "baileys";
import * as baileys6 from "baileys-6";
import { AuthStatePool } from "../../client/node/dist/esm/index.js";
import { type Baileys, memoryKeys, pairCreds, SignalAccount } from "../vectors/signal_account.ts";
import { TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { LAYOUTS, type Session } from "./store_layouts.ts";
import { SqliteStore } from "./stores.ts";

const ALICE = "5511999990001@s.whatsapp.net";
const BOB = "5511999990002@s.whatsapp.net";
const CAROL = "5511999990003@s.whatsapp.net";
const GROUP = "120363040000000001@g.us";
// In base64 it has all that base64 can have: `+/v/+w==`.
const APP_STATE_KEY = { id: Buffer.from([0xfb, 0xfb, 0xff, 0xfb]).toString("base64"), data: Buffer.alloc(32, 7) };

interface World {
  alice: SignalAccount;
  // Bob's session as it was when somebody began to move it, and what was written to him since.
  session: Session;
  inSession: Awaited<ReturnType<SignalAccount["encrypt"]>>;
  withPreKey: Awaited<ReturnType<SignalAccount["encrypt"]>>;
  inGroup: Uint8Array;
}

const newAccount = (module: Baileys, jid: string) => {
  const { store, values } = memoryKeys();
  return { values, account: new SignalAccount(module, jid, { creds: module.initAuthCreds(), keys: store }) };
};

async function makeWorld(module: Baileys): Promise<World> {
  const alice = newAccount(module, ALICE).account;
  const carol = newAccount(module, CAROL).account;
  const { account: bob, values } = newAccount(module, BOB);
  const first = await bob.makePreKeys(5);
  pairCreds(module, bob.state.creds, BOB.replace("@", ":7@"), "123456789012345:7@lid");
  await alice.repository.injectE2ESession({ jid: BOB, session: await bob.preKeyBundle(first) });
  assert.equal(await bob.decrypt(ALICE, await alice.encrypt(BOB, "there")), "there");
  assert.equal(await alice.decrypt(BOB, await bob.encrypt(ALICE, "and back")), "and back");

  const toGroup = (text: string) =>
    alice.repository.encryptGroupMessage({ group: GROUP, meId: ALICE, data: Buffer.from(text) });
  const { senderKeyDistributionMessage } = await toGroup("before bob came");
  const item = { groupId: GROUP, axolotlSenderKeyDistributionMessage: senderKeyDistributionMessage };
  await bob.repository.processSenderKeyDistributionMessage({ item, authorJid: ALICE });

  const { data: keyData, id } = APP_STATE_KEY;
  const key = module.proto.Message.AppStateSyncKeyData.fromObject({ keyData, timestamp: 1_760_000_000 });
  bob.state.creds.myAppStateKeyId = id;
  await bob.keys.set({
    "app-state-sync-key": { [id]: key },
    "app-state-sync-version": { critical_unblock_low: { version: 1, hash: Buffer.alloc(128, 1), indexValueMap: {} } },
    "sender-key-memory": { [GROUP]: { [ALICE]: true } },
  });
  if (module === baileys) {
    await bob.keys.set({
      "lid-mapping": { "5511999990009": "123456789012349", "123456789012349_reverse": "5511999990009" },
      "device-list": { "5511999990001": ["0", "7"] },
      tctoken: { __index: { token: Buffer.from(JSON.stringify([ALICE])) }, [ALICE]: { token: Buffer.alloc(9, 1) } },
    });
  }
  await carol.repository.injectE2ESession({ jid: BOB, session: await bob.preKeyBundle(first + 1) });
  const session: Session = { creds: bob.state.creds, keys: [] };
  for (const [type, ofType] of values) for (const [keyId, value] of ofType) session.keys.push([type, keyId, value]);
  return {
    ...{ alice, session },
    inSession: await alice.encrypt(BOB, "in the session"),
    withPreKey: await carol.encrypt(BOB, "with a pre-key"),
    inGroup: (await toGroup("in the group")).ciphertext,
  };
}

for (const [version, module] of [
  ["Baileys 7", baileys],
  ["Baileys 6", baileys6 as unknown as Baileys],
] as const) {
  describe(`A session of ${version}`, () => {
    const folder = new TestFolder();
    const authstated = new Authstated(new SqliteStore(folder).options);
    let pool: AuthStatePool;
    before(async () => {
      await authstated.start();
      pool = new AuthStatePool({ address: authstated.address });
    });
    after(async () => {
      await pool?.close();
      await authstated.stop();
      folder.remove();
    });

    for (const [index, { name, variant, write, leftOut, dropsSessions, lacks = [] }] of LAYOUTS.entries()) {
      it(`in the layout of ${variant === undefined ? name : `${name}, ${variant}`}, goes on`, async () => {
        const world = await makeWorld(module);
        const { session } = world;
        // What the store has no place for at all is not there to be named.
        const kept =
          name === "single-file"
            ? session
            : { ...session, keys: session.keys.filter(([type]) => !lacks.includes(type)) };
        const directory = join(folder.path, String(index));
        mkdirSync(directory);
        const sessionId = `bob-${index}`;
        const source = write(directory, "bob", kept);
        const told = JSON.parse(
          await authstated.control("--json", "session", "import", sessionId, ...source, "--from", name),
        ) as { keys: number; left_out: { file: string }[] };
        // What it is, is also found out.
        const guessed = await authstated.control("--json", "session", "import", "guess", ...source, "--dry-run");
        assert.deepEqual((JSON.parse(guessed) as typeof told).keys, told.keys);
        assert.deepEqual(told.left_out.map(({ file }) => file).sort(), (leftOut?.(kept) ?? []).sort());

        const { state, close } = await pool.useAuthState(sessionId, { create: false });
        const bob = new SignalAccount(module, BOB, state);
        assert.equal(await bob.decrypt(CAROL, world.withPreKey), "with a pre-key");
        if (!dropsSessions) {
          assert.equal(await bob.decrypt(ALICE, world.inSession), "in the session");
          const group = { group: GROUP, authorJid: ALICE, msg: world.inGroup };
          assert.equal(Buffer.from(await bob.repository.decryptGroupMessage(group)).toString(), "in the group");
          assert.equal(await world.alice.decrypt(BOB, await bob.encrypt(ALICE, "here I am")), "here I am");
        }
        const { [APP_STATE_KEY.id]: key } = await state.keys.get("app-state-sync-key", [APP_STATE_KEY.id]);
        assert.deepEqual(Buffer.from(key?.keyData ?? []), APP_STATE_KEY.data);
        for (const [type, id, value] of kept.keys.filter(
          ([ofKey]) => ofKey === "lid-mapping" && !lacks.includes(ofKey),
        )) {
          assert.deepEqual(await state.keys.get(type as "lid-mapping", [id]), { [id]: value });
        }
        await close();
        const { code, stdout } = await authstated.tryControl("session", "check", sessionId);
        assert.equal(code, 0, stdout);
      });
    }
  });
}
