// Converts between the values of Baileys and the values of the contract. What is written is what
// JSON.stringify(value, BufferJSON.replacer) writes (toJSON is honoured, undefined members are left out, NaN is null), in
// canonical form; what is read revives every Buffer and, unlike BufferJSON.reviver, nothing else: {"5511@s.whatsapp.net":1}
// stays an object. The walks are plain loops, because a callback for every member is several times slower.
import type { Value } from "../gen/authstate/v1/value.js";
import { MAX_JSON_DEPTH } from "../limits.js";
import { asBuffer, bytesOfTag, CANONICAL_TAG_START, CodecError } from "./buffer_tag.js";

/**
 * A value that was made here, with what is known of it; the stubs send `kind` alone. `shared` is an object that `kind`
 * says in JSON, and that nobody writes to.
 */
export interface EncodedValue extends Value {
  readonly bytes: number;
  readonly shared?: object;
}

type Members = Record<string, unknown>;

const TOO_DEEP = `deeper than ${MAX_JSON_DEPTH} levels, or circular`;

// Whether JSON.stringify alone would not write `value` in canonical form.
function needsRewriting(value: object, depth: number): boolean {
  if (depth > MAX_JSON_DEPTH) throw new CodecError(TOO_DEEP);
  if (Array.isArray(value)) {
    for (const element of value as unknown[]) if (holdsRewriting(element, depth)) return true;
    return false;
  }
  const members = value as Members;
  if (typeof members["toJSON"] === "function") return true;
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    if (value instanceof Uint8Array || members["type"] === "Buffer") return true;
    return Object.keys(value).some((name) => holdsRewriting(members[name], depth));
  }
  // On a plain object, this is twice as quick as Object.keys.
  for (const name in members) {
    const member = members[name];
    if (member === "Buffer" ? name === "type" : holdsRewriting(member, depth)) return true;
  }
  return false;
}

function holdsRewriting(member: unknown, depth: number): boolean {
  return typeof member === "object" && member !== null && needsRewriting(member, depth + 1);
}

function applyToJson(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const { toJSON } = value as Members;
  return typeof toJSON === "function" ? (toJSON.call(value, name) as unknown) : value;
}

function setMember(members: Members, name: string, value: unknown): void {
  if (name !== "__proto__") members[name] = value;
  else Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true });
}

// A Buffer in a rewritten value. It is a class, to be told from an object that looks like it, and has its members in the
// canonical order.
class Tag {
  readonly type = "Buffer";
  readonly data: string;

  constructor(data: string) {
    this.data = data;
  }
}

function tagOf(bytes: Uint8Array): Tag {
  return new Tag(asBuffer(bytes).toString("base64"));
}

// Makes a copy that JSON.stringify alone writes in canonical form; `undefined` of what has no JSON form.
function rewrite(original: unknown, name: string, depth: number): unknown {
  const value = applyToJson(original, name);
  if (value instanceof Uint8Array) return tagOf(value);
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return value.valueOf();
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_JSON_DEPTH) throw new CodecError(TOO_DEEP);

  if (Array.isArray(value)) {
    return Array.from(value, (element, index) => rewrite(element, String(index), depth + 1));
  }
  const copy: Members = {};
  let count = 0;
  for (const member of Object.keys(value)) {
    const written = rewrite((value as Members)[member], member, depth + 1);
    if (written === undefined) continue;
    setMember(copy, member, written);
    count++;
  }
  const bytes = count === 2 && copy["type"] === "Buffer" ? bytesOfTag(copy["data"]) : undefined;
  return bytes === undefined ? copy : tagOf(bytes);
}

// Whether `value` is what JSON.parse makes of its text, but for members that are undefined: those are not in the text.
function isPlain(value: object, depth: number): boolean {
  if (depth > MAX_JSON_DEPTH || Object.getPrototypeOf(value) !== Object.prototype) return false;
  const members = value as Members;
  for (const name in members) {
    const member = members[name];
    switch (typeof member) {
      case "string":
        if (member === "Buffer" && name === "type") return false;
        break;
      case "object":
        if (member !== null && !isPlain(member, depth + 1)) return false;
        break;
      case "number":
        if (!Number.isFinite(member)) return false;
        break;
      case "boolean":
      case "undefined":
        break;
      default:
        return false;
    }
  }
  return true;
}

