import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { AuthStateError } from "../src/errors.ts";
import { count, newPool, NOT_APPLIED, read, server, SESSION, warnings, write } from "./support/pool_fixture.ts";
import { until } from "./support/until.ts";

describe("the cache of a session", () => {
  it("answers every get after one load, absent keys too", async () => {
    const pool = newPool();
    const first = await pool.useAuthState(SESSION);
    await Promise.all([write(first, "1"), first.saveCreds()]);
    await first.close();
    const auth = await pool.useAuthState(SESSION);
    assert.deepEqual(auth.state.creds.noiseKey, first.state.creds.noiseKey);
    assert.deepEqual(await read(auth, "a", "b"), { a: "1" });
    assert.equal(count("get"), 0);
    assert.equal(count("load"), 1);
  });

  it("refuses a session that was not answered whole", async () => {
    const pool = newPool();
    const first = await pool.useAuthState(SESSION);
    await write(first, "1");
    await first.close();
    server.distort = (page) => ({ ...page, keys: page.keys.map(({ key }) => ({ key, value: undefined })) });
    await assert.rejects(pool.useAuthState(SESSION), (error) => (error as AuthStateError).code === "DATA_LOSS");
    assert.equal(server.session(SESSION).owner, "");
  });

  it("knows what is written, deleted and cleared", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await Promise.all([write(auth, "1"), write(auth, "2", "b")]);
    await auth.state.keys.set({ "lid-mapping": { a: null } });
    assert.deepEqual(await read(auth, "a", "b"), { b: "2" });
    await auth.state.keys.clear();
    assert.deepEqual(await read(auth, "a", "b"), {});
    assert.equal(count("get"), 0);
  });

  it("keeps no trace of a commit that failed", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await write(auth, "1");
    server.judge = ({ $case }) =>
      $case === "commit" ? { code: status.RESOURCE_EXHAUSTED, reason: "DISK_FULL", metadata: NOT_APPLIED } : undefined;
    await assert.rejects(write(auth, "2"), (error) => (error as AuthStateError).reason === "DISK_FULL");
    assert.deepEqual(await read(auth, "a"), { a: "1" });
  });

  it("reads what it had to drop, and never takes that for absent", async () => {
    const auth = await newPool({ cacheBytes: 2_000 }).useAuthState(SESSION);
    const ids = Array.from({ length: 50 }, (_, id) => `k${id}`);
    await auth.state.keys.set({ "lid-mapping": Object.fromEntries(ids.map((id) => [id, id])) });
    assert.deepEqual(await read(auth, "k0", "absent"), { k0: "k0" });
    assert.deepEqual(await read(auth, "k0", "absent"), { k0: "k0" });
    assert.equal(count("get"), 1);
    assert.deepEqual(await read(auth, ...ids), Object.fromEntries(ids.map((id) => [id, id])));
  });

  it("drops what was used least recently, and keeps the rest", async () => {
    // There is room for 13 of these keys.
    const auth = await newPool({ cacheBytes: 2_000 }).useAuthState(SESSION);
    for (let id = 0; id < 10; id++) await write(auth, "value", `k${id}`);
    await read(auth, "k0");
    for (let id = 10; id < 16; id++) await write(auth, "value", `k${id}`);
    assert.deepEqual(await read(auth, "k0", "k15"), { k0: "value", k15: "value" });
    assert.equal(count("get"), 0);
    assert.deepEqual(await read(auth, "k1"), { k1: "value" });
    assert.equal(count("get"), 1);
  });

  it("shows a write that is under way once it is acknowledged, and never what was there before it", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await write(auth, "1");
    const release = server.hold();
    const writing = write(auth, "2");
    let seen: Record<string, string> | undefined;
    const reading = read(auth, "a").then((found) => (seen = found));
    // Whoever reads other keys does not wait for it.
    assert.deepEqual(await read(auth, "b"), {});
    await until(() => count("commit 2") === 1);
    assert.equal(seen, undefined);
    release();
    await Promise.all([writing, reading]);
    assert.deepEqual(seen, { a: "2" });
  });

  it("hands out bytes of the caller's own", async () => {
    const auth = await newPool().useAuthState(SESSION);
    const key = Buffer.from([1, 2, 3]);
    await auth.state.keys.set({ "sender-key": { a: key } });
    const { a: first } = await auth.state.keys.get("sender-key", ["a"]);
    first?.fill(0);
    assert.deepEqual(await auth.state.keys.get("sender-key", ["a"]), { a: key });
  });

  it("is not trusted after the store went back to an earlier state", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await write(auth, "1");
    await write(auth, "2");
    // The store goes back to what a stand-by without the last commit would show.
    const session = server.session(SESSION);
    session.applied = 1n;
    session.keys.get("lid-mapping/a")!.value = { kind: { $case: "json", value: '"1"' } };
    await write(auth, "3", "b");
    assert.deepEqual(await read(auth, "a", "b"), { a: "1", b: "3" });
    assert.ok(warnings.some((warning) => /lost commits/.test(warning)));
  });
});
