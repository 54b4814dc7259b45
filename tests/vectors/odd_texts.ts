// Texts that Baileys itself does not write, or writes rarely, with the canonical form that contract/codec.h demands.
// Written by hand: neither implementation of the codec was asked.

export interface RawText {
  name: string;
  text: string;
  bytes: Uint8Array;
}

export interface JsonText {
  name: string;
  text: string;
  // The canonical text; left out where the text is canonical already.
  canonical?: string;
}

export interface InvalidText {
  name: string;
  text: string | Uint8Array;
  // Part of the reason that both implementations give.
  reason: string;
}

const nested = (levels: number, inner = ""): string => "[".repeat(levels) + inner + "]".repeat(levels);

export const RAW_TEXTS: RawText[] = [
  { name: "tag/array-form", text: '{"type":"Buffer","data":[0,1,255]}', bytes: Uint8Array.of(0, 1, 255) },
  { name: "tag/array-form-empty", text: '{"type":"Buffer","data":[]}', bytes: new Uint8Array() },
  { name: "tag/data-first", text: '{"data":"AQI=","type":"Buffer"}', bytes: Uint8Array.of(1, 2) },
  { name: "tag/data-first-array", text: '{"data":[1,2],"type":"Buffer"}', bytes: Uint8Array.of(1, 2) },
  {
    name: "tag/white-space",
    text: ' {\n\t"type" : "Buffer" ,\r\n "data" : [ 1 , 2 ] } ',
    bytes: Uint8Array.of(1, 2),
  },
  {
    name: "tag/escaped-names-and-value",
    text: '{"\\u0074ype":"\\u0042uffer","d\\u0061ta":"AQI\\u003d"}',
    bytes: Uint8Array.of(1, 2),
  },
  { name: "tag/escaped-solidus", text: '{"type":"Buffer","data":"\\/\\/\\/\\/"}', bytes: Uint8Array.of(255, 255, 255) },
  { name: "tag/standard-alphabet", text: '{"type":"Buffer","data":"+/+/"}', bytes: Uint8Array.of(251, 255, 191) },
];

