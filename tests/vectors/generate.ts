// Writes values.json, or with --check tells whether the committed file still holds. See README.md.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { BufferJSON } from "baileys";
import { baileysValues } from "./baileys_values.ts";
import { INVALID_TEXTS, JSON_TEXTS, RAW_TEXTS } from "./odd_texts.ts";

interface ValueVector {
  name: string;
  // `baileys`: the text is what Baileys writes for a value it made; `array-form`: what JSON.stringify alone makes of
  // such a value; `text`: written by hand.
  source: "baileys" | "array-form" | "text";
  bufferJson: string;
  kind: "raw" | "json";
  bytes: string;
  canonicalText: string;
}

interface InvalidVector {
  name: string;
  text: string;
  reasonContains: string;
}

interface Vectors {
  baileys: string;
  values: ValueVector[];
  invalid: InvalidVector[];
}

const FILE = new URL("values.json", import.meta.url);

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes as string).toString("base64");
const tagged = (bytes: Uint8Array): string => `{"type":"Buffer","data":"${base64(bytes)}"}`;
const write = (value: unknown): string => JSON.stringify(value, BufferJSON.replacer);
const read = (text: string): unknown => JSON.parse(text, BufferJSON.reviver);

function rawVector(name: string, source: ValueVector["source"], bufferJson: string, bytes: Uint8Array): ValueVector {
  return { name, source, bufferJson, kind: "raw", bytes: base64(bytes), canonicalText: tagged(bytes) };
}

function jsonVector(name: string, source: ValueVector["source"], bufferJson: string, canonical: string): ValueVector {
  return { name, source, bufferJson, kind: "json", bytes: base64(canonical), canonicalText: canonical };
}

// BufferJSON writes no white space and base64 alone, so its text is the canonical one.
function vectorsOf(name: string, value: unknown): ValueVector[] {
  const vector = (source: ValueVector["source"], label: string, text: string): ValueVector =>
    value instanceof Uint8Array ? rawVector(label, source, text, value) : jsonVector(label, source, text, write(value));
  const vectors = [vector("baileys", name, write(value))];
  const arrayForm = JSON.stringify(value);
  if (arrayForm.includes('"type":"Buffer"')) vectors.push(vector("array-form", `${name}/array-form`, arrayForm));
  return vectors;
}

async function makeVectors(): Promise<Vectors> {
  const { version } = createRequire(import.meta.url)("baileys/package.json") as { version: string };
  return {
    baileys: version,
    values: [
      ...(await baileysValues()).flatMap(({ name, value }) => vectorsOf(name, value)),
      ...RAW_TEXTS.map(({ name, text, bytes }) => rawVector(name, "text", text, bytes)),
      ...JSON_TEXTS.map(({ name, text, canonical }) => jsonVector(name, "text", text, canonical ?? text)),
    ],
    invalid: INVALID_TEXTS.map(({ name, text, reason }) => ({ name, text: base64(text), reasonContains: reason })),
  };
}

// What two runs have in common: every name, kind and text of ours, and the shape of what Baileys made of random keys.
function shapeOf(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return "bytes";
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  const random = /^[A-Za-z0-9+/]{43,}=*$/;
  const members = Object.entries(value).map(([name, member]) => [random.test(name) ? "…" : name, shapeOf(member)]);
  return members.sort(([a], [b]) => String(a).localeCompare(String(b)));
}

function structureOf(vectors: Vectors): unknown {
  return {
    ...vectors,
    values: vectors.values.map((vector) =>
      vector.source === "text"
        ? vector
        : { name: vector.name, kind: vector.kind, shape: shapeOf(read(vector.canonicalText)) },
    ),
  };
}

// Properties that hold whatever the keys are. `read` and `write` are Baileys' own.
function checkRoundTrips({ values, invalid }: Vectors): void {
  const names = [...values, ...invalid].map(({ name }) => name);
  assert.equal(new Set(values.map(({ name }) => name)).size, values.length, "a vector's name occurs twice");
  assert.ok(names.length > 0);
  for (const { name, source, bufferJson, kind, bytes, canonicalText } of values) {
    const stored = Buffer.from(bytes, "base64");
    assert.equal(canonicalText, kind === "raw" ? tagged(stored) : stored.toString(), name);
    assert.doesNotThrow(() => JSON.parse(bufferJson), name);
    if (source === "text") continue;
    assert.equal(write(read(canonicalText)), canonicalText, `${name}: Baileys does not round-trip the canonical text`);
    if (source === "baileys") assert.equal(bufferJson, canonicalText, name);
    if (source === "array-form") assert.equal(write(JSON.parse(bufferJson)), canonicalText, name);
    assert.equal(Buffer.isBuffer(read(canonicalText)), kind === "raw", name);
  }
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (const { name, text } of invalid) {
    const parse = (): unknown => JSON.parse(utf8.decode(Buffer.from(text, "base64")));
    // V8 has no limit of 128 levels, and to it a bad tag is an object.
    if (name.startsWith("tag/") || name.startsWith("depth/")) assert.doesNotThrow(parse, name);
    else assert.throws(parse, name);
  }
}

const made = await makeVectors();
checkRoundTrips(made);
if (process.argv.includes("--check")) {
  const committed = JSON.parse(readFileSync(FILE, "utf8")) as Vectors;
  checkRoundTrips(committed);
  assert.deepEqual(structureOf(committed), structureOf(made), "values.json is stale: npm run generate -w vectors");
  console.log(`${committed.values.length} values and ${committed.invalid.length} invalid texts hold`);
} else {
  writeFileSync(FILE, `${JSON.stringify(made, null, 1)}\n`);
  console.log(`wrote ${made.values.length} values and ${made.invalid.length} invalid texts`);
}