function rawOf(bytes: Buffer): EncodedValue {
  return { kind: { $case: "raw", value: bytes }, bytes: bytes.byteLength };
}

function jsonOf(text: string): EncodedValue {
  return { kind: { $case: "json", value: text }, bytes: Buffer.byteLength(text) };
}

/**
 * The value of a plain object, which it keeps as `shared`: for objects that nobody writes to from then on. Undefined for an
 * object that is not what would be read back, such as one with Buffers or arrays.
 */
export function encodePlain(value: object): EncodedValue | undefined {
  return isPlain(value, 1) ? { ...jsonOf(JSON.stringify(value)), shared: value } : undefined;
}

// The result shares nothing with `value`. Throws CodecError for a value that has no JSON form, and for a Buffer tag that is a bad one.
export function encodeValue(value: unknown): EncodedValue {
  if (value instanceof Uint8Array) return rawOf(Buffer.from(value));
  const rewritten = holdsRewriting(value, 0) ? rewrite(value, "", 1) : value;
  if (rewritten instanceof Tag) return rawOf(Buffer.from(rewritten.data, "base64"));
  let text: string | undefined;
  try {
    text = JSON.stringify(rewritten);
  } catch {
    throw new CodecError("cannot be written as JSON");
  }
  if (text === undefined) throw new CodecError("has no JSON form");
  return jsonOf(text);
}

// Whether a JSON text may be deeper than the contract allows, told without a walk of what it stands for.
function mayBeTooDeep(text: string): boolean {
  let opened = 0;
  for (const bracket of ["[", "{"]) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      if (++opened > MAX_JSON_DEPTH) return true;
    }
  }
  return false;
}

// Also refuses what is too deep: whoever walks it next, as JSON.stringify does, would run out of stack.
// JSON.parse keeps the last of two members of one name, so that an object with such members may be taken for a tag;
// JSON.stringify never writes one.
function revive(value: unknown, depth = 1): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_JSON_DEPTH) throw new CodecError(TOO_DEEP);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = revive(value[index], depth + 1);
    return value;
  }
  const members = value as Members;
  const names = Object.keys(members);
  if (names.length === 2 && members["type"] === "Buffer" && typeof members["data"] === "string") {
    return Buffer.from(members["data"], "base64");
  }
  for (const name of names) members[name] = revive(members[name], depth + 1);
  return value;
}

// The text of a key pair, such as a pre-key: of the values of a session by far the most. Matched so, one is read in less
// than half the time.
const KEY_PAIR =
  /^\{"public":\{"type":"Buffer","data":"([A-Za-z0-9+/=]*)"\},"private":\{"type":"Buffer","data":"([A-Za-z0-9+/=]*)"\}\}$/;

// Longer texts are not looked at twice.
const MOST_OF_A_PAIR = 256;

function readKeyPair(text: string): { public: Buffer; private: Buffer } | undefined {
  const [, publicKey, privateKey] = KEY_PAIR.exec(text) ?? [];
  if (publicKey === undefined || privateKey === undefined) return undefined;
  return { public: Buffer.from(publicKey, "base64"), private: Buffer.from(privateKey, "base64") };
}

// Reads a canonical value, as the server answers it. The result shares no memory with `value`, which may be kept.
export function decodeValue(value: Value | undefined): unknown {
  switch (value?.kind?.$case) {
    case "raw":
      return Buffer.from(value.kind.value);
    case "json": {
      const text = value.kind.value;
      const pair = text.length <= MOST_OF_A_PAIR ? readKeyPair(text) : undefined;
      if (pair !== undefined) return pair;
      const parsed: unknown = JSON.parse(text);
      return text.includes(CANONICAL_TAG_START) || mayBeTooDeep(text) ? revive(parsed) : parsed;
    }
    default:
      throw new CodecError("is of an unknown kind");
  }
}

// The bytes that count against the limits of the contract; those of a long text take a while to count.
export function sizeOfValue(value: Value | EncodedValue): number {
  if ("bytes" in value) return value.bytes;
  switch (value.kind?.$case) {
    case "raw":
      return value.kind.value.byteLength;
    case "json":
      return Buffer.byteLength(value.kind.value);
    default:
      return 0;
  }
}
