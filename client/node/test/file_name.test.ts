import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromFileName, toFileName } from "../src/folder/file_name.ts";

const RULES = { keyTypes: [], literalIds: false };

describe("the file name of a key", () => {
  const both: [file: string, type: string, id: string][] = [
    ["pre-key-812.json", "pre-key", "812"],
    ["session-5511999990001_1.12.json", "session", "5511999990001_1.12"],
    ["sender-key-120363@g.us--5511_1--0.json", "sender-key", "120363@g.us::5511_1::0"],
    ["sender-key-5511-1600000000@g.us--5511--7.json", "sender-key", "5511-1600000000@g.us::5511::7"],
    ["sender-key-memory-120363@g.us.json", "sender-key-memory", "120363@g.us"],
    ["sender-key-memory-5511-1600000000@g.us.json", "sender-key-memory", "5511-1600000000@g.us"],
    ["app-state-sync-key-AA__A+K____6w==.json", "app-state-sync-key", "AA/A+K//6w=="],
    ["app-state-sync-version-critical_unblock_low.json", "app-state-sync-version", "critical_unblock_low"],
    ["lid-mapping-123_reverse.json", "lid-mapping", "123_reverse"],
    ["tctoken-__index.json", "tctoken", "__index"],
    ["tctoken-5511-7@s.whatsapp.net.json", "tctoken", "5511:7@s.whatsapp.net"],
    ["tctoken-5511@lid.json", "tctoken", "5511@lid"],
    ["device-list-5511.json", "device-list", "5511"],
    ["identity-key-5511_1.0.json", "identity-key", "5511_1.0"],
  ];
  for (const [file, type, id] of both) {
    it(`${file} is that of ${type} ${id}, and back`, () => {
      assert.deepEqual(fromFileName(file, RULES), { type, id });
      assert.equal(toFileName({ type, id }), file);
    });
  }

  const refused: [file: string, why: RegExp][] = [
    ["notes.json", /^is of no known key type/],
    ["session-5511.0 (1).json", /^has the name of a copy/],
    ["session-a-b.json", /^the id of this session cannot be told/],
    ["app-state-sync-key-AA-A.json", /^the id of this app-state-sync-key cannot be told/],
    ["app-state-sync-key-AA___A.json", /^the id of this app-state-sync-key cannot be told/],
    ["sender-key-120@g.us--5511.json", /^the id of this sender-key cannot be told/],
    ["sender-key-5511-x@g.us--5511--0.json", /^the id of this sender-key cannot be told/],
    ["tctoken-5511-7@example.org.json", /^the id of this tctoken cannot be told/],
  ];
  for (const [file, why] of refused) {
    it(`${file} is refused`, () => {
      const key = fromFileName(file, RULES);
      assert.ok(typeof key === "string");
      assert.match(key, why);
    });
  }

  it("is taken as it stands where the caller says so, and a type of the caller's is known", () => {
    assert.deepEqual(fromFileName("session-a-b.json", { keyTypes: [], literalIds: true }), {
      type: "session",
      id: "a-b",
    });
    assert.deepEqual(
      fromFileName("session-a:b.json", { keyTypes: [], literalIds: true }),
      "useMultiFileAuthState would not name a file so",
    );
    assert.deepEqual(fromFileName("my-type-1.json", { keyTypes: ["my:type"], literalIds: false }), {
      type: "my:type",
      id: "1",
    });
  });
});
