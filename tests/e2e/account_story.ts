// What two accounts of real Baileys do with each other on a real authstated, while its process and their own are killed.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { encodeSyncdPatch, newLTHashState, proto } from "baileys";
import { AccountProcess, type BaileysPackage, type Message } from "./account_api.ts";
import { type Authstated, withServers } from "./servers.ts";
import type { CreateStore } from "./stores.ts";

export const ALICE = { sessionId: "alice", jid: "5511999990001@s.whatsapp.net", lid: "100000000000001@lid" };
export const BOB = { sessionId: "bob", jid: "5511999990002@s.whatsapp.net", lid: "100000000000002@lid" };
const GROUP = "120363040000000001@g.us";
const APP_STATE_KEY_ID = "AAAAAK6J";

export interface Length {
  // How many pre-keys the first upload has.
  preKeys: number;
  // How many messages go each way, and how many of them meet a crash of the server.
  rounds: number;
  crashes: number;
}

export const WHOLE: Length = { preKeys: 812, rounds: 200, crashes: 10 };

export interface World {
  authstated: Authstated;
  alice: AccountProcess;
  bob: AccountProcess;
}

async function withWorld(
  createStore: CreateStore,
  baileys: BaileysPackage,
  run: (world: World) => Promise<void>,
): Promise<void> {
  await withServers(createStore, 1, async (authstated) => {
    const { address } = authstated;
    const alice = new AccountProcess({ baileys, address, ...ALICE });
    const bob = new AccountProcess({ baileys, address, ...BOB });
    try {
      await Promise.all([alice.start(), bob.start()]);
      await run({ authstated, alice, bob });
      assert.equal(await authstated.stop(), 0);
    } finally {
      await Promise.all([alice.crash(), bob.crash()]);
    }
  });
}

// Kills the server under whatever `work` is doing, and starts it again.
export async function crashUnder<T>({ authstated }: World, work: Promise<T>): Promise<T> {
  const [result] = await Promise.all([work, authstated.crash().then(() => authstated.start())]);
  return result;
}

export async function restart(...accounts: AccountProcess[]): Promise<void> {
  await Promise.all(accounts.map((account) => account.crash()));
  await Promise.all(accounts.map((account) => account.start()));
}

async function assertCredsStored(...accounts: AccountProcess[]): Promise<void> {
  for (const account of accounts) {
    const { own, stored } = await account.call("creds");
    assert.deepEqual(JSON.parse(stored), JSON.parse(own));
  }
}

export async function meet({ alice, bob }: World, preKeys: number): Promise<void> {
  await Promise.all([alice.call("pair"), bob.call("pair")]);
  const first = await bob.call("makePreKeys", preKeys);
  const ids = Array.from({ length: preKeys }, (_, offset) => String(first + offset));
  const before = await bob.call("publicPreKeys", ids);
  assert.equal(Object.keys(before).length, preKeys);

  await assertCredsStored(alice, bob);
  await restart(bob);
  assert.deepEqual(await bob.call("publicPreKeys", ids), before);

  await alice.call("openSession", bob.jid, await bob.call("preKeyBundle", first));
  const greeting = await alice.call("encrypt", bob.jid, "first");
  assert.equal(greeting.type, "pkmsg");
  assert.equal(await bob.call("decrypt", alice.jid, greeting), "first");
  assert.deepEqual(await bob.call("publicPreKeys", [String(first)]), {}, "a used pre-key is still there");
}

export async function deliver(from: AccountProcess, to: AccountProcess, text: string, via = to.jid): Promise<void> {
  const message: Message = await from.call("encrypt", via, text);
  assert.equal(await to.call("decrypt", from.jid, message), text);
}

// A message each way, and a change of both accounts' creds.
export async function exchange({ alice, bob }: World, name: string): Promise<void> {
  await deliver(alice, bob, `there ${name}`);
  await deliver(bob, alice, `back ${name}`);
  await Promise.all([alice.call("touchCreds"), bob.call("touchCreds")]);
}

