// Creds and keys of every type that Baileys stores.
import assert from "node:assert/strict";
import * as baileys from "baileys";
import { baileysValues } from "../vectors/baileys_values.ts";

export type Keys = Record<string, Record<string, unknown>>;

export interface EveryType {
  keys: Keys;
  creds: baileys.AuthenticationCreds;
}

// What of a value is compared: its bytes, whatever class holds them, and the content of protobuf records.
export function meaning(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, baileys.BufferJSON.replacer));
}

// Every type that Baileys stores, with the values that it makes, and as many pre-keys as a first upload has.
export async function everyType(): Promise<EveryType> {
  const keys: Keys = {};
  let creds: baileys.AuthenticationCreds | undefined;
  for (const { name, value } of await baileysValues()) {
    const [type = "", variant = "0"] = name.split("/");
    if (name === "creds/paired") creds = value as baileys.AuthenticationCreds;
    if (type === "creds" || type === "buffer") continue;
    // Baileys hands it over as a Uint8Array, whatever class a store gives it.
    const identity = type === "identity-key" ? Uint8Array.from(value as Uint8Array) : value;
    (keys[type] ??= {})[`${variant}@s.whatsapp.net::0`] = identity;
  }
  const preKey = Object.values(keys["pre-key"] ?? {})[0];
  for (let id = 1; id <= 250; id++) (keys["pre-key"] ??= {})[String(id)] = preKey;
  assert.ok(creds);
  return { keys, creds };
}
