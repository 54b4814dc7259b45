import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { BufferJSON, proto } from "baileys";
import { parseBufferJson } from "../src/codec/canonical_text.ts";
import { decodeValue, encodeValue } from "../src/codec/value_codec.ts";
import type { Value } from "../src/gen/authstate/v1/value.ts";

interface Vectors {
  values: {
    name: string;
    source: "baileys" | "array-form" | "text";
    bufferJson: string;
    kind: "raw" | "json";
    bytes: string;
    canonicalText: string;
  }[];
  invalid: { name: string; text: string; reasonContains: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL("../../../tests/vectors/values.json", import.meta.url), "utf8"),
) as Vectors;

const MAX_VALUE_BYTES = 8 * 1024 * 1024;

function bytesOf(value: Value): Buffer {
  switch (value.kind?.$case) {
    case "raw":
      return value.kind.value;
    case "json":
      return Buffer.from(value.kind.value);
    default:
      throw new Error("a value without a kind");
  }
}

const json = (text: string): Value => ({ kind: { $case: "json", value: text } });
const textOf = (value: unknown): string => bytesOf(encodeValue(value)).toString();
// What BufferJSON writes. Not for values that it writes wrongly.
const bufferJson = (value: unknown): string => JSON.stringify(value, BufferJSON.replacer);

describe("parseBufferJson", () => {
  for (const { name, bufferJson, kind, bytes } of vectors.values) {
    it(`brings ${name} into canonical form`, () => {
      for (const text of [bufferJson, Buffer.from(bufferJson)]) {
        const value = parseBufferJson(text);
        assert.equal(value.kind?.$case, kind);
        assert.equal(bytesOf(value).toString("base64"), bytes);
      }
    });
  }

  for (const { name, text, reasonContains } of vectors.invalid) {
    it(`refuses ${name}`, () => {
      assert.throws(() => parseBufferJson(Buffer.from(text, "base64")), {
        name: "CodecError",
        message: new RegExp(reasonContains),
      });
    });
  }

  it("reads strings as long as a value may be", () => {
    for (const part of ["a", "\\n", "x\\ud800"]) {
      const text = JSON.stringify(part.repeat(1000)).replaceAll("\\\\", "\\");
      const long = `"${text.slice(1, -1).repeat(Math.floor(MAX_VALUE_BYTES / text.length))}"`;
      assert.equal(bytesOf(parseBufferJson(long)).toString(), long);
    }
  });
});

describe("encodeValue and decodeValue", () => {
  for (const { name, kind, bytes, canonicalText } of vectors.values.filter(({ source }) => source !== "text")) {
    it(`take ${name} there and back`, () => {
      const stored = Buffer.from(bytes, "base64");
      const value = decodeValue(kind === "raw" ? { kind: { $case: "raw", value: stored } } : json(stored.toString()));
      assert.deepEqual(value, JSON.parse(canonicalText, BufferJSON.reviver));
      const encoded = encodeValue(value);
      assert.equal(encoded.kind?.$case, kind);
      assert.deepEqual(bytesOf(encoded), stored);
    });
  }

  it("write every text of the vectors that JavaScript can hold as parseBufferJson does", () => {
    const lossless = vectors.values.filter(
      (vector) => JSON.stringify(JSON.parse(vector.bufferJson)) === vector.bufferJson,
    );
    assert.ok(lossless.length > vectors.values.length / 2);
    for (const { name, bufferJson, bytes } of lossless) {
      assert.equal(bytesOf(encodeValue(JSON.parse(bufferJson))).toString("base64"), bytes, name);
    }
  });

  it("keep what BufferJSON.reviver takes for a Buffer", () => {
    for (const value of [{ "5511@s.whatsapp.net": 1 }, { "0": 5, "1": 12 }, { a: Buffer.from([1]), b: { "7": 1 } }]) {
      assert.deepEqual(decodeValue(encodeValue(value)), value);
    }
  });
});

