// The program of an AccountProcess.
import * as baileys from "baileys";
import { useAuthState } from "../../client/node/dist/esm/index.js";
import { pairCreds, SignalAccount, silentLogger } from "../vectors/signal_account.ts";
import { type AccountApi, type AccountOptions, ASKED, READY } from "./account_api.ts";
import { answer, type Reply, type Request } from "./calls.ts";
import { watchRecords } from "./unwritable_records.ts";

const given = JSON.parse(process.argv[2] ?? "") as AccountOptions;
const { address, sessionId, jid, lid, steal = false, access = {}, triesAgain = true } = given;
// The test may wait for a process that stands by.
process.send!({ id: ASKED } satisfies Reply);
// A short lease: the process that follows a killed one waits for its end.
const options = { address, ...access, steal, leaseTtlMs: 1_000, leaseWaitMs: Infinity };
const auth = await useAuthState(sessionId, options);
const lost = new Promise<string | undefined>((resolve) => auth.events.once("lost", ({ owner }) => resolve(owner)));
const retries = triesAgain ? undefined : { maxCommitRetries: 1, delayBetweenTriesMs: 1 };
const { creds } = auth.state;
const watched = watchRecords(auth.state.keys);
const account = new SignalAccount(baileys, jid, { creds, keys: watched.keys }, silentLogger, retries);
const { keys, repository } = account;

const write = (value: unknown): string => JSON.stringify(value, baileys.BufferJSON.replacer);
const { AppStateSyncKeyData } = baileys.proto.Message;

const api: AccountApi = {
  async creds() {
    const fresh = await useAuthState(sessionId, { address, ...access, lease: false });
    await fresh.close();
    return { own: write(creds), stored: write(fresh.state.creds) };
  },
  async pair() {
    pairCreds(baileys, creds, jid, lid);
    await auth.saveCreds();
  },
  async touchCreds() {
    creds.accountSyncCounter++;
    await auth.saveCreds();
  },
  async makePreKeys(count) {
    const [first] = await Promise.all([account.makePreKeys(count), auth.saveCreds()]);
    await auth.saveCreds();
    return first;
  },
  async publicPreKeys(ids) {
    const found = await keys.get("pre-key", ids);
    return Object.fromEntries(
      Object.entries(found).map(([id, pair]) => [id, Buffer.from(pair.public).toString("hex")]),
    );
  },
  preKeyBundle: (id) => account.preKeyBundle(id),
  openSession: (to, session) => repository.injectE2ESession({ jid: to, session }),
  encrypt: (to, text) => account.encrypt(to, text),
  decrypt: (from, message) => account.decrypt(from, message),

  async encryptForGroup(group, text) {
    const { ciphertext, senderKeyDistributionMessage } = await repository.encryptGroupMessage({
      group,
      meId: jid,
      data: Buffer.from(text),
    });
    return { ciphertext, distribution: senderKeyDistributionMessage };
  },
  joinGroup: (groupId, authorJid, distribution) =>
    repository.processSenderKeyDistributionMessage({
      item: { groupId, axolotlSenderKeyDistributionMessage: Buffer.from(distribution) },
      authorJid,
    }),
  async decryptFromGroup(group, authorJid, ciphertext) {
    const bytes = await repository.decryptGroupMessage({ group, authorJid, msg: Buffer.from(ciphertext) });
    return Buffer.from(bytes).toString();
  },
  rememberSenderKey: async (group, jids) =>
    keys.set({ "sender-key-memory": { [group]: Object.fromEntries(jids.map((name) => [name, true])) } }),
  rememberedSenderKey: async (group) => (await keys.get("sender-key-memory", [group]))[group],

  async storeAppStateKey(id, keyData) {
    // APP_STATE_SYNC_KEY_SHARE hands over an instance that was decoded from the wire.
    const wire = AppStateSyncKeyData.encode({
      keyData,
      fingerprint: { rawId: 1, currentIndex: 0 },
      timestamp: 1,
    }).finish();
    await keys.set({ "app-state-sync-key": { [id]: AppStateSyncKeyData.decode(wire) } });
  },
  async applyAppStatePatch(name, { bytes, version }) {
    const stored = (await keys.get("app-state-sync-version", [name]))[name] ?? baileys.newLTHashState();
    const indexes: string[] = [];
    const getKey = async (id: string) => (await keys.get("app-state-sync-key", [id]))[id];
    const patch = baileys.proto.SyncdPatch.decode(bytes);
    patch.version = { version };
    const next = await baileys.decodeSyncdPatch(
      patch,
      name,
      stored,
      async (id) => (await getKey(id))!,
      ({ index }) => indexes.push(index.join("/")),
      true,
    );
    await keys.set({ "app-state-sync-version": { [name]: { ...next, version } } });
    return indexes;
  },
  appStateVersion: async (name) => (await keys.get("app-state-sync-version", [name]))[name]?.version,

  async learnLid(pn, lidJid) {
    const user = baileys.jidDecode(pn)!.user;
    await keys.set({ "device-list": { [user]: ["0"] } });
    await repository.lidMapping.storeLIDPNMappings([{ pn, lid: lidJid }]);
    return (await repository.migrateSession(pn, lidJid)).migrated;
  },
  lidOf: (pn) => repository.lidMapping.getLIDForPN(pn),
  pnOf: (lidJid) => repository.lidMapping.getPNForLID(lidJid),

  sharedReads: async () => watched.sharedReads,
  lost: () => lost,
  async close() {
    await auth.close();
  },
};

process.on("message", async (request: Request<AccountApi>) => process.send!(await answer(api, request)));
process.send!({ id: READY } satisfies Reply);
