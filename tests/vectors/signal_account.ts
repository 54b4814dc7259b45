import { randomBytes } from "node:crypto";
import type { AuthenticationState, SignalKeyStore } from "baileys";

// One WhatsApp account as far as Signal goes: Baileys' own repository and transactions over a store of the caller's.
// `baileys` is the module under test, so that several versions of it can be driven by the same code.
export type Baileys = typeof import("baileys");
export type Logger = Parameters<Baileys["addTransactionCapability"]>[1];
export type Repository = ReturnType<Baileys["DEFAULT_CONNECTION_CONFIG"]["makeSignalRepository"]>;
export type PreKeyBundle = Parameters<Repository["injectE2ESession"]>[0]["session"];

export type TransactionOptions = Parameters<Baileys["addTransactionCapability"]>[2];

// What makeWASocket takes when it is told nothing else.
const DEFAULT_RETRIES: TransactionOptions = { maxCommitRetries: 10, delayBetweenTriesMs: 3_000 };

// WA_ADV_ACCOUNT_SIG_PREFIX, which Baileys 6 does not export.
const ACCOUNT_SIGNATURE_PREFIX = Buffer.from([6, 0]);

const nothing = (): void => undefined;

export const silentLogger: Logger = {
  level: "silent",
  child: () => silentLogger,
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};

export class SignalAccount {
  readonly keys;
  readonly repository: Repository;

  constructor(
    private readonly baileys: Baileys,
    readonly jid: string,
    readonly state: AuthenticationState,
    logger: Logger = silentLogger,
    retries: TransactionOptions = DEFAULT_RETRIES,
  ) {
    this.keys = baileys.addTransactionCapability(state.keys, logger, retries);
    this.repository = baileys.DEFAULT_CONNECTION_CONFIG.makeSignalRepository(
      { creds: state.creds, keys: this.keys },
      logger,
      async () => undefined,
    );
  }

  // Makes pre-keys as a first upload does, in one set, and counts them in the creds. Returns the id of the first.
  async makePreKeys(count: number): Promise<number> {
    const { creds } = this.state;
    const first = creds.nextPreKeyId;
    const preKeys: Record<string, { public: Uint8Array; private: Uint8Array }> = {};
    for (let id = first; id < first + count; id++) preKeys[id] = this.baileys.Curve.generateKeyPair();
    await this.keys.set({ "pre-key": preKeys });
    creds.nextPreKeyId = first + count;
    creds.firstUnuploadedPreKeyId = creds.nextPreKeyId;
    return first;
  }

  // What the WhatsApp server hands to someone who wants to write to this account.
  async preKeyBundle(preKeyId: number): Promise<PreKeyBundle> {
    const { creds } = this.state;
    const { [preKeyId]: preKey } = await this.keys.get("pre-key", [String(preKeyId)]);
    if (preKey === undefined) throw new Error(`pre-key ${preKeyId} is not in the store`);
    const { generateSignalPubKey } = this.baileys;
    return {
      registrationId: creds.registrationId,
      identityKey: generateSignalPubKey(creds.signedIdentityKey.public),
      signedPreKey: {
        keyId: creds.signedPreKey.keyId,
        publicKey: generateSignalPubKey(creds.signedPreKey.keyPair.public),
        signature: creds.signedPreKey.signature,
      },
      preKey: { keyId: preKeyId, publicKey: generateSignalPubKey(preKey.public) },
    };
  }

  async encrypt(to: string, text: string): Promise<{ type: "pkmsg" | "msg"; ciphertext: Uint8Array }> {
    return this.repository.encryptMessage({ jid: to, data: Buffer.from(text) });
  }

  async decrypt(from: string, message: { type: "pkmsg" | "msg"; ciphertext: Uint8Array }): Promise<string> {
    const bytes = await this.repository.decryptMessage({ jid: from, ...message });
    return Buffer.from(bytes).toString();
  }
}

// A store in memory that keeps what it is given as it is given.
export function memoryKeys(): { store: SignalKeyStore; values: Map<string, Map<string, unknown>> } {
  const values = new Map<string, Map<string, unknown>>();
  const store: SignalKeyStore = {
    get: async (type, ids) => {
      const found = Object.create(null) as Record<string, never>;
      for (const id of ids) {
        const value = values.get(type)?.get(id);
        if (value !== undefined) found[id] = value as never;
      }
      return found;
    },
    set: async (data) => {
      for (const [type, entries] of Object.entries(data)) {
        const ofType = values.get(type) ?? new Map<string, unknown>();
        values.set(type, ofType);
        for (const [id, value] of Object.entries(entries)) {
          if (value === null) ofType.delete(id);
          else ofType.set(id, value);
        }
      }
    },
  };
  return { store, values };
}

// Lets a new account scan a QR code: Baileys' own pairing code runs on a stanza as WhatsApp would send it.
export function pairCreds(baileys: Baileys, creds: AuthenticationState["creds"], jid: string, lid: string): void {
  const { Curve, hmacSign, proto } = baileys;
  const phone = Curve.generateKeyPair();
  const details = proto.ADVDeviceIdentity.encode({
    rawId: 305419896,
    timestamp: 1_760_000_000,
    keyIndex: 7,
    accountType: proto.ADVEncryptionType.E2EE,
    deviceType: proto.ADVEncryptionType.E2EE,
  }).finish();
  const signed = proto.ADVSignedDeviceIdentity.encode({
    details,
    accountSignatureKey: phone.public,
    accountSignature: Curve.sign(
      phone.private,
      Buffer.concat([ACCOUNT_SIGNATURE_PREFIX, details, creds.signedIdentityKey.public]),
    ),
  }).finish();
  const identity = proto.ADVSignedDeviceIdentityHMAC.encode({
    details: signed,
    hmac: hmacSign(signed, Buffer.from(creds.advSecretKey, "base64")),
  }).finish();

  const { creds: update } = baileys.configureSuccessfulPairing(
    {
      tag: "iq",
      attrs: { id: "1" },
      content: [
        {
          tag: "pair-success",
          attrs: {},
          content: [
            { tag: "device-identity", attrs: {}, content: identity },
            { tag: "device", attrs: { jid, lid } },
            { tag: "platform", attrs: { name: "android" } },
          ],
        },
      ],
    },
    creds,
  );
  Object.assign(creds, update, {
    registered: true,
    routingInfo: randomBytes(5),
    lastPropHash: "2O5a8n",
    myAppStateKeyId: "AAAAAK6J",
    lastAccountSyncTimestamp: 1_760_000_123,
    accountSyncCounter: 1,
  });
}
