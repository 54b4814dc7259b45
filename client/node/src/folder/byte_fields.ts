// Buffers that another store has written as something else. JSON.stringify without BufferJSON.replacer makes
// {"0":216,"1":23,…} of a Uint8Array and [216,23,…] of an array; some stores write {"buffer":true,"data":…}, and exports of
// MongoDB {"$binary":…}. Baileys' reviver takes some of these for bytes and others not, by their look; here it is the field
// that decides.
import { bytesOfTag } from "../codec/buffer_tag.js";

// Where a value holds bytes. `*`: every member or element.
type Shape = "bytes" | { readonly [member: string]: Shape };

const KEY_PAIR: Shape = { private: "bytes", public: "bytes" };

// From src/Types/Auth.ts of baileys 6.7 and 7.0: SignalDataTypeMap and AuthenticationCreds. What proto messages hold
// (`account`, `keyData`) is base64 there, for their toJSON writes it so; they take a Buffer as well.
const CREDS: Shape = {
  noiseKey: KEY_PAIR,
  pairingEphemeralKeyPair: KEY_PAIR,
  signedIdentityKey: KEY_PAIR,
  signedPreKey: { keyPair: KEY_PAIR, signature: "bytes" },
  signalIdentities: { "*": { identifierKey: "bytes" } },
  account: { details: "bytes", accountSignatureKey: "bytes", accountSignature: "bytes", deviceSignature: "bytes" },
  routingInfo: "bytes",
};
const KEYS: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ["pre-key", KEY_PAIR],
  ["sender-key", "bytes"],
  ["identity-key", "bytes"],
  ["app-state-sync-key", { keyData: "bytes" }],
  ["app-state-sync-version", { hash: "bytes", indexValueMap: { "*": { valueMac: "bytes" } } }],
  ["tctoken", { token: "bytes" }],
]);

function bytesByPlace(value: object): Buffer | undefined {
  const names = Object.keys(value);
  if (names.length === 0 || names.some((name, place) => name !== String(place))) return undefined;
  const bytes: unknown[] = Object.values(value);
  const areBytes = bytes.every((byte) => Number.isInteger(byte) && (byte as number) >= 0 && (byte as number) <= 255);
  return areBytes ? Buffer.from(bytes as number[]) : undefined;
}

function base64Bytes(data: unknown): Buffer | undefined {
  try {
    return bytesOfTag(data);
  } catch {
    return undefined;
  }
}

// The bytes that `value` stands for; undefined of anything else.
function bytesOf(value: object): Buffer | undefined {
  const { type, buffer, data, $binary } = value as Record<string, unknown>;
  if (typeof $binary === "string") return base64Bytes($binary);
  if (typeof $binary === "object" && $binary !== null) return base64Bytes(($binary as { base64?: unknown }).base64);
  if (data === undefined) return bytesByPlace(value);
  if (type !== "Buffer" && buffer !== true) return undefined;
  if (Array.isArray(data)) return bytesByPlace(data);
  return base64Bytes(data);
}

// `value`, with what stands for bytes at the places of `shape` as Buffers. Tells `onMended` of each; the value is changed.
function mend(value: unknown, shape: Shape, onMended: () => void): unknown {
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return value;
  if (shape === "bytes") {
    const bytes = bytesOf(value);
    if (bytes !== undefined) onMended();
    return bytes ?? value;
  }
  const members = value as Record<string, unknown>;
  for (const name of Object.keys(members)) {
    const deeper = Object.hasOwn(shape, name) ? shape[name] : shape["*"];
    if (deeper !== undefined) members[name] = mend(members[name], deeper, onMended);
  }
  return value;
}

/**
 * What `decode` returns of a key of `type`, or of the creds where that is undefined, with its byte fields as Buffers;
 * undefined where there is nothing to mend. What is no form of bytes stays as it is.
 */
export function mendByteFields(type: string | undefined, decode: () => unknown): unknown {
  const shape = type === undefined ? CREDS : KEYS.get(type);
  let mended = false;
  const result = shape && mend(decode(), shape, () => (mended = true));
  return mended ? result : undefined;
}
