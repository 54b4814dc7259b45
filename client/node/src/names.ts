// The limits of names and values, checked before anything is sent. A pipe carries many sessions, and the server ends it
// when a message breaks the contract: one bad name must not reach it.
import { sizeOfValue } from "./codec/value_codec.js";
import { invalidField } from "./errors.js";
import type { Value } from "./gen/authstate/v1/value.js";
import {
  MAX_KEY_ID_BYTES,
  MAX_KEY_TYPE_LENGTH,
  MAX_OWNER_LENGTH,
  MAX_SESSION_ID_LENGTH,
  MAX_VALUE_BYTES,
} from "./limits.js";

const SESSION_ID = new RegExp(`^[A-Za-z0-9._:@-]{1,${MAX_SESSION_ID_LENGTH}}$`);
const KEY_TYPE = new RegExp(`^[\\x20-\\x7e]{1,${MAX_KEY_TYPE_LENGTH}}$`);
const OWNER = new RegExp(`^[\\x20-\\x7e]{1,${MAX_OWNER_LENGTH}}$`);

// A regular expression takes `undefined` for "undefined", and a protobuf writes it so: what a forgotten variable names
// would be one session, shared by all who forgot theirs.
function checkString(field: string, value: unknown): asserts value is string {
  if (typeof value === "string") return;
  throw invalidField(field, `must be a string, is ${value === null ? "null" : typeof value}`);
}

/** @throws AuthStateError */
export function checkSessionId(sessionId: unknown): asserts sessionId is string {
  checkString("session_id", sessionId);
  if (!SESSION_ID.test(sessionId)) {
    throw invalidField("session_id", `must be 1 to ${MAX_SESSION_ID_LENGTH} characters of [A-Za-z0-9._:@-]`);
  }
}

/** @throws AuthStateError */
export function checkPrefix(prefix: unknown): asserts prefix is string {
  checkString("prefix", prefix);
  // What all ids start with is no id.
  if (prefix !== "" && !SESSION_ID.test(prefix)) {
    throw invalidField("prefix", `must be up to ${MAX_SESSION_ID_LENGTH} characters of [A-Za-z0-9._:@-]`);
  }
}

/** @throws AuthStateError */
export function checkOwner(owner: string): void {
  if (!OWNER.test(owner)) throw invalidField("owner", `must be 1 to ${MAX_OWNER_LENGTH} characters of printable ASCII`);
}

/** @throws AuthStateError that names `field` */
export function checkKeyType(field: string, type: unknown): asserts type is string {
  checkString(field, type);
  if (!KEY_TYPE.test(type)) {
    throw invalidField(field, `must be 1 to ${MAX_KEY_TYPE_LENGTH} characters of printable ASCII`);
  }
}

/** @throws AuthStateError that names `field` */
export function checkKeyId(field: string, id: unknown): asserts id is string {
  checkString(field, id);
  // Protobuf would write U+FFFD instead, and so name another key.
  if (!id.isWellFormed()) throw invalidField(field, "has an unpaired surrogate");
  if (id.includes("\0")) throw invalidField(field, "has a NUL");
  if (id.length === 0) throw invalidField(field, "is empty");
  // A character takes at most three bytes.
  if (id.length * 3 > MAX_KEY_ID_BYTES && Buffer.byteLength(id) > MAX_KEY_ID_BYTES) {
    throw invalidField(field, `longer than ${MAX_KEY_ID_BYTES} bytes`);
  }
}

/** @throws AuthStateError that names `field` */
export function checkValue(field: string, value: Value): void {
  if (sizeOfValue(value) > MAX_VALUE_BYTES) throw invalidField(field, `larger than ${MAX_VALUE_BYTES} bytes`);
}
