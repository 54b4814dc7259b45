// What importFolder makes of a folder before anything is stored, and what it refuses of it.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { BufferJSON, type initAuthCreds } from "baileys";
import type { FolderProgress } from "../src/folder/folder_import.ts";
import {
  creds,
  failure,
  file,
  filesOf,
  folder,
  jsonOf,
  makeFolder,
  path,
  untouched,
} from "./support/folder_fixture.ts";
import { newPool, server, SESSION, warnings } from "./support/pool_fixture.ts";

describe("a folder", () => {
  it("comes back from the session as it went in", async () => {
    makeFolder();
    file("notes.txt", "x");
    const progress: FolderProgress[] = [];
    const pool = newPool();
    const imported = await pool.importFolder(SESSION, folder, { onProgress: (step) => progress.push(step) });
    assert.deepEqual(imported, {
      keys: 6,
      commits: 1,
      credsUnwrapped: false,
      mended: [],
      fromBackup: [],
      ignored: ["notes.txt"],
      leftOut: [],
    });
    assert.deepEqual(progress.at(0), { step: "reading", done: 1, total: 8 });
    assert.deepEqual(progress.at(-1), { step: "comparing", done: 6, total: 6 });
    assert.ok(progress.some(({ step, done, total }) => step === "writing" && done === 1 && total === 1));
    assert.equal(server.session(SESSION).owner, "", "the lease was not given back");

    const exported = join(path, "exported");
    assert.deepEqual(await pool.exportFolder(SESSION, exported), { keys: 6, nullKeys: 0, credsEncodedTwice: false });
    const { "notes.txt": _, ...files } = filesOf(folder);
    assert.deepEqual(filesOf(exported), files);
    assert.deepEqual(readdirSync(path).sort(), ["auth", "exported"]);
    const auth = await pool.useAuthState(SESSION, { create: false });
    assert.equal(auth.state.creds.nextPreKeyId, 2);
  });

  it("that has anything wrong is not imported, and all of it is named", async () => {
    makeFolder();
    file("creds.json", creds().slice(0, 400));
    file("session-5512_1.0.json", "");
    file("session-5511_1.0 (1).json", "{}");
    file("device-list-1.json", "null");
    file("package.json", "{}");
    file("pre-key-.json", "{}");
    file("lid-mapping-2.json", '"\ud800"');
    file("pre-key-2.json", '{"public":{"type":"Buffer","data":"A"}}');
    symlinkSync("/etc/passwd", join(folder, "pre-key-3.json"));
    mkdirSync(join(folder, "pre-key-4.json"));
    const { reason, code, message } = await failure(newPool().importFolder(SESSION, folder));
    assert.deepEqual([code, reason], ["FAILED_PRECONDITION", "FOLDER_PROBLEMS"]);
    const [first, ...lines] = message.split("\n");
    assert.match(first!, /: 9 files stand in the way; nothing was changed$/);
    for (const named of [
      /^creds\.json: malformed JSON/,
      /^session-5512_1\.0\.json: is empty$/,
      /^session-5511_1\.0 \(1\)\.json: has the name of a copy/,
      /^device-list-1\.json: holds null$/,
      /^package\.json: is of no known key type/,
      /^pre-key-\.json: its key id: is empty$/,
      /^pre-key-2\.json: bad Buffer/,
      /^pre-key-3\.json: is a symbolic link/,
      /^pre-key-4\.json: is not a regular file$/,
    ]) {
      assert.ok(
        lines.some((line) => named.test(line)),
        String(named),
      );
    }
    assert.ok(!message.includes(creds().slice(20, 60)), "the message quotes creds");
    untouched();
  });

  const unusable: [name: string, text: string | undefined, why: RegExp][] = [
    ["no creds", undefined, /creds\.json: is missing$/],
    ["creds that are no object", "[1]", /creds\.json: creds must be a JSON object$/],
    [
      "creds without a private key",
      creds().replace(/"private"/, '"secret"'),
      /creds\.json: creds\.\w+\.private is missing/,
    ],
  ];
  for (const [name, text, why] of unusable) {
    it(`with ${name} is refused`, async () => {
      if (text !== undefined) file("creds.json", text);
      file("pre-key-1.json", "{}");
      assert.match((await failure(newPool().importFolder(SESSION, folder))).message, why);
      untouched();
    });
  }

  it("with torn creds is told of whole ones beside them", async () => {
    file("creds.json", "{");
    file("creds.json.bak", "{");
    assert.doesNotMatch((await failure(newPool().importFolder(SESSION, folder))).message, /creds\.json\.bak/);
    file("creds.json.bak", creds());
    assert.match(
      (await failure(newPool().importFolder(SESSION, folder))).message,
      /a whole creds\.json\.bak stands beside it/,
    );
  });

  it("that a program left with a file as its backup alone has that", async () => {
    makeFolder();
    file("lid-mapping-77.json.bak", '"88"');
    file("lid-mapping-5511.json.bak", '"old"');
    file("lid-mapping-99.json.tmp", '"to');
    const { fromBackup, ignored } = await newPool().importFolder(SESSION, folder);
    assert.deepEqual(fromBackup, ["lid-mapping-77.json"]);
    assert.deepEqual(ignored, ["lid-mapping-5511.json.bak", "lid-mapping-99.json.tmp"]);
    assert.deepEqual([jsonOf("lid-mapping/77"), jsonOf("lid-mapping/5511")], ['"88"', '"123"']);
  });

  it("with torn keys is imported without them where that is asked for, and they are named", async () => {
    makeFolder();
    file("session-5511_1.0.json", '{"_sess');
    file("session-5511_1.0.json.bak", '{"old":1}');
    file("sender-key-120@g.us--5511_1--0.json", "");
    file("lid-mapping-5511.json", '"12');
    file("lid-mapping-5511.json.bak", '"old"');
    file("pre-key-1.json", "null");
    const options = { skipTorn: true };
    const { leftOut, fromBackup, keys } = await newPool().importFolder(SESSION, folder, options);
    const [nothing, empty, torn] = leftOut;
    assert.deepEqual(nothing, { file: "pre-key-1.json", reason: "holds null" });
    assert.deepEqual(empty, { file: "sender-key-120@g.us--5511_1--0.json", reason: "is empty" });
    assert.equal(torn?.file, "session-5511_1.0.json");
    assert.match(torn.reason, /^malformed JSON/);
    assert.equal(leftOut.length, 3);
    // Only what peers do not mind to be older.
    assert.deepEqual(fromBackup, ["lid-mapping-5511.json"]);
    assert.equal(jsonOf("lid-mapping/5511"), '"old"');
    assert.deepEqual([keys, server.session(SESSION).keys.size], [3, 3]);

    file("package.json", "{}");
    file("creds.json", "{");
    const { message } = await failure(newPool().importFolder("other", folder, options));
    assert.match(message, /2 files stand in the way.*\ncreds\.json: malformed JSON.*\npackage\.json: is of no known/s);
  });

  it("is taken without its creds where that is asked for, and those of the session stay", async () => {
    makeFolder();
    const pool = newPool();
    await pool.importFolder(SESSION, folder);
    const { creds: before } = server.session(SESSION);
    file("creds.json", "{");
    file("lid-mapping-5511.json", '"456"');
    await pool.importFolder(SESSION, folder, { keysOnly: true, replace: true });
    assert.equal(jsonOf("lid-mapping/5511"), '"456"');
    assert.equal(server.session(SESSION).creds, before);
    assert.equal((await pool.importFolder(SESSION, folder, { keysOnly: true })).commits, 0, "it was written again");

    await pool.importFolder("other", folder, { keysOnly: true });
    assert.deepEqual([server.session("other").creds, server.session("other").keys.size], [undefined, 6]);
    for (const name of readdirSync(folder)) if (name !== "creds.json") rmSync(join(folder, name));
    const { reason, message } = await failure(pool.importFolder(SESSION, folder, { keysOnly: true }));
    assert.equal(reason, "FOLDER_PROBLEMS");
    assert.match(message, /there is nothing to import$/);
  });

  it("that was written within the last minute is warned of", async () => {
    makeFolder();
    const pool = newPool();
    await pool.importFolder(SESSION, folder);
    assert.match(warnings.join(), /auth was written \d+ s ago: if a program still uses it, stop that and import again/);
    warnings.length = 0;
    const longAgo = Date.now() / 1_000 - 61;
    for (const name of readdirSync(folder)) utimesSync(join(folder, name), longAgo, longAgo);
    await pool.importFolder(SESSION, folder);
    assert.deepEqual(warnings, []);
  });

  it("of another writer is mended, which is said", async () => {
    const plain = JSON.parse(creds(), BufferJSON.reviver) as ReturnType<typeof initAuthCreds>;
    const asNumbers = (_: string, value: unknown): unknown =>
      value instanceof Uint8Array
        ? { ...value }
        : (value as { type?: string })?.type === "Buffer"
          ? Buffer.from(value as never).toJSON().data
          : value;
    file("creds.json", JSON.stringify(JSON.stringify(plain, asNumbers)));
    file("pre-key-1.json", '{"public":{"0":216,"1":23},"private":[1,2]}');
    file("sender-key-120@g.us--5511--0.json", '{"buffer":true,"data":"eA=="}');
    file("sender-key-120@g.us--5512--0.json", '[{"senderKeyId":1}]');
    file("identity-key-5511.0.json", '{"buffer":true,"data":[1,2]}');
    file("app-state-sync-version-regular.json", '{"version":1,"hash":[0],"indexValueMap":{"a":{"valueMac":{"0":1}}}}');
    // What only looks like bytes, and is elsewhere.
    file("device-list-5511.json", '{"0":216,"1":23}');
    file("tctoken-1@lid.json", '{"token":{"0":216,"2":23}}');
    const { credsUnwrapped, mended } = await newPool().importFolder(SESSION, folder);
    assert.equal(credsUnwrapped, true);
    assert.deepEqual(mended, [
      "creds.json",
      "app-state-sync-version-regular.json",
      "identity-key-5511.0.json",
      "pre-key-1.json",
      "sender-key-120@g.us--5511--0.json",
      "sender-key-120@g.us--5512--0.json",
    ]);
    assert.equal(jsonOf("sender-key/120@g.us::5512::0"), '[{"senderKeyId":1}]');
    assert.equal(server.session(SESSION).keys.get("sender-key/120@g.us::5512::0")?.value.kind?.$case, "raw");
    const buffer = (data: string): string => `{"type":"Buffer","data":"${data}"}`;
    assert.equal(jsonOf("pre-key/1"), `{"public":${buffer("2Bc=")},"private":${buffer("AQI=")}}`);
    assert.equal(jsonOf("sender-key/120@g.us::5511::0"), "x");
    assert.equal(
      jsonOf("app-state-sync-version/regular"),
      `{"version":1,"hash":${buffer("AA==")},"indexValueMap":{"a":{"valueMac":${buffer("AQ==")}}}}`,
    );
    assert.equal(jsonOf("device-list/5511"), '{"0":216,"1":23}');
    assert.equal(jsonOf("tctoken/1@lid"), '{"token":{"0":216,"2":23}}');
    const auth = await newPool().useAuthState(SESSION, { create: false });
    assert.deepEqual(auth.state.creds.noiseKey.private.length, 32);
  });

  it("that is written meanwhile is refused", async () => {
    makeFolder();
    const onProgress = ({ done }: FolderProgress): void => {
      if (done === 3) file("pre-key-1.json", '{"public":{"type":"Buffer","data":"AAA="}}');
      if (done === 4) file("pre-key-9.json", "{}");
    };
    const { message } = await failure(newPool().importFolder(SESSION, folder, { onProgress }));
    assert.match(message, /\npre-key-1\.json: was written while/);
    assert.match(message, /\npre-key-9\.json: was written while/);
    untouched();
  });

  it("that is not there is told as Node tells it", async () => {
    assert.equal((await failure(newPool().importFolder(SESSION, join(path, "none")))).code, "ENOENT");
  });
});
