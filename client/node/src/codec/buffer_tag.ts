// The tag that stands for a Buffer in JSON: an object of exactly two members, `type` with the value "Buffer" and `data`
// with base64 or with an array of bytes. In canonical form it is {"type":"Buffer","data":"<base64>"}.

// The codec refuses a value. The message never quotes it, for values are secret.
export class CodecError extends Error {
  override readonly name = "CodecError";
}

const MAX_BYTE = 255;

// How a canonical tag begins. Inside a JSON string its quotes would be escaped, so a canonical text that does not hold
// this holds no Buffer.
export const CANONICAL_TAG_START = '{"type":"Buffer","data":"';

// Decodes base64 of RFC 4648 section 4, strictly: every byte string has exactly one text.
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

function isByte(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_BYTE;
}

// The bytes of a tag with this `data`. `undefined` when `data` is of a kind that no tag has: then the object is an
// object. Throws CodecError when the object is a tag, and a bad one.
export function bytesOfTag(data: unknown): Buffer | undefined {
  if (typeof data === "string") {
    const bytes = decodeBase64(data);
    if (bytes === undefined) throw new CodecError("bad Buffer: bad base64");
    return bytes;
  }
  if (Array.isArray(data)) {
    if (!data.every(isByte))
      throw new CodecError("bad Buffer: its array has an element that is no integer from 0 to 255");
    return Buffer.from(data);
  }
  return undefined;
}

// A Buffer of the same memory, not a copy.
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function canonicalTag(bytes: Uint8Array): string {
  return `${CANONICAL_TAG_START}${asBuffer(bytes).toString("base64")}"}`;
}