describe("encodeValue", () => {
  it("writes what JSON.stringify with BufferJSON.replacer writes", () => {
    const key = { a: Buffer.from([1, 2]) };
    const values: unknown[] = [
      {
        undefined: undefined,
        method: () => 1,
        symbol: Symbol("s"),
        nan: NaN,
        infinity: -Infinity,
        zero: -0,
        null: null,
      },
      [undefined, () => 1, Symbol("s"), NaN, , "sparse"],
      { ...key, undefined: undefined, list: [undefined, () => 1, NaN] },
      { ...key, date: new Date(0), boxed: [Object(1), Object("s"), Object(false)], map: new Map([[1, 2]]) },
      { ...key, big: { toJSON: (name: string) => `called with ${name}` }, list: [{ toJSON: (name: string) => name }] },
      { ...key, toJSON: () => ({ replaced: Uint8Array.of(7) }) },
      { ...key, "2": 1, "1": 2, b: 1, a2: 2 },
      { ...key, text: "\ud800 \u2028 é 😀 \u0000" },
      { ...key, float: new Float32Array([1.5]), numbers: [1e308, 5e-324, 2 ** 53, 1e21] },
      JSON.parse('{"__proto__":{"type":"x"},"key":1}'),
      Object.assign(JSON.parse('{"__proto__":1}') as object, key),
      proto.Message.AppStateSyncKeyData.create({ keyData: Buffer.alloc(32, 7), timestamp: 5 }),
      { nested: proto.Message.AppStateSyncKeyData.create({ keyData: Buffer.alloc(32, 7) }), ...key },
      Object.create({ inherited: Buffer.from([1]) }, { own: { value: 1, enumerable: true }, hidden: { value: 2 } }),
      null,
      0,
      "",
      [],
      {},
    ];
    for (const value of values) assert.equal(textOf(value), bufferJson(value));
  });

  it("writes a value that turns into a Buffer as raw bytes", () => {
    const forms = [
      Buffer.from([1, 2]),
      Uint8Array.of(1, 2),
      { type: "Buffer", data: [1, 2] },
      { data: "AQI=", type: "Buffer" },
      { type: "Buffer", data: "AQI=", dropped: undefined },
      { toJSON: () => Buffer.from([1, 2]) },
    ];
    for (const value of forms) {
      assert.deepEqual(encodeValue(value).kind, { $case: "raw", value: Buffer.from([1, 2]) });
    }
  });

  it("shares no memory with the value", () => {
    const bytes = Buffer.from([1, 2]);
    const encoded = encodeValue(bytes);
    bytes.fill(0);
    assert.deepEqual(bytesOf(encoded), Buffer.from([1, 2]));
  });

  it("refuses what looks like a Buffer and is none", () => {
    for (const data of ["!", "AQI", "AQJ=", "-_-_", [256], [-1], [1.5], ["1"], [NaN], [null]]) {
      assert.throws(() => encodeValue({ deep: [{ type: "Buffer", data }] }), {
        name: "CodecError",
        message: /bad Buffer/,
      });
    }
  });

  it("refuses what has no JSON form", () => {
    const circular: unknown[] = [];
    circular.push(circular);
    const deep = JSON.parse("[".repeat(129) + "]".repeat(129)) as unknown;
    for (const value of [
      undefined,
      () => 1,
      Symbol("s"),
      1n,
      { a: 1n },
      circular,
      { b: Buffer.alloc(1), circular },
      deep,
    ]) {
      assert.throws(() => encodeValue(value), { name: "CodecError" });
    }
    assert.doesNotThrow(() => encodeValue(JSON.parse("[".repeat(128) + "]".repeat(128))));
  });
});

describe("decodeValue", () => {
  it("refuses a value without a kind", () => {
    assert.throws(() => decodeValue(undefined), { name: "CodecError" });
    assert.throws(() => decodeValue({ kind: undefined }), { name: "CodecError" });
  });

  it("reads a key pair as it reads any other object with bytes", () => {
    const tag = '{"type":"Buffer","data":"AQI="}';
    const pair = { public: Buffer.from([1, 2]), private: Buffer.from([1, 2]) };
    assert.deepEqual(decodeValue(json(`{"public":${tag},"private":${tag}}`)), pair);
    assert.deepEqual(decodeValue(json(`{"private":${tag},"public":${tag}}`)), pair);
    assert.deepEqual(decodeValue(json(`{"public":${tag},"private":${tag},"id":1}`)), { ...pair, id: 1 });
    assert.deepEqual(decodeValue(json(`{"public":${tag},"private":"\\u0041"}`)), { ...pair, private: "A" });
  });

  it("revives no text that merely holds a tag", () => {
    const value = { text: '{"type":"Buffer","data":"AQI="}', key: Buffer.from([1]) };
    assert.deepEqual(decodeValue(encodeValue(value)), value);
  });
});
