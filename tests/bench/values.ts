// Values in the shapes and sizes that Baileys writes, of random keys: what compresses in them compresses as in real ones.
import { randomBytes } from "node:crypto";

// A turn of the ratchet leaves a closed chain of about this size, which is never pruned.
export const CHAIN_BYTES = 105;
const FRESH_SESSION_BYTES = 950;
const PUBLIC_KEY_BYTES = 33;
const SECRET_KEY_BYTES = 32;
// The first byte of every public key.
const DJB_TYPE = 5;
// Bytes are taken from it in steps that come back to an offset only after a million keys.
const POOL = randomBytes(1024 * 1024 + 7);
const STEP = 37;
let offset = 0;

// They are not asked of the system each time: that, for the 1,624 keys of a pre-key upload, takes as long as some stores do.
function takeRandom(into: Buffer, from: number): Buffer {
  offset = (offset + STEP) % (POOL.length - into.length);
  POOL.copy(into, from, offset);
  return into;
}

const randomKey = (key: Buffer, from: number): string => takeRandom(key, from).toString("base64");
const randomBuffer = (bytes: number): Buffer => takeRandom(Buffer.allocUnsafe(bytes), 0);

const PUBLIC_KEY = Buffer.alloc(PUBLIC_KEY_BYTES, DJB_TYPE);
const SECRET_KEY = Buffer.alloc(SECRET_KEY_BYTES);
const publicKey = (): string => randomKey(PUBLIC_KEY, 1);
const secretKey = (): string => randomKey(SECRET_KEY, 0);

interface Chain {
  chainKey: { counter: number; key?: string };
  chainType: number;
  messageKeys: Record<string, string>;
}

interface RatchetState {
  registrationId: number;
  currentRatchet: {
    ephemeralKeyPair: { pubKey: string; privKey: string };
    lastRemoteEphemeralKey: string;
    previousCounter: number;
    rootKey: string;
  };
  indexInfo: Record<string, string | number>;
  _chains: Record<string, Chain>;
}

export interface SessionRecord {
  _sessions: Record<string, RatchetState>;
  version: string;
}

const closedChain = (): Chain => ({ chainKey: { counter: 0 }, chainType: 2, messageKeys: {} });

// A libsignal session record of about `bytes` bytes of JSON.
export function sessionRecord(bytes: number): SessionRecord {
  const baseKey = publicKey();
  const chains: Record<string, Chain> = {};
  for (let size = FRESH_SESSION_BYTES; size < bytes; size += CHAIN_BYTES) chains[publicKey()] = closedChain();
  chains[publicKey()] = { chainKey: { counter: 1, key: secretKey() }, chainType: 1, messageKeys: {} };
  const now = Date.now();
  return {
    _sessions: {
      [baseKey]: {
        registrationId: 4_711,
        currentRatchet: {
          ephemeralKeyPair: { pubKey: publicKey(), privKey: secretKey() },
          lastRemoteEphemeralKey: publicKey(),
          previousCounter: 0,
          rootKey: secretKey(),
        },
        indexInfo: { baseKey, baseKeyType: 1, closed: -1, used: now, created: now, remoteIdentityKey: publicKey() },
        _chains: chains,
      },
    },
    version: "v1",
  };
}

function stateOf(record: SessionRecord): RatchetState {
  const [state] = Object.values(record._sessions);
  if (state === undefined) throw new Error("the store has lost a session record");
  return state;
}

// What a message does to the record of its sender: a turn of the ratchet, which closes the newest chain and adds one.
export function turnRatchet(record: SessionRecord): void {
  const { _chains: chains, currentRatchet: ratchet } = stateOf(record);
  delete Object.values(chains).at(-1)?.chainKey.key;
  chains[publicKey()] = { chainKey: { counter: 1, key: secretKey() }, chainType: 2, messageKeys: {} };
  ratchet.rootKey = secretKey();
  ratchet.lastRemoteEphemeralKey = publicKey();
  ratchet.ephemeralKeyPair = { pubKey: publicKey(), privKey: secretKey() };
}

// The same for a record that is to keep its size while it is measured: its newest chain is dropped. To drop the oldest would
// be unlike real records, which change at their end only: to engines that know objects by the order in which they got their
// members, one without its first member is all new.
export function turnRatchetInPlace(record: SessionRecord): void {
  const { _chains: chains } = stateOf(record);
  const newest = Object.keys(chains).at(-1);
  if (newest !== undefined) delete chains[newest];
  turnRatchet(record);
}

// What a message to a device does to its record, while the ratchet stays where it is: the chain of the sender goes on.
export function advanceChain(record: SessionRecord): void {
  const chain = Object.values(stateOf(record)._chains).at(-1);
  if (chain === undefined) throw new Error("the store has lost the chains of a session record");
  chain.chainKey = { counter: chain.chainKey.counter + 1, key: secretKey() };
}

// A session record that is written again and again. libsignal writes another object each time and changes none that it was
// given, nor that it has handed over; to make one takes it longer than some stores need, so two take turns here.
export class RewrittenRecord {
  #next: SessionRecord;
  #last: SessionRecord;

  constructor(
    stored: unknown,
    private readonly change: (record: SessionRecord) => void,
  ) {
    const text = JSON.stringify(stored);
    this.#next = JSON.parse(text) as SessionRecord;
    this.#last = JSON.parse(text) as SessionRecord;
  }

  // What to write next.
  rewrite(): SessionRecord {
    [this.#next, this.#last] = [this.#last, this.#next];
    this.change(this.#last);
    return this.#last;
  }
}

export function preKey(): { public: Buffer; private: Buffer } {
  return { public: randomBuffer(SECRET_KEY_BYTES), private: randomBuffer(SECRET_KEY_BYTES) };
}

// UTF-8 JSON whose inner Buffers are in array form.
export function senderKey(iteration: number): Buffer {
  const state = {
    senderKeyId: 815,
    senderChainKey: { iteration, seed: randomBuffer(SECRET_KEY_BYTES) },
    senderSigningKey: { public: randomBuffer(PUBLIC_KEY_BYTES), private: randomBuffer(SECRET_KEY_BYTES) },
    senderMessageKeys: [],
  };
  return Buffer.from(JSON.stringify([state]));
}

export function senderKeyMemory(devices: number): Record<string, boolean> {
  return Object.fromEntries(Array.from({ length: devices }, (_, device) => [`55119999${device}@s.whatsapp.net`, true]));
}
