import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import type * as baileys from "baileys";
import { MAX_COMMIT_BYTES, MAX_COMMIT_OPERATIONS } from "../src/limits.ts";
import {
  DATABASE_AWAY,
  deletesOf,
  failure,
  key,
  open,
  pacing,
  PATIENCE_MS,
  server,
  SESSION,
  setsOf,
  storedCreds,
} from "./support/auth_state_fixture.ts";
import { until } from "./support/until.ts";

describe("writing", () => {
  it("makes one commit of what one tick writes", async () => {
    const { state, saveCreds } = await open();
    const writes = [
      saveCreds(),
      state.keys.set({ "pre-key": { "1": key(1), "2": null } }),
      saveCreds(),
      state.keys.set({ "lid-mapping": { "55": "1234" } }),
      Promise.resolve().then(() => saveCreds()),
    ];
    await Promise.all(writes);
    assert.equal(server.commits.length, 1);
    const [commit] = server.commits;
    assert.ok(commit?.creds !== undefined && commit.expectedRevision === undefined);
    assert.deepEqual(setsOf(commit), ["pre-key/1", "lid-mapping/55"]);
    assert.deepEqual(deletesOf(commit), ["pre-key/2"]);
  });

  it("sends every attempt at one commit with its id, and other commits with others", async () => {
    const { state } = await open();
    server.failNext("Commit", { code: status.UNAVAILABLE, afterwards: true });
    await state.keys.set({ "pre-key": { "1": key(1) } });
    await state.keys.set({ "pre-key": { "1": key(2) } });
    const [first, again, second] = server.commits.map(({ commitId }) => commitId);
    assert.notEqual(first, 0n);
    assert.equal(first, again);
    assert.notEqual(first, second);
  });

  it("makes one commit of what arrives while another is under way", async () => {
    const { state, saveCreds } = await open();
    const release = server.hold();
    const first = state.keys.set({ "pre-key": { "1": key(1) } });
    await until(() => server.commits.length === 1);
    const rest = [
      state.keys.set({ "pre-key": { "2": key(2) } }),
      saveCreds(),
      state.keys.set({ "pre-key": { "1": null } }),
    ];
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(server.commits.length, 1, "the second commit did not wait for the first");
    release();
    await Promise.all([first, ...rest]);
    assert.equal(server.commits.length, 2);
    assert.deepEqual(setsOf(server.commits[1]!), ["pre-key/2"]);
    assert.deepEqual(deletesOf(server.commits[1]!), ["pre-key/1"]);
    assert.deepEqual([...server.session(SESSION).keys.keys()], ["pre-key/2"]);
  });

  it("stores the creds as they are when the commit leaves, and keys as they were handed over", async () => {
    const { state, saveCreds } = await open();
    const list = ["0"];
    const writes = [saveCreds(), state.keys.set({ "device-list": { "55": list } })];
    state.creds.nextPreKeyId = 813;
    list.push("7");
    await Promise.all(writes);
    assert.equal(storedCreds().nextPreKeyId, 813);
    assert.deepEqual(await state.keys.get("device-list", ["55"]), { "55": ["0"] });
  });

  it("lets the last of several writes of a key win", async () => {
    const { state } = await open();
    await Promise.all([
      state.keys.set({ "lid-mapping": { a: "1", b: "1", c: null } }),
      state.keys.set({ "lid-mapping": { a: "2", b: null, c: "3" } }),
    ]);
    assert.equal(server.commits.length, 1);
    assert.deepEqual(await state.keys.get("lid-mapping", ["a", "b", "c"]), { a: "2", c: "3" });
  });

  it("clears the keys in the order of the calls, and keeps the creds", async () => {
    const { state, saveCreds } = await open();
    await Promise.all([saveCreds(), state.keys.set({ "lid-mapping": { old: "1" } })]);
    await Promise.all([
      state.keys.set({ "lid-mapping": { before: "1" } }),
      state.keys.clear(),
      state.keys.set({ "lid-mapping": { after: "1" } }),
    ]);
    assert.deepEqual([...server.session(SESSION).keys.keys()], ["lid-mapping/after"]);
    assert.notEqual(server.session(SESSION).creds, undefined);
  });

  it("writes what is beside a type without entries", async () => {
    const { state } = await open();
    const identity = Buffer.alloc(33, 5);
    for (const nothing of [undefined, null]) {
      await state.keys.set({ session: nothing, "identity-key": { a: identity } } as unknown as baileys.SignalDataSet);
      assert.deepEqual(await state.keys.get("identity-key", ["a"]), { a: identity });
      await state.keys.set({ "identity-key": { a: null } });
    }
    const commits = server.commits.length;
    const notEntries = { session: "text" } as unknown as baileys.SignalDataSet;
    await assert.rejects(
      async () => state.keys.set(notEntries),
      failure({ code: "INVALID_ARGUMENT", field: "session" }),
    );
    assert.equal(server.commits.length, commits);
  });

  it("stores new creds with the first commit, whatever that is", async () => {
    const { state } = await open();
    await state.keys.set({ "lid-mapping": { a: "1" } });
    assert.deepEqual(storedCreds().noiseKey, state.creds.noiseKey);
    await state.keys.set({ "lid-mapping": { a: "2" } });
    assert.equal(server.commits[1]?.creds, undefined);
  });

  it("sends nothing for an empty set", async () => {
    const { state } = await open();
    await state.keys.set({});
    await state.keys.set({ "pre-key": {} });
    assert.equal(server.commits.length, 0);
  });

  it("splits a set of too many keys, in order", async () => {
    const { state, saveCreds } = await open();
    await saveCreds();
    server.commits.length = 0;
    const entries = Array.from({ length: 2 * MAX_COMMIT_OPERATIONS + 1 }, (_, id) => [`k${id}`, String(id)] as const);
    await state.keys.set({ "lid-mapping": Object.fromEntries(entries) });
    assert.deepEqual(
      server.commits.map(({ sets }) => sets.length),
      [MAX_COMMIT_OPERATIONS, MAX_COMMIT_OPERATIONS, 1],
    );
    assert.deepEqual(
      server.commits.flatMap(setsOf),
      entries.map(([id]) => `lid-mapping/${id}`),
    );
  });

  it("splits a set of too many bytes, and fills no commit beyond the limit", async () => {
    const { state, saveCreds } = await open();
    const value = Buffer.alloc(7 * 1024 * 1024);
    const entries = Array.from({ length: 9 }, (_, id) => [`k${id}`, value] as const);
    await Promise.all([
      saveCreds(),
      ...entries.slice(0, 3).map(([id]) => state.keys.set({ "sender-key": { [id]: value } })),
      state.keys.set({ "sender-key": Object.fromEntries(entries.slice(3)) }),
    ]);
    assert.deepEqual(
      server.commits.map(({ creds, sets }) => [creds !== undefined, sets.length]),
      [
        [true, 3],
        [false, 4],
        [false, 2],
      ],
    );
    assert.ok(4 * value.length <= MAX_COMMIT_BYTES && 5 * value.length > MAX_COMMIT_BYTES);
  });

  it("repeats a commit whose answer was lost, before any later one", async () => {
    const { state } = await open();
    server.failNext("Commit", { ...DATABASE_AWAY, afterwards: true, metadata: { outcome: "UNKNOWN" } });
    const first = state.keys.set({ "lid-mapping": { a: "1" } });
    await until(() => server.commits.length === 1);
    await Promise.all([first, state.keys.set({ "lid-mapping": { a: "2" } })]);
    assert.equal(server.commits.length, 3);
    assert.deepEqual(server.commits[0], server.commits[1]);
    assert.deepEqual(await state.keys.get("lid-mapping", ["a"]), { a: "2" });
  });

  it("waits through a crash of the server", async () => {
    const { state, saveCreds } = await open(Infinity);
    const release = server.hold();
    const writes = Promise.all([saveCreds(), state.keys.set({ "lid-mapping": { a: "1" } })]);
    await until(() => server.commits.length === 1);
    server.stop();
    release();
    await server.start();
    await writes;
    assert.ok(server.commits.length >= 2);
  });

  it("fails when patience ends, and says whether the write may have been applied", async () => {
    const { state } = await open();
    server.refuse = () => ({ ...DATABASE_AWAY, metadata: { outcome: "NOT_APPLIED" } });
    const write = () => state.keys.set({ "lid-mapping": { a: "1" } });
    await assert.rejects(write, failure({ code: "UNAVAILABLE", outcome: "NOT_APPLIED", retryable: true }));
    assert.equal(pacing.now(), PATIENCE_MS);

    // One attempt in doubt leaves the whole write in doubt.
    server.failNext("Commit", { ...DATABASE_AWAY, metadata: { outcome: "UNKNOWN" } });
    await assert.rejects(write, failure({ code: "UNAVAILABLE", outcome: "UNKNOWN", retryable: true }));
  });

  it("lets a write that came later wait for as long as its own patience lasts", async () => {
    const { state } = await open();
    let away = true;
    server.refuse = () => (away ? DATABASE_AWAY : undefined);
    let later: Promise<void> | undefined;
    pacing.onSleep = () => {
      if (pacing.now() > PATIENCE_MS / 2) later ??= state.keys.set({ "lid-mapping": { b: "2" } });
      if (pacing.now() > PATIENCE_MS + 1_000) away = false;
    };
    await assert.rejects(async () => state.keys.set({ "lid-mapping": { a: "1" } }), failure({ code: "UNAVAILABLE" }));
    await later;
    assert.deepEqual(await state.keys.get("lid-mapping", ["b"]), { b: "2" });
  });

  it("carries creds that could not be saved along with the next commit", async () => {
    const { state, saveCreds } = await open(0);
    state.creds.nextPreKeyId = 42;
    server.failNext("Commit", DATABASE_AWAY);
    await assert.rejects(saveCreds(), failure({ code: "UNAVAILABLE", retryable: true }));
    await state.keys.set({ "lid-mapping": { a: "1" } });
    assert.equal(storedCreds().nextPreKeyId, 42);
    await state.keys.set({ "lid-mapping": { a: "2" } });
    assert.equal(server.commits.at(-1)?.creds, undefined);
  });

  it("keeps a write that the server refuses from failing its neighbours", async () => {
    const { state, saveCreds } = await open();
    server.refuse = ({ sets }) => {
      const index = sets.findIndex((entry) => entry.key?.id === "bad");
      if (index < 0) return undefined;
      const metadata = { field: `sets[${index}].key.id`, outcome: "NOT_APPLIED", request_id: "r-7" };
      return { code: status.INVALID_ARGUMENT, reason: "INVALID_FIELD", metadata };
    };
    const results = await Promise.allSettled([
      state.keys.set({ "lid-mapping": { a: "1" } }),
      state.keys.set({ "lid-mapping": { bad: "1" } }),
      saveCreds(),
      state.keys.set({ "lid-mapping": { a: "2" } }),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled", "fulfilled"],
    );
    assert.ok(results[1]?.status === "rejected");
    failure({
      code: "INVALID_ARGUMENT",
      reason: "INVALID_FIELD",
      field: "sets[0].key.id",
      outcome: "NOT_APPLIED",
      requestId: "r-7",
    })(results[1].reason);
    assert.notEqual(server.session(SESSION).creds, undefined);
    assert.deepEqual(await state.keys.get("lid-mapping", ["a"]), { a: "2" });
  });

  it("keeps the order when neighbours of a refused write meet an outage", async () => {
    const { state } = await open();
    server.refuse = ({ sets }) =>
      sets.some((entry) => entry.key?.id === "bad")
        ? { code: status.INVALID_ARGUMENT, reason: "INVALID_FIELD" }
        : undefined;
    const writes = Promise.allSettled([
      state.keys.set({ "lid-mapping": { a: "1", bad: "1" } }),
      state.keys.set({ "lid-mapping": { a: "2" } }),
      state.keys.set({ "lid-mapping": { a: "3" } }),
    ]);
    await until(() => server.commits.length === 2);
    server.failNext("Commit", DATABASE_AWAY);
    const results = await writes;
    assert.deepEqual(
      results.map(({ status }) => status),
      ["rejected", "fulfilled", "fulfilled"],
    );
    assert.deepEqual(await state.keys.get("lid-mapping", ["a"]), { a: "3" });
  });

  it("refuses a bad Buffer by its field before anything is sent", async () => {
    const { state } = await open();
    const bad = { type: "Buffer", data: "!" } as unknown as Buffer;
    await assert.rejects(
      async () => state.keys.set({ "pre-key": { "1": null, "2": { public: bad, private: bad } } }),
      failure({ code: "INVALID_ARGUMENT", reason: "INVALID_FIELD", field: "sets[1].value", outcome: "NOT_APPLIED" }),
    );
    await assert.rejects(
      async () => state.keys.set({ "lid-mapping": { "\udfff": "1" } }),
      failure({ code: "INVALID_ARGUMENT", field: "sets[0].key.id" }),
    );
    assert.equal(server.commits.length, 0);
  });

  it("fails creds that cannot be written, and writes the keys beside them", async () => {
    const { state, saveCreds } = await open();
    state.creds.additionalData = 1n;
    const keys = state.keys.set({ "lid-mapping": { a: "1" } });
    await assert.rejects(saveCreds(), failure({ code: "INVALID_ARGUMENT", field: "creds" }));
    await keys;
    assert.equal(server.session(SESSION).keys.size, 1);
  });
});
