// The canonical form of a JSON text, as contract/codec.h defines it: the tokens of the text as they were written, without
// white space between them, and with every Buffer tag as {"type":"Buffer","data":"<base64>"}. JSON.parse is no help here:
// it re-writes numbers and escapes, and drops members whose name occurs twice.
import type { Value } from "../gen/authstate/v1/value.js";
import { MAX_JSON_DEPTH } from "../limits.js";
import { bytesOfTag, canonicalTag, CodecError } from "./buffer_tag.js";

// The tokens of RFC 8259, sections 2, 6 and 7. They are sticky, so that each matches at `lastIndex` or not at all.
const WHITE_SPACE = /[ \t\n\r]*/y;
const PLAIN_CHARACTERS = /[^"\\\u0000-\u001f]+/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LITERAL = /true|false|null/y;

const DECIMAL_BYTE = /^[0-9]{1,3}$/;

class Canonicalizer {
  #offset = 0;
  // The bytes of the value, when it is a Buffer tag.
  #outermost: Buffer | undefined;

  constructor(private readonly text: string) {}

  run(): Value {
    const json = this.#value(1);
    this.#token(WHITE_SPACE);
    if (this.#offset < this.text.length) this.#fail("text after the value");
    if (this.#outermost !== undefined) return { kind: { $case: "raw", value: this.#outermost } };
    return { kind: { $case: "json", value: json } };
  }

  #value(depth: number): string {
    switch (this.#peek()) {
      case "{":
        return this.#object(depth);
      case "[":
        return `[${this.#elements(depth).join(",")}]`;
      case '"':
        return this.#string();
      case "t":
      case "f":
      case "n":
        return this.#require(LITERAL, "expected a value");
      default:
        return this.#require(NUMBER, "expected a value");
    }
  }

  #elements(depth: number): string[] {
    this.#open("[", depth);
    const elements: string[] = [];
    if (this.#consume("]")) return elements;
    for (;;) {
      elements.push(this.#value(depth + 1));
      if (this.#consume("]")) return elements;
      if (!this.#consume(",")) this.#fail("expected , or ] in an array");
    }
  }

  #object(depth: number): string {
    this.#open("{", depth);
    const members: [name: string, value: string][] = [];
    if (this.#consume("}")) return "{}";
    for (;;) {
      const name = this.#string();
      if (!this.#consume(":")) this.#fail("expected : after a member name");
      members.push([name, this.#value(depth + 1)]);
      if (this.#consume("}")) break;
      if (!this.#consume(",")) this.#fail("expected , or } in an object");
    }
    const bytes = bytesOfMembers(members);
    if (bytes === undefined) return `{${members.map(([name, value]) => `${name}:${value}`).join(",")}}`;
    if (depth === 1) this.#outermost = bytes;
    return canonicalTag(bytes);
  }

  // A string is matched piece by piece: one expression for all of it would need a stack as deep as the string is long.
  #string(): string {
    if (this.#peek() !== '"') this.#fail("expected a string");
    const start = this.#offset++;
    while (this.#token(PLAIN_CHARACTERS) !== undefined || this.#token(ESCAPE) !== undefined);
    if (this.text[this.#offset] !== '"') this.#fail("bad escape, control character, or string without an end");
    return this.text.slice(start, ++this.#offset);
  }

  #open(bracket: string, depth: number): void {
    if (depth > MAX_JSON_DEPTH) this.#fail(`deeper than ${MAX_JSON_DEPTH} levels`);
    this.#consume(bracket);
  }

  #peek(): string | undefined {
    this.#token(WHITE_SPACE);
    return this.text[this.#offset];
  }

  #consume(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#offset++;
    return true;
  }

  #token(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const token = pattern.exec(this.text)?.[0];
    if (token !== undefined) this.#offset += token.length;
    return token;
  }

  #require(pattern: RegExp, reason: string): string {
    return this.#token(pattern) ?? this.#fail(reason);
  }

  #fail(reason: string): never {
    throw new CodecError(`malformed JSON at character ${this.#offset}: ${reason}`);
  }
}

// The bytes, when the members are those of a Buffer tag. Names and values are canonical JSON.
function bytesOfMembers(members: [name: string, value: string][]): Buffer | undefined {
  if (members.length !== 2) return undefined;
  const find = (wanted: string): string | undefined => members.find(([name]) => JSON.parse(name) === wanted)?.[1];
  const type = find("type");
  const data = find("data");
  if (type === undefined || data === undefined || !type.startsWith('"') || JSON.parse(type) !== "Buffer") {
    return undefined;
  }
  if (data.startsWith("[")) return bytesOfTag(parseByteArray(data));
  return data.startsWith('"') ? bytesOfTag(JSON.parse(data)) : undefined;
}

// To the contract, 1.0 and 1e0 are no integers, though JSON.parse makes them so.
function parseByteArray(array: string): number[] {
  if (array === "[]") return [];
  const elements = array.slice(1, -1).split(",");
  return elements.map((element) => (DECIMAL_BYTE.test(element) ? Number(element) : NaN));
}

// Parses JSON text, such as a file of useMultiFileAuthState, into a canonical value. Throws CodecError.
export function parseBufferJson(text: Uint8Array | string): Value {
  if (typeof text === "string") return new Canonicalizer(text).run();
  let decoded: string;
  try {
    decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text);
  } catch {
    throw new CodecError("is not valid UTF-8");
  }
  return new Canonicalizer(decoded).run();
}
