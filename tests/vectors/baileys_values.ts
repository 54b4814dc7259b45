import { randomBytes } from "node:crypto";
import * as baileys from "baileys";
import { memoryKeys, pairCreds, SignalAccount } from "./signal_account.ts";

const ALICE = "5511999990001@s.whatsapp.net";
const BOB = "5511999990002@s.whatsapp.net";
const GROUP = "120363040000000001@g.us";

export interface NamedValue {
  name: string;
  value: unknown;
}

function newAccount(jid: string) {
  const { store, values } = memoryKeys();
  const account = new SignalAccount(baileys, jid, { creds: baileys.initAuthCreds(), keys: store });
  const stored = (type: string, id?: string): unknown => {
    const ofType = values.get(type);
    const value = id === undefined ? ofType?.values().next().value : ofType?.get(id);
    if (value === undefined) throw new Error(`Baileys stored no ${type} ${id ?? ""}`);
    return value;
  };
  return { account, stored };
}

async function conversation(named: NamedValue[]): Promise<void> {
  const alice = newAccount(ALICE);
  const bob = newAccount(BOB);
  const preKeyId = await bob.account.makePreKeys(1);
  named.push({ name: "pre-key", value: bob.stored("pre-key", String(preKeyId)) });

  const session = await bob.account.preKeyBundle(preKeyId);
  await alice.account.repository.injectE2ESession({ jid: BOB, session });
  named.push({ name: "session/outgoing-fresh", value: alice.stored("session") });

  const turn = async (): Promise<void> => {
    await bob.account.decrypt(ALICE, await alice.account.encrypt(BOB, "there"));
    await alice.account.decrypt(BOB, await bob.account.encrypt(ALICE, "and back"));
  };
  await turn();
  named.push({ name: "session/after-1-turn", value: bob.stored("session") });
  named.push({ name: "identity-key", value: bob.stored("identity-key") });
  for (let turns = 1; turns < 100; turns++) await turn();
  named.push({ name: "session/after-100-turns", value: bob.stored("session") });
}

async function group(named: NamedValue[]): Promise<void> {
  const alice = newAccount(ALICE);
  const bob = newAccount(BOB);
  const say = (text: string) =>
    alice.account.repository.encryptGroupMessage({ group: GROUP, meId: ALICE, data: Buffer.from(text) });

  const { senderKeyDistributionMessage } = await say("hello");
  named.push({ name: "sender-key/own", value: alice.stored("sender-key") });
  const item = { groupId: GROUP, axolotlSenderKeyDistributionMessage: senderKeyDistributionMessage };
  await bob.account.repository.processSenderKeyDistributionMessage({ item, authorJid: ALICE });
  let last = await say("one");
  for (let missed = 0; missed < 20; missed++) last = await say("missed");
  await bob.account.repository.decryptGroupMessage({ group: GROUP, authorJid: ALICE, msg: last.ciphertext });
  named.push({ name: "sender-key/after-20-missed", value: bob.stored("sender-key") });
  named.push({ name: "sender-key-memory", value: { [ALICE]: true, "5511999990002:7@s.whatsapp.net": true } });
}

async function appState(named: NamedValue[]): Promise<void> {
  // As APP_STATE_SYNC_KEY_SHARE hands it over: decoded from the wire, int64 timestamp included.
  const { proto } = baileys;
  const wire = proto.Message.AppStateSyncKeyData.encode({
    keyData: randomBytes(32),
    fingerprint: { rawId: 2_882_400_001, currentIndex: 3, deviceIndexes: [0, 1, 5] },
    timestamp: 1_760_000_000_000,
  }).finish();
  const key = proto.Message.AppStateSyncKeyData.decode(wire);
  named.push({ name: "app-state-sync-key", value: key });

  let state = baileys.newLTHashState();
  named.push({ name: "app-state-sync-version/empty", value: state });
  for (const index of [1, 2, 3]) {
    ({ state } = await baileys.encodeSyncdPatch(
      {
        type: "regular_low",
        index: ["mute", `551199999000${index}@s.whatsapp.net`],
        syncAction: { muteAction: { muted: true } },
        apiVersion: 2,
        operation: proto.SyncdMutation.SyncdOperation.SET,
      },
      "AAAAAK6J",
      state,
      async () => key,
    ));
  }
  named.push({ name: "app-state-sync-version/3-entries", value: state });
}

async function lidMappings(named: NamedValue[]): Promise<void> {
  const { account, stored } = newAccount(ALICE);
  await account.repository.lidMapping.storeLIDPNMappings([{ lid: "123456789012345@lid", pn: BOB }]);
  named.push({ name: "lid-mapping", value: stored("lid-mapping", "5511999990002") });
  named.push({ name: "lid-mapping/reverse", value: stored("lid-mapping", "123456789012345_reverse") });
}

function creds(named: NamedValue[]): void {
  const paired = baileys.initAuthCreds();
  named.push({ name: "creds/fresh", value: structuredClone(paired) });
  pairCreds(baileys, paired, "5511999990001:7@s.whatsapp.net", "123456789012345:7@lid");
  named.push({ name: "creds/paired", value: paired });
  // After a restart the members of `account` are base64 strings, and stay so.
  const text = JSON.stringify(paired, baileys.BufferJSON.replacer);
  named.push({ name: "creds/paired-and-read-back", value: JSON.parse(text, baileys.BufferJSON.reviver) });
}

function bufferForms(named: NamedValue[]): void {
  named.push(
    { name: "device-list", value: ["0", "7", "12"] },
    { name: "tctoken", value: { token: randomBytes(16), timestamp: "1760000000", senderTimestamp: 1_760_000_001 } },
    { name: "tctoken/zero-length", value: { token: Buffer.alloc(0) } },
    { name: "buffer/empty", value: Buffer.alloc(0) },
    { name: "buffer/uint8array", value: Uint8Array.of(0, 127, 128, 255) },
    { name: "buffer/view-into-a-larger-one", value: Buffer.from("0123456789").subarray(3, 6) },
    { name: "buffer/every-byte", value: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) },
    { name: "buffer/nested", value: { deep: [{ er: { key: Buffer.from([1, 2]) } }, Buffer.alloc(0), null] } },
  );
}

// Every key type that Baileys 7 stores, and the creds, as Baileys itself makes them.
export async function baileysValues(): Promise<NamedValue[]> {
  const named: NamedValue[] = [];
  creds(named);
  await conversation(named);
  await group(named);
  await appState(named);
  await lidMappings(named);
  bufferForms(named);
  return named;
}
