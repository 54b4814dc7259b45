// importFolder and exportFolder of a pool; the folder of tests/integration/cli_folder_test.cc is one of those here.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { BufferJSON, initAuthCreds } from "baileys";
import { type AuthStateError, LeaseHeldError, LeaseLostError } from "../src/errors.ts";
import type { FolderProgress } from "../src/folder/folder_import.ts";
import { NOT_APPLIED, newPool, pacing, server, SESSION, TTL_MS } from "./support/pool_fixture.ts";

let path: string;
let folder: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "authstate-folder-"));
  folder = join(path, "auth");
  mkdirSync(folder);
});
afterEach(() => rmSync(path, { recursive: true }));

const creds = (): string => JSON.stringify({ ...initAuthCreds(), nextPreKeyId: 2 }, BufferJSON.replacer);
const file = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const filesOf = (directory: string): Record<string, string> =>
  Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")]));

function makeFolder(): void {
  file("creds.json", creds());
  file("pre-key-1.json", '{"public":{"type":"Buffer","data":"AA=="}}');
  file("session-5511_1.0.json", '{"_sessions":{},"version":"v1"}');
  file("sender-key-120@g.us--5511_1--0.json", '{"type":"Buffer","data":"eA=="}');
  file("app-state-sync-key-AA__A+K____6w==.json", '{"keyData":"x"}');
  file("lid-mapping-5511.json", '"123"');
  file("tctoken-__index.json", '{"token":{"type":"Buffer","data":""}}');
}

// Five values that need two commits.
function makeLargeFolder(): void {
  file("creds.json", creds());
  for (let id = 1; id <= 5; id++) file(`session-${id}.0.json`, JSON.stringify("x".repeat(7 << 20)));
}

const failure = async (work: Promise<unknown>): Promise<AuthStateError> => {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof Error, "it did not fail");
  return error as AuthStateError;
};
const untouched = (): void => {
  const { exists, fence, owner } = server.session(SESSION);
  assert.deepEqual([exists, fence, owner], [false, 0n, ""]);
};
const jsonOf = (name: string): unknown => {
  const kind = server.session(SESSION).keys.get(name)?.value.kind;
  return kind?.$case === "json" ? kind.value : kind?.value.toString();
};

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

