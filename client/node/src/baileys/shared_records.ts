// Which values Baileys reads and never writes to, so that all who read one may be given the same object.
import { decodeValue, encodePlain, type EncodedValue } from "../codec/value_codec.js";

const SESSION = "session";
// libsignal brings a record of any other version up to this one, within the object that it was given.
const RECORD_VERSION = "v1";

// The records of Signal sessions: libsignal (SessionRecord.deserialize) makes objects of its own of what it reads, and
// writes a new one each time (serialize). The end-to-end tests run both lines of Baileys with such objects frozen.
function isShared(type: string, value: unknown): value is object {
  return (
    type === SESSION &&
    typeof value === "object" &&
    value !== null &&
    "version" in value &&
    value.version === RECORD_VERSION
  );
}

/** The value of what `keys.set` is given, with the object itself where that may be shared; else undefined. */
export function encodeShared(type: string, value: unknown): EncodedValue | undefined {
  return isShared(type, value) ? encodePlain(value) : undefined;
}

/** What the JSON text of a key says, where that may be shared; else undefined. */
export function readShared(type: string, text: string): object | undefined {
  if (type !== SESSION) return undefined;
  let value: unknown;
  try {
    value = decodeValue({ kind: { $case: "json", value: text } });
  } catch {
    // Whoever asked for it reads it again, and is told.
    return undefined;
  }
  return isShared(type, value) ? value : undefined;
}
