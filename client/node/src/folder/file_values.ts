// What stands in the files of useMultiFileAuthState, as this package stores it.
import { readFile } from "node:fs/promises";
import { credsFault } from "../baileys/creds_check.js";
import { CodecError } from "../codec/buffer_tag.js";
import { parseBufferJson } from "../codec/canonical_text.js";
import { decodeValue, encodeValue } from "../codec/value_codec.js";
import { AuthStateError } from "../errors.js";
import type { Value } from "../gen/authstate/v1/value.js";
import { checkValue } from "../names.js";
import { mendByteFields } from "./byte_fields.js";
import { CREDS_FILE } from "./file_name.js";

/** Why a file cannot be taken; the file's name is the catcher's to add. */
export class Problem extends Error {}

export function isNull(value: Value): boolean {
  return value.kind?.$case === "json" && value.kind.value === "null";
}

/** The value in a file. */
export async function readValue(path: string): Promise<Value> {
  const text = await readFile(path);
  if (text.length === 0) throw new Problem("is empty");
  const value = parseBufferJson(text);
  checkValue("its value", value);
  // useMultiFileAuthState deletes the file instead.
  if (isNull(value)) throw new Problem("holds null");
  return value;
}

/** `value` with its byte fields as Buffers; `onMended` is told where that is another one. */
export function withBuffers(type: string | undefined, value: Value, onMended: () => void): Value {
  const mended = mendByteFields(type, () => decodeValue(value));
  const result = mended === undefined ? value : encodeValue(mended);
  const { kind } = result;
  // A sender key is bytes that hold JSON text. Older stores kept that text itself, on which Baileys 7 throws.
  const isBare = type === "sender-key" && kind?.$case === "json" && kind.value.startsWith("[{");
  if (isBare || mended !== undefined) onMended();
  return isBare ? { kind: { $case: "raw", value: Buffer.from(kind.value) } } : result;
}

/** The creds in a JSON string that holds their text, as a store leaves it that calls JSON.stringify twice. */
export function unwrapCreds(value: Value): Value | undefined {
  if (value.kind?.$case !== "json" || !value.kind.value.startsWith('"')) return undefined;
  try {
    return parseBufferJson(JSON.parse(value.kind.value) as string);
  } catch {
    return undefined;
  }
}

/** Creds that Baileys can work with. */
export interface ReadCreds {
  creds: Value;
  credsUnwrapped: boolean;
  mended: string[];
}

/** The creds in a file, with what had to be done to them. */
export async function readCreds(path: string): Promise<ReadCreds> {
  const stored = await readValue(path);
  const unwrapped = unwrapCreds(stored);
  const mended: string[] = [];
  const creds = withBuffers(undefined, unwrapped ?? stored, () => mended.push(CREDS_FILE));
  if (creds.kind?.$case !== "json" || !creds.kind.value.startsWith("{"))
    throw new Problem("creds must be a JSON object");
  const fault = credsFault(decodeValue(creds));
  if (fault !== undefined) throw new Problem(`${fault.path} ${fault.why}: Baileys cannot work with these creds`);
  return { creds, credsUnwrapped: unwrapped !== undefined, mended };
}

/** What is wrong with a file, in words; another failure is thrown on. */
export function problemOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof Problem || error instanceof CodecError || error instanceof AuthStateError) return message;
  if (error instanceof Error && code !== undefined) return `cannot be read (${code})`;
  throw error;
}