describe("importFolder", () => {
  it("replaces a session only when it is told to, whole", async () => {
    makeFolder();
    const pool = newPool();
    await pool.importFolder(SESSION, folder);
    rmSync(join(folder, "pre-key-1.json"));
    file("lid-mapping-5511.json", '"456"');
    const { code, reason, outcome } = await failure(pool.importFolder(SESSION, folder));
    assert.deepEqual([code, reason, outcome], ["ALREADY_EXISTS", "SESSION_EXISTS", "NOT_APPLIED"]);
    assert.equal(jsonOf("lid-mapping/5511"), '"123"');
    file("lid-mapping-5511.json", '"123"');
    file("pre-key-1.json", '{"public":{"type":"Buffer","data":"AA=="}}');
    assert.equal((await pool.importFolder(SESSION, folder)).commits, 0, "the same was written again");
    rmSync(join(folder, "pre-key-1.json"));
    file("lid-mapping-5511.json", '"456"');
    await pool.importFolder(SESSION, folder, { replace: true });
    assert.deepEqual([jsonOf("lid-mapping/5511"), jsonOf("pre-key/1")], ['"456"', undefined]);
  });

  it("writes keys first and creds last where one commit does not do, and can be run again", async () => {
    makeLargeFolder();
    const pool = newPool();
    let commits = 0;
    server.judgeUnaryCommit = () =>
      ++commits === 2 ? { code: status.INVALID_ARGUMENT, metadata: NOT_APPLIED } : undefined;
    const { message } = await failure(pool.importFolder(SESSION, folder));
    assert.match(message, /1 of 3 commits were applied, the session has no creds; import again to finish it/);
    const session = server.session(SESSION);
    assert.deepEqual([session.creds, session.keys.size, session.owner], [undefined, 5, ""]);
    assert.equal(jsonOf("import/unfinished"), JSON.stringify(`folder ${folder}`));
    assert.equal((await failure(pool.useAuthState(SESSION))).reason, "ORPHANED_KEYS");
    server.judgeUnaryCommit = () => undefined;
    await assert.rejects(pool.importFolder(SESSION, `${folder}/.`), /holds something else/);
    assert.equal((await pool.importFolder(SESSION, folder)).commits, 3);
    assert.ok(session.creds !== undefined && session.keys.size === 5);
    assert.equal(server.log.includes("deleteCreds"), false);
  });

  it("takes the creds of a session away before keys in several commits, and leaves it never empty", async () => {
    makeFolder();
    const pool = newPool();
    await pool.importFolder(SESSION, folder);
    makeLargeFolder();
    const session = server.session(SESSION);
    session.keys.clear();
    const seen: [hasCreds: boolean, names: string[]][] = [];
    server.judgeUnaryCommit = () => {
      seen.push([session.creds !== undefined, [...session.keys.keys()]]);
      return undefined;
    };
    await pool.importFolder(SESSION, folder, { replace: true });
    assert.deepEqual(seen[0], [true, []]);
    assert.deepEqual(seen[1], [false, ["import/unfinished"]]);
    assert.equal(seen[2]?.[0], false);
    assert.equal(session.keys.has("import/unfinished"), false);
    assert.ok(session.creds !== undefined);
  });

  it("is refused while somebody has the session, and told when it is taken away in the middle", async () => {
    makeFolder();
    const pool = newPool();
    server.takeOver(SESSION, "other:1");
    assert.ok((await failure(pool.importFolder(SESSION, folder))) instanceof LeaseHeldError);
    server.judgeUnaryCommit = () => {
      server.takeOver(SESSION, "thief:1");
      return undefined;
    };
    assert.ok((await failure(pool.importFolder(SESSION, folder, { steal: true }))) instanceof LeaseLostError);
    const { exists, owner } = server.session(SESSION);
    assert.deepEqual([exists, owner], [false, "thief:1"]);
  });

  it("is refused while this process has the session open", async () => {
    makeFolder();
    const pool = newPool();
    await (await pool.useAuthState(SESSION)).saveCreds();
    assert.equal((await failure(pool.importFolder(SESSION, folder, { replace: true }))).reason, "ALREADY_OPEN");
  });

  it("renews its lease for as long as it takes", async () => {
    makeFolder();
    const onProgress = ({ step }: FolderProgress): void => {
      if (step === "writing") pacing.advance(TTL_MS);
    };
    await newPool().importFolder(SESSION, folder, { onProgress });
    assert.ok(server.log.includes("renewLease"));
  });

  it("goes on after an outage, with each commit once", async () => {
    makeFolder();
    let failures = 2;
    server.judgeUnaryCommit = () => (failures-- > 0 ? { code: status.UNAVAILABLE } : undefined);
    await newPool().importFolder(SESSION, folder);
    assert.equal(new Set(server.unaryCommits.map(({ commitId }) => commitId)).size, 1);
    assert.equal(server.unaryCommits.length, 3);
  });

  it("ends where it is aborted, and says what was done", async () => {
    makeLargeFolder();
    const stop = async (when: (progress: FolderProgress) => boolean): Promise<AuthStateError> => {
      const controller = new AbortController();
      const onProgress = (progress: FolderProgress): void => {
        if (when(progress)) controller.abort();
      };
      const work = newPool().importFolder(SESSION, folder, { signal: controller.signal, onProgress });
      return failure(work);
    };
    assert.equal((await stop(({ done }) => done === 2)).name, "AbortError");
    untouched();
    const early = await stop(({ step, done }) => step === "writing" && done === 1);
    assert.deepEqual([early.code, early.reason], ["CANCELLED", "IMPORT_UNFINISHED"]);
    assert.match(early.message, /1 of 3 commits were applied, the session has no creds/);
    assert.equal(server.session(SESSION).owner, "");
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    makeFolder();
    server.session(SESSION).exists = false;
    assert.match(
      (await stop(({ step, done }) => step === "writing" && done === 1)).message,
      /imported, but not compared/,
    );
  });

  it("is ended by the close of its pool, which waits until the lease is given back", async () => {
    makeLargeFolder();
    const pool = newPool();
    let closed: Promise<unknown> | undefined;
    const onProgress = ({ step, done }: FolderProgress): void => {
      if (step === "writing" && done === 1) closed ??= pool.close().then(() => server.session(SESSION).owner);
    };
    assert.match((await failure(pool.importFolder(SESSION, folder, { onProgress }))).message, /1 of 3 commits/);
    assert.equal(await closed, "");
    assert.equal((await failure(pool.importFolder(SESSION, folder))).reason, "CLOSED");
  });

  it("tells when the store holds something else than was imported", async () => {
    makeFolder();
    const cases: [distort: typeof server.distort, why: RegExp][] = [
      [
        (page) => ({ ...page, creds: { kind: { $case: "json", value: "{}" } } }),
        /does not hold what was imported: the creds/,
      ],
      [(page) => ({ ...page, keys: page.keys.slice(1) }), /does not hold what was imported: key app-state-sync-key/],
      [
        (page) => ({ ...page, keys: [...page.keys, { key: { type: "pre-key", id: "7" }, value: page.creds }] }),
        /does not hold what was imported: key pre-key 7/,
      ],
    ];
    for (const [distort, why] of cases) {
      server.distort = distort;
      const { code, message } = await failure(newPool().importFolder(SESSION, folder, { replace: true }));
      assert.equal(code, "DATA_LOSS");
      assert.match(message, why);
    }
  });

  it("takes JSON that the store has written in its own way for the same", async () => {
    makeFolder();
    server.distort = (page) => ({
      ...page,
      keys: page.keys.map((entry) =>
        entry.key?.type === "session"
          ? { ...entry, value: { kind: { $case: "json", value: '{"version":"v1","_sessions":{}}' } } }
          : entry,
      ),
    });
    assert.equal((await newPool().importFolder(SESSION, folder)).keys, 6);
  });
});