async function talk(world: World, rounds: number, crashes: number): Promise<void> {
  const { alice, bob } = world;
  const crashEvery = Math.floor(rounds / crashes);
  let crashed = 0;
  for (let round = 1; round <= rounds; round++) {
    const exchanged = exchange(world, String(round));
    if (round % crashEvery === 0) {
      await crashUnder(world, exchanged);
      crashed++;
    } else {
      await exchanged;
    }
    if (round === Math.floor(rounds / 3)) await restart(alice);
    if (round === Math.floor((rounds * 2) / 3)) await restart(alice, bob);
  }
  assert.equal(crashed, crashes);
  for (const account of [alice, bob]) assert.ok((await account.call("sharedReads")) > 0, "every record was a copy");
  await assertCredsStored(alice, bob);
}

export async function talkInGroup(world: World): Promise<void> {
  const { alice, bob } = world;
  const { distribution } = await alice.call("encryptForGroup", GROUP, "hello");
  await bob.call("joinGroup", GROUP, alice.jid, distribution);
  await alice.call("rememberSenderKey", GROUP, [bob.jid]);

  const say = async (text: string): Promise<void> => {
    const { ciphertext } = await alice.call("encryptForGroup", GROUP, text);
    assert.equal(await bob.call("decryptFromGroup", GROUP, alice.jid, ciphertext), text);
  };
  for (let message = 1; message <= 10; message++) await say(`group ${message}`);
  await restart(alice, bob);
  await crashUnder(world, say("under the crash"));
  await say("after the crash");
  assert.deepEqual(await alice.call("rememberedSenderKey", GROUP), { [bob.jid]: true });
}

// The test plays the phone, which shares the key and then changes chat settings with it.
async function syncAppState({ alice }: World): Promise<void> {
  const keyData = randomBytes(32);
  await alice.call("storeAppStateKey", APP_STATE_KEY_ID, keyData);
  await restart(alice);

  let state = newLTHashState();
  for (const jid of [ALICE.jid, BOB.jid]) {
    const made = await encodeSyncdPatch(
      {
        type: "regular_low",
        index: ["mute", jid],
        syncAction: { muteAction: { muted: true } },
        apiVersion: 2,
        operation: proto.SyncdMutation.SyncdOperation.SET,
      },
      APP_STATE_KEY_ID,
      state,
      async () => proto.Message.AppStateSyncKeyData.create({ keyData }),
    );
    state = made.state;
    const patch = { bytes: proto.SyncdPatch.encode(made.patch).finish(), version: state.version };
    assert.deepEqual(await alice.call("applyAppStatePatch", "regular_low", patch), [`mute/${jid}`]);
    await restart(alice);
    assert.equal(await alice.call("appStateVersion", "regular_low"), state.version);
  }
}

async function moveToLid(world: World): Promise<void> {
  const { alice, bob } = world;
  assert.equal(await alice.call("learnLid", bob.jid, BOB.lid), 1);
  await restart(alice);
  assert.equal(await alice.call("lidOf", bob.jid), BOB.lid);
  assert.match((await alice.call("pnOf", BOB.lid)) ?? "", /^5511999990002(:0)?@s\.whatsapp\.net$/);
  // The session is the one of before, under its new name.
  await deliver(alice, bob, "to your phone number");
  await deliver(alice, bob, "to your lid", BOB.lid);
}

// Fails when anything that was stored is lost.
export async function tellStory(
  createStore: CreateStore,
  baileys: BaileysPackage,
  { preKeys, rounds, crashes }: Length,
): Promise<void> {
  await withWorld(createStore, baileys, async (world) => {
    await meet(world, preKeys);
    await talk(world, rounds, crashes);
    await talkInGroup(world);
    await syncAppState(world);
    // Baileys 6 knows no LIDs.
    if (baileys === "baileys") await moveToLid(world);
    await assertCredsStored(world.alice, world.bob);
  });
}