export const JSON_TEXTS: JsonText[] = [
  { name: "false-positive/jid", text: '{"5511@s.whatsapp.net":1}' },
  { name: "false-positive/numeric-keys", text: '{"0":5,"1":12}' },
  { name: "false-positive/nested", text: '{"memory":{"7":1,"8":0}}' },

  { name: "tag-like/extra-member", text: '{"type":"Buffer","data":"AQI=","length":2}' },
  { name: "tag-like/extra-member-bad-base64", text: '{"type":"Buffer","data":"!","length":2}' },
  { name: "tag-like/no-data", text: '{"type":"Buffer"}' },
  { name: "tag-like/data-null", text: '{"type":"Buffer","data":null}' },
  { name: "tag-like/data-number", text: '{"type":"Buffer","data":5}' },
  { name: "tag-like/data-false", text: '{"type":"Buffer","data":false}' },
  { name: "tag-like/data-object", text: '{"type":"Buffer","data":{"0":1}}' },
  { name: "tag-like/data-is-a-buffer", text: '{"type":"Buffer","data":{"type":"Buffer","data":"AQI="}}' },
  { name: "tag-like/lower-case", text: '{"type":"buffer","data":"!"}' },
  { name: "tag-like/type-array", text: '{"type":["Buffer"],"data":"!"}' },
  { name: "tag-like/other-name", text: '{"type":"Buffer","bytes":"!"}' },
  { name: "tag-like/lone-surrogate-type", text: '{"type":"Buffer\\ud800","data":"!"}' },
  { name: "tag-like/numeric-keys-in-data", text: '{"kind":"Buffer","data":[256,-1]}' },

  { name: "duplicate-names/scalar", text: '{"a":1,"a":2}' },
  { name: "duplicate-names/type-twice", text: '{"type":"Buffer","type":"Buffer"}' },
  { name: "duplicate-names/data-twice", text: '{"data":"AQI=","data":"AQI="}' },
  { name: "duplicate-names/tag-with-data-twice", text: '{"type":"Buffer","data":"AQI=","data":"AQI="}' },
  { name: "duplicate-names/tag-with-type-twice", text: '{"type":"Buffer","type":"Buffer","data":"AQI="}' },
  { name: "duplicate-names/empty-names", text: '{"":1,"":2}' },

  { name: "unicode/plain", text: '{"name":"Zoë 😀 שלום 名前","\u2028":"\u2029\u007f\ufeff"}' },
  { name: "unicode/not-normalized", text: '["é","e\u0301"]' },
  { name: "unicode/last-code-point", text: '"\u{10ffff}"' },
  { name: "unicode/escaped", text: '"\\u00e9\\uD83D\\ude00\\u0000\\u001f"' },
  { name: "unicode/lone-high-surrogate", text: '"a\\ud800b"' },
  { name: "unicode/lone-low-surrogate", text: '"\\udfff"' },
  { name: "unicode/surrogates-the-wrong-way-round", text: '"\\ude00\\ud83d"' },
  { name: "unicode/two-high-surrogates", text: '"\\ud83d\\ud83d\\ude00"' },
  { name: "unicode/lone-surrogate-in-a-name", text: '{"\\ud800":1}' },
  { name: "escapes/all", text: '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041"' },
  { name: "escapes/json-in-a-string", text: '"{\\"type\\":\\"Buffer\\",\\"data\\":[1]}"' },

  { name: "numbers/largest", text: "[1e308,1.7976931348623157e308,-1.7976931348623157e+308]" },
  { name: "numbers/smallest", text: "[5e-324,2.2250738585072014E-308]" },
  { name: "numbers/minus-zero", text: "[-0,-0.0,0e0,0E-0]" },
  { name: "numbers/beyond-2-to-the-53", text: "[9007199254740993,18446744073709551615]" },
  { name: "numbers/over-double", text: "[1e400,-1e400,1e-400]" },
  { name: "numbers/as-written", text: "[1.0,1.10,1E5,1e+05]" },
  { name: "numbers/many-digits", text: `0.${"123456789".repeat(20)}` },

  { name: "top-level/null", text: "null" },
  { name: "top-level/true", text: "true" },
  { name: "top-level/false", text: " false ", canonical: "false" },
  { name: "top-level/number", text: "\n-12.5e3\n", canonical: "-12.5e3" },
  { name: "top-level/string", text: '"5511999990002"' },
  { name: "top-level/empty-string", text: '""' },
  { name: "top-level/empty-object", text: " { \t} ", canonical: "{}" },
  { name: "top-level/empty-array", text: "[\r\n]", canonical: "[]" },

  {
    name: "white-space/between-tokens",
    text: ' { "a" : [ 1 , 2 , { } , [ ] ] ,\t"b\\t" :\r\n" x  y " }\n',
    canonical: '{"a":[1,2,{},[]],"b\\t":" x  y "}',
  },
  {
    name: "tag/nested-array-form",
    text: '{"public":{"type":"Buffer","data":[1,2]},"private":{"data":[3],"type":"Buffer"}}',
    canonical: '{"public":{"type":"Buffer","data":"AQI="},"private":{"type":"Buffer","data":"Aw=="}}',
  },
  {
    name: "tag/nested-escaped",
    text: '[{"type":"\\u0042uffer","data":"\\/\\/\\/\\/"}]',
    canonical: '[{"type":"Buffer","data":"////"}]',
  },
  {
    name: "tag/nested-empty-array",
    text: '[{"type":"Buffer","data":[ ]}]',
    canonical: '[{"type":"Buffer","data":""}]',
  },

  { name: "depth/128-arrays", text: nested(128) },
  { name: "depth/128-objects", text: '{"a":'.repeat(127) + "{}" + "}".repeat(127) },
  { name: "depth/tag-at-level-128", text: nested(127, '{"type":"Buffer","data":"AQI="}') },
  {
    name: "depth/array-form-at-level-127",
    text: nested(126, '{"type":"Buffer","data":[1,2]}'),
    canonical: nested(126, '{"type":"Buffer","data":"AQI="}'),
  },
  { name: "depth/129-siblings", text: `[${Array(129).fill("[]").join(",")}]` },
];

const JSON_ERROR = "malformed JSON";
const DEPTH_ERROR = "deeper than 128 levels";
const TAG_ERROR = "bad Buffer";
const UTF8_ERROR = "not valid UTF-8";

const quoted = (...bytes: number[]): Uint8Array => Uint8Array.of(0x22, ...bytes, 0x22);
const tag = (data: string): string => `{"type":"Buffer","data":${data}}`;

const MALFORMED: [name: string, text: string][] = [
  ["empty", ""],
  ["white-space-only", " \n"],
  ["byte-order-mark", "\ufeff{}"],
  ["torn-object", '{"noiseKey":{"private"'],
  ["torn-in-a-string", '{"a":"b'],
  ["torn-in-an-escape", '"\\'],
  ["torn-in-a-unicode-escape", '"\\u12'],
  ["torn-array", "[1,2"],
  ["torn-after-a-comma", "[1,"],
  ["torn-after-a-colon", '{"a":'],
  ["two-values", "{} {}"],
  ["text-after-the-value", "{}x"],
  ["nul-after-the-value", "{}\0"],
  ["nul", "\0"],
  ["trailing-comma-array", "[1,]"],
  ["trailing-comma-object", '{"a":1,}'],
  ["leading-comma", "[,1]"],
  ["missing-comma", "[1 2]"],
  ["missing-colon", '{"a" 1}'],
  ["missing-name", "{:1}"],
  ["name-without-quotes", "{a:1}"],
  ["name-number", "{1:1}"],
  ["single-quotes", "{'a':1}"],
  ["comment", "[1/**/]"],
  ["wrong-bracket", "[1}"],
  ["wrong-brace", '{"a":1]'],
  ["closing-only", "]"],
  ["undefined", "undefined"],
  ["nan", "NaN"],
  ["infinity", "-Infinity"],
  ["literal-in-capitals", "True"],
  ["literal-torn", "nul"],
  ["literal-with-a-tail", "nullx"],
  ["number-leading-zero", "01"],
  ["number-plus", "+1"],
  ["number-minus-only", "-"],
  ["number-bare-point", ".5"],
  ["number-no-fraction", "1."],
  ["number-no-exponent", "1e"],
  ["number-no-exponent-digits", "1e+"],
  ["number-hex", "0x10"],
  ["number-big-int", "1n"],
  ["control-character", '"a\nb"'],
  ["control-character-nul", '"a\0b"'],
  ["bad-escape", '"\\x41"'],
  ["bad-escape-capital-u", '"\\U0041"'],
  ["bad-unicode-escape", '"\\u00g0"'],
  ["vertical-tab-between-tokens", "[\v1]"],
  ["no-break-space-between-tokens", "[\u00a01]"],
  ["thousands-of-levels", "[".repeat(10_000)],
];