describe("exportFolder", () => {
  it("writes to an empty folder, and to none that has anything", async () => {
    makeFolder();
    const pool = newPool();
    await pool.importFolder(SESSION, folder);
    const target = join(path, "target");
    mkdirSync(target);
    await pool.exportFolder(SESSION, target);
    assert.deepEqual(filesOf(target), filesOf(folder));
    assert.equal((await failure(pool.exportFolder(SESSION, target))).reason, "FOLDER_NOT_EMPTY");
    assert.equal((await failure(pool.exportFolder(SESSION, join(path, "a/b")))).code, "ENOENT");
  });

  it("refuses what would be no such folder, and leaves nothing behind", async () => {
    makeFolder();
    const pool = newPool();
    const target = join(path, "target");
    assert.equal((await failure(pool.exportFolder("nobody", target))).reason, "NO_SESSION");
    await pool.importFolder(SESSION, folder);
    const { keys } = server.session(SESSION);
    const value = { kind: { $case: "json", value: "{}" } } as const;
    keys.set("session/a:b", { key: { type: "session", id: "a:b" }, value });
    keys.set("session/a-b", { key: { type: "session", id: "a-b" }, value });
    const { message } = await failure(pool.exportFolder(SESSION, target));
    assert.match(message, /the keys session a-b and session a:b would share the file session-a-b\.json/);
    keys.delete("session/a:b");
    keys.set("session/long", { key: { type: "session", id: "x".repeat(300) }, value });
    assert.match((await failure(pool.exportFolder(SESSION, target))).message, /cannot be written \(ENAMETOOLONG\)/);
    keys.delete("session/long");
    server.session(SESSION).creds = undefined;
    assert.equal((await failure(pool.exportFolder(SESSION, target))).reason, "NO_CREDS");
    assert.deepEqual(readdirSync(path), ["auth"]);
  });

  it("ends where it is aborted, with nothing left behind", async () => {
    makeFolder();
    const pool = newPool();
    await pool.importFolder(SESSION, folder);
    const controller = new AbortController();
    const onProgress = ({ step, done }: FolderProgress): void => {
      if (step === "writing" && done > 0) controller.abort(new Error("enough"));
    };
    const work = pool.exportFolder(SESSION, join(path, "target"), { signal: controller.signal, onProgress });
    assert.equal((await failure(work)).message, "enough");
    assert.deepEqual(readdirSync(path), ["auth"]);
  });

  it("leaves out what Baileys takes for absent, and says of creds that were encoded twice", async () => {
    makeFolder();
    const pool = newPool();
    await pool.importFolder(SESSION, folder);
    const session = server.session(SESSION);
    session.keys.set("pre-key/5", {
      key: { type: "pre-key", id: "5" },
      value: { kind: { $case: "json", value: "null" } },
    });
    session.creds = { kind: { $case: "json", value: JSON.stringify(creds()) } };
    const target = join(path, "target");
    assert.deepEqual(await pool.exportFolder(SESSION, target), { keys: 6, nullKeys: 1, credsEncodedTwice: true });
    assert.equal((await pool.importFolder("other", target)).credsUnwrapped, true);
  });
});
