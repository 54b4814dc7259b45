import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { FolderProgress } from "../src/folder/folder_import.ts";
import { creds, failure, filesOf, folder, makeFolder, path } from "./support/folder_fixture.ts";
import { newPool, server, SESSION } from "./support/pool_fixture.ts";

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
