// How importFolder stores a folder.
import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { type AuthStateError, LeaseHeldError, LeaseLostError } from "../src/errors.ts";
import type { FolderProgress } from "../src/folder/folder_import.ts";
import { failure, file, folder, jsonOf, makeFolder, makeLargeFolder, untouched } from "./support/folder_fixture.ts";
import { newPool, NOT_APPLIED, pacing, server, SESSION, TTL_MS } from "./support/pool_fixture.ts";

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

  it("only tells what it would do where that is asked for, also while somebody has the session", async () => {
    makeFolder();
    const pool = newPool();
    const dryRun = true;
    const { keys, commits } = await pool.importFolder(SESSION, folder, { dryRun });
    assert.deepEqual([keys, commits], [6, 1]);
    untouched();
    await pool.importFolder(SESSION, folder);
    const auth = await pool.useAuthState(SESSION, { create: false });
    assert.equal((await pool.importFolder(SESSION, folder, { dryRun })).commits, 0);
    file("lid-mapping-5511.json", '"456"');
    assert.equal((await failure(pool.importFolder(SESSION, folder, { dryRun }))).reason, "SESSION_EXISTS");
    assert.equal((await pool.importFolder(SESSION, folder, { dryRun, replace: true })).commits, 1);
    assert.equal(jsonOf("lid-mapping/5511"), '"123"');
    await auth.close();
  });

  it("leaves the creds of the session alone where keys alone come in several commits", async () => {
    makeFolder();
    const pool = newPool();
    await pool.importFolder(SESSION, folder);
    makeLargeFolder();
    const session = server.session(SESSION);
    const before = session.creds;
    let commits = 0;
    server.judgeUnaryCommit = () => {
      assert.equal(session.creds, before);
      return ++commits === 2 ? { code: status.INVALID_ARGUMENT, metadata: NOT_APPLIED } : undefined;
    };
    const options = { keysOnly: true, replace: true };
    const { message } = await failure(pool.importFolder(SESSION, folder, options));
    assert.match(message, /: 1 of 3 commits were applied; import again to finish it/);
    assert.equal((await pool.importFolder(SESSION, folder, options)).commits, 3);
    assert.equal(session.keys.has("import/unfinished"), false);
    assert.equal(server.log.includes("deleteCreds"), false);
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
