// Converts between what Baileys hands over and what is stored, with errors that name the field.
import type { SignalDataSet } from "baileys" with { "resolution-mode": "import" };
import { CodecError } from "../codec/buffer_tag.js";
import { decodeValue, encodeValue } from "../codec/value_codec.js";
import { brokenAnswer, invalidField } from "../errors.js";
import type { Value } from "../gen/authstate/v1/value.js";
import { checkKeyId, checkKeyType, checkValue } from "../names.js";
import type { KeyWrite } from "../writes/commit_plan.js";
import { encodeShared } from "./shared_records.js";

/**
 * The value of `value`, of which it shares nothing unless `share` says so.
 *
 * @throws AuthStateError that names `field`
 */
export function encode(field: string, value: unknown, share?: (value: unknown) => Value | undefined): Value {
  try {
    const encoded = share?.(value) ?? encodeValue(value);
    checkValue(field, encoded);
    return encoded;
  } catch (error) {
    throw error instanceof CodecError ? invalidField(field, error.message) : error;
  }
}

/** @throws AuthStateError that says what `what` is, and never quotes it */
export function decode(what: string, value: Value | undefined): unknown {
  try {
    return decodeValue(value);
  } catch {
    // The cause would quote the value.
    throw brokenAnswer(`${what} cannot be read back`);
  }
}

/**
 * The writes that `keys.set` asks for: `null` deletes a key. With `sharesRecords`, what others may be given as it is goes
 * along as it is.
 *
 * @throws AuthStateError that names the first field at fault
 */
export function toWrites(data: SignalDataSet, sharesRecords: boolean): KeyWrite[] {
  const writes: KeyWrite[] = [];
  for (const [type, entries] of Object.entries(data) as [string, unknown][]) {
    // An optional member may be there and unset: a type without entries writes nothing.
    if (entries === undefined || entries === null) continue;
    if (typeof entries !== "object") throw invalidField(type, "must be an object of values by id");
    const share = sharesRecords ? (value: unknown) => encodeShared(type, value) : undefined;
    for (const [id, value] of Object.entries(entries)) {
      const field = value === null || value === undefined ? "deletes" : "sets";
      const at = `${field}[${writes.length}]`;
      checkKeyType(`${at}.key.type`, type);
      checkKeyId(`${at}.key.id`, id);
      writes.push({ key: { type, id }, value: field === "sets" ? encode(`${at}.value`, value, share) : undefined });
    }
  }
  return writes;
}