const TOO_DEEP: [name: string, text: string][] = [
  ["129-arrays", nested(129)],
  ["129-objects", '{"a":'.repeat(128) + "{}" + "}".repeat(128)],
  // The array of the array form is a level too.
  ["array-form-at-level-128", nested(127, tag("[1]"))],
];

const BAD_TAGS: [name: string, text: string][] = [
  ["base64-url-safe", tag('"-_-_"')],
  ["base64-no-padding", tag('"AQI"')],
  ["base64-too-much-padding", tag('"AQI=="')],
  ["base64-padding-only", tag('"===="')],
  ["base64-padding-inside", tag('"AQ==AQ=="')],
  ["base64-one-character", tag('"A"')],
  ["base64-trailing-bits-1", tag('"AQJ="')],
  ["base64-trailing-bits-2", tag('"AR=="')],
  ["base64-white-space", tag('"AQ I="')],
  ["base64-line-break", tag('"AQIDBAUG\\nBwgJ"')],
  ["base64-nul", tag('"AQI\\u0000"')],
  ["base64-not-ascii", tag('"é==="')],
  ["base64-lone-surrogate", tag('"\\ud800"')],
  ["base64-text", tag('"not base64!"')],
  ["base64-data-first", '{"data":"!","type":"Buffer"}'],
  ["base64-nested", `{"deep":[${tag('"!"')}]}`],
  ["array-256", tag("[256]")],
  ["array-large", tag("[4294967296]")],
  ["array-minus-1", tag("[-1]")],
  ["array-minus-0", tag("[-0]")],
  ["array-fraction", tag("[1.5]")],
  ["array-fraction-zero", tag("[1.0]")],
  ["array-exponent", tag("[1e0]")],
  ["array-string", tag('["1"]')],
  ["array-null", tag("[null]")],
  ["array-true", tag("[true]")],
  ["array-nested", tag("[[1]]")],
  ["array-object", tag("[{}]")],
  ["array-last-one-bad", tag("[1,2,300]")],
];

const BAD_UTF8: [name: string, text: Uint8Array][] = [
  ["lone-continuation-byte", quoted(0x80)],
  ["overlong-2", quoted(0xc0, 0xaf)],
  ["overlong-2-c1", quoted(0xc1, 0xbf)],
  ["overlong-3", quoted(0xe0, 0x80, 0xaf)],
  ["overlong-4", quoted(0xf0, 0x80, 0x80, 0xaf)],
  ["surrogate-high", quoted(0xed, 0xa0, 0x80)],
  ["surrogate-low", quoted(0xed, 0xbf, 0xbf)],
  ["surrogate-pair", quoted(0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80)],
  ["above-10ffff", quoted(0xf4, 0x90, 0x80, 0x80)],
  ["lead-f5", quoted(0xf5, 0x80, 0x80, 0x80)],
  ["byte-ff", quoted(0xff)],
  ["truncated-2", quoted(0xc3)],
  ["truncated-3", quoted(0xe2, 0x82)],
  ["truncated-4", quoted(0xf0, 0x9f, 0x98)],
  ["truncated-at-the-end", Uint8Array.of(0x22, 0xe2, 0x82)],
  ["latin-1", quoted(0x5a, 0x6f, 0xeb)],
  ["outside-a-string", Uint8Array.of(0x5b, 0x5d, 0xff)],
];

export const INVALID_TEXTS: InvalidText[] = [
  ...MALFORMED.map(([name, text]) => ({ name: `json/${name}`, text, reason: JSON_ERROR })),
  ...TOO_DEEP.map(([name, text]) => ({ name: `depth/${name}`, text, reason: DEPTH_ERROR })),
  ...BAD_TAGS.map(([name, text]) => ({ name: `tag/${name}`, text, reason: TAG_ERROR })),
  ...BAD_UTF8.map(([name, text]) => ({ name: `utf-8/${name}`, text, reason: UTF8_ERROR })),
];
