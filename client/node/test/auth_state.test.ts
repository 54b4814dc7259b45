import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, it } from "node:test";
import { credentials, status } from "@grpc/grpc-js";
import * as baileys from "baileys";
import { type AuthState, type AuthStateEvents, openAuthState } from "../src/auth_state.ts";
import { decodeValue, encodeValue } from "../src/codec/value_codec.ts";
import { WarningLimit } from "../src/connection/warning_limit.ts";
import { AuthStateError } from "../src/errors.ts";
import type { CommitRequest } from "../src/gen/authstate/v1/auth_state_service.ts";
import { MAX_COMMIT_BYTES, MAX_COMMIT_OPERATIONS } from "../src/limits.ts";
import { Endpoints } from "../src/rpc/endpoints.ts";
import { GrpcTransport } from "../src/rpc/grpc_transport.ts";
import { sessionRetry } from "../src/session/session_retry.ts";
import { UnleasedSession } from "../src/session/unleased_session.ts";
import { FakePacing } from "./fake_pacing.ts";
import { type Failure, ScriptedServer } from "./scripted_server.ts";

const SESSION = "5511999990001";
const PATIENCE_MS = 60_000;
const DATABASE_AWAY: Failure = { code: status.UNAVAILABLE, reason: "DATABASE_UNAVAILABLE" };

let server: ScriptedServer;
let pacing: FakePacing;
let opened: AuthState[];

async function open(patienceMs = PATIENCE_MS): Promise<AuthState> {
  const endpoints = new Endpoints([server.address], credentials.createInsecure());
  const retry = sessionRetry(SESSION, pacing, undefined, new WarningLimit(pacing));
  const store = new UnleasedSession(SESSION, new GrpcTransport(endpoints), retry);
  const events = new EventEmitter<AuthStateEvents>();
  const onClosed = (): void => endpoints.close();
  try {
    const auth = await openAuthState(SESSION, {
      ...{ store, baileys, pacing, patienceMs, onOrphanedKeys: "refuse", logger: undefined, events },
      openingEnd: pacing.now() + patienceMs,
      onLeaving: () => undefined,
      onClosed,
    });
    opened.push(auth);
    return auth;
  } catch (error) {
    endpoints.close();
    throw error;
  }
}

beforeEach(async () => {
  server = new ScriptedServer();
  await server.start();
  pacing = new FakePacing();
  opened = [];
});

afterEach(async () => {
  await Promise.allSettled(opened.map((auth) => auth.close()));
  server.stop();
});

const key = (value: number) => ({ public: Buffer.alloc(32, value), private: Buffer.alloc(32, value) });
const setsOf = ({ sets }: CommitRequest): string[] => sets.map((entry) => `${entry.key?.type}/${entry.key?.id}`);
const deletesOf = ({ deletes }: CommitRequest): string[] => deletes.map(({ type, id }) => `${type}/${id}`);
const storedCreds = (): baileys.AuthenticationCreds =>
  decodeValue(server.session(SESSION).creds) as baileys.AuthenticationCreds;
// Waits, without a clock, until `condition` holds.
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
const failure = (fields: Partial<AuthStateError>) => (error: unknown) => {
  assert.ok(error instanceof AuthStateError, String(error));
  for (const [name, value] of Object.entries(fields)) assert.equal(error[name as keyof AuthStateError], value, name);
  return true;
};

describe("opening an auth state", () => {
  it("makes new creds when the server says that there are none, and stores nothing by itself", async () => {
    const { state } = await open();
    assert.equal(state.creds.registered, false);
    assert.equal(state.creds.noiseKey.private.length, 32);
    assert.equal(server.commits.length, 0);
  });

  it("reads back the creds it saved", async () => {
    const first = await open();
    first.state.creds.routingInfo = Buffer.from([1, 2, 3]);
    await first.saveCreds();
    const second = await open();
    const withoutUndefined = JSON.parse(JSON.stringify(first.state.creds, baileys.BufferJSON.replacer)) as object;
    assert.deepEqual(Object.keys(second.state.creds), Object.keys(withoutUndefined));
    assert.deepEqual({ ...first.state.creds }, { ...first.state.creds, ...second.state.creds });
  });

  it("makes no creds while the database is away, and throws when patience ends", async () => {
    server.failNext("GetCreds", ...Array<Failure>(1000).fill(DATABASE_AWAY));
    await assert.rejects(open(), failure({ code: "UNAVAILABLE", reason: "DATABASE_UNAVAILABLE", retryable: true }));
    assert.equal(pacing.now(), PATIENCE_MS);
  });

  it("makes no creds for a NOT_FOUND that is not about creds", async () => {
    for (const reason of [undefined, "NO_SESSION"]) {
      server.failNext(
        "GetCreds",
        reason === undefined ? { code: status.NOT_FOUND } : { code: status.NOT_FOUND, reason },
      );
      await assert.rejects(open(), failure({ code: "NOT_FOUND", retryable: false }));
    }
  });

  it("refuses creds that are no object", async () => {
    for (const value of [null, 5, "creds", Buffer.alloc(3)]) {
      server.session(SESSION).creds = encodeValue(value);
      await assert.rejects(open(), failure({ code: "DATA_LOSS" }));
    }
    server.session(SESSION).creds = { kind: { $case: "json", value: '{"secret' } };
    await assert.rejects(
      open(),
      (error: Error) => failure({ code: "DATA_LOSS" })(error) && !/secret/.test(error.stack!),
    );
  });

  it("waits for a server that starts late", async () => {
    server.stop();
    pacing.onSleep = () => {
      pacing.onSleep = () => undefined;
      void server.start();
    };
    const { state } = await open(Infinity);
    assert.equal(state.creds.registered, false);
    assert.ok(pacing.sleeps.length > 0);
  });
});

describe("get", () => {
  it("leaves out the keys that are not there, and asks for each key once", async () => {
    const { state } = await open();
    await state.keys.set({ "pre-key": { "1": key(1) } });
    assert.deepEqual(await state.keys.get("pre-key", ["1", "2", "1"]), { "1": key(1) });
    assert.deepEqual(server.reads.at(-1)?.keys, [{ type: "pre-key", ids: ["1", "2"] }]);
  });

  it("answers for ids that every object has as for any other", async () => {
    const { state } = await open();
    const ids = ["__proto__", "constructor", "toString"];
    const absent = await state.keys.get("lid-mapping", ids);
    for (const id of ids) assert.equal(absent[id], undefined, id);
    assert.deepEqual(absent, {});
    const written = Object.fromEntries(ids.map((id) => [id, `value of ${id}`]));
    await state.keys.set({ "lid-mapping": written });
    const found = await state.keys.get("lid-mapping", [...ids, "valueOf"]);
    for (const id of ids) assert.equal(found[id], `value of ${id}`);
    assert.deepEqual(Object.keys(found), ids);
  });

  it("refuses a type or an id that is no string", async () => {
    const { state } = await open();
    for (const name of [undefined, null, 1, true, {}] as unknown as string[]) {
      const refused = (field: string) => failure({ code: "INVALID_ARGUMENT", field });
      await assert.rejects(async () => state.keys.get("session", ["a", name]), refused("keys[0].ids[1]"));
      await assert.rejects(async () => state.keys.get(name as "session", ["a"]), refused("keys[0].type"));
    }
    assert.equal(server.reads.length, 0);
  });

  it("asks nobody for no keys", async () => {
    const { state } = await open();
    assert.deepEqual(await state.keys.get("session", []), {});
    assert.equal(server.reads.length, 0);
  });

  it("revives an app-state-sync-key with its bytes", async () => {
    const { state } = await open();
    const { AppStateSyncKeyData } = baileys.proto.Message;
    const stored = AppStateSyncKeyData.create({ keyData: Buffer.alloc(32, 7), timestamp: 1_760_000_000_000 });
    await state.keys.set({ "app-state-sync-key": { AAAAAK6J: stored } });
    const { AAAAAK6J: read } = await state.keys.get("app-state-sync-key", ["AAAAAK6J"]);
    assert.ok(read instanceof AppStateSyncKeyData);
    assert.deepEqual(Buffer.from(read.keyData!), Buffer.alloc(32, 7));
    assert.equal(Number(read.timestamp), 1_760_000_000_000);
  });

  it("waits through an outage and answers with the key", async () => {
    const { state } = await open();
    await state.keys.set({ "pre-key": { "1": key(1) } });
    server.failNext(
      "GetKeys",
      DATABASE_AWAY,
      { code: status.RESOURCE_EXHAUSTED, reason: "QUEUE_FULL", retryDelayMs: 2_500 },
      { code: status.DEADLINE_EXCEEDED, reason: "DEADLINE_PASSED" },
      { code: status.INTERNAL },
    );
    assert.deepEqual(await state.keys.get("pre-key", ["1"]), { "1": key(1) });
    // These are half of 100, 200, 400 and 800 ms; the second one follows the 2,500 ms that the server asked for.
    assert.deepEqual(pacing.sleeps, [50, 2_600, 200, 400]);
  });

  it("waits through a crash of the server", async () => {
    const { state } = await open(Infinity);
    await state.keys.set({ "pre-key": { "1": key(1) } });
    const release = server.hold();
    const answer = state.keys.get("pre-key", ["1"]);
    await until(() => server.reads.length === 1);
    server.stop();
    release();
    await server.start();
    assert.deepEqual(await answer, { "1": key(1) });
  });

  it("throws when patience ends, and never answers with emptiness", async () => {
    const { state } = await open();
    server.failNext("GetKeys", ...Array<Failure>(1000).fill(DATABASE_AWAY));
    await assert.rejects(
      async () => state.keys.get("session", ["a"]),
      failure({ code: "UNAVAILABLE", reason: "DATABASE_UNAVAILABLE", outcome: undefined, retryable: true }),
    );
    assert.equal(pacing.now(), PATIENCE_MS);
    assert.ok(Math.max(...pacing.sleeps) <= 2_500);
  });

  it("throws at once what waiting cannot help", async () => {
    const { state } = await open();
    const hopeless: Failure[] = [
      { code: status.DATA_LOSS, reason: "CORRUPT_VALUE", metadata: { request_id: "r-1" } },
      { code: status.INTERNAL, reason: "DATABASE_ERROR" },
      { code: status.RESOURCE_EXHAUSTED, reason: "DISK_FULL" },
      { code: status.FAILED_PRECONDITION, reason: "SCHEMA_UNKNOWN" },
      { code: status.PERMISSION_DENIED },
    ];
    for (const scripted of hopeless) {
      server.failNext("GetKeys", scripted);
      await assert.rejects(
        async () => state.keys.get("session", ["a"]),
        failure({
          reason: scripted.reason ?? "CONNECTION",
          requestId: scripted.metadata?.["request_id"],
          retryable: false,
        }),
      );
    }
    assert.deepEqual(pacing.sleeps, []);
  });

  it("takes an answer that leaves a key out for an error", async () => {
    const { state } = await open();
    server.distort = (response) => ({ ...response, absent: response.absent.slice(1) });
    await assert.rejects(async () => state.keys.get("session", ["a", "b"]), failure({ code: "DATA_LOSS" }));
  });

  it("asks again for fewer keys when the answer is too large", async () => {
    const { state } = await open();
    const ids = Array.from({ length: 9 }, (_, id) => String(id));
    const preKeys = Object.fromEntries(ids.map((id) => [id, key(Number(id))]));
    await state.keys.set({ "pre-key": preKeys });
    server.distort = (response) =>
      response.found.length <= 2 ? response : { code: status.RESOURCE_EXHAUSTED, reason: "RESPONSE_TOO_LARGE" };
    assert.deepEqual(await state.keys.get("pre-key", ids), preKeys);
  });

  it("asks for no more keys at once than the contract allows", async () => {
    const { state } = await open();
    const ids = Array.from({ length: MAX_COMMIT_OPERATIONS + 1 }, (_, id) => String(id));
    assert.deepEqual(await state.keys.get("pre-key", ids), {});
    assert.deepEqual(
      server.reads.map(({ keys }) => keys[0]?.ids.length),
      [MAX_COMMIT_OPERATIONS, 1],
    );
  });

  it("sees the writes that were called before it", async () => {
    const { state } = await open();
    const release = server.hold();
    const first = state.keys.set({ "pre-key": { "1": key(1) } });
    await until(() => server.commits.length === 1);
    const second = state.keys.set({ "pre-key": { "1": key(2) } });
    const read = state.keys.get("pre-key", ["1"]);
    release();
    assert.deepEqual(await read, { "1": key(2) });
    await Promise.all([first, second]);
  });

  it("refuses an id that UTF-8 cannot hold", async () => {
    const { state } = await open();
    await assert.rejects(
      async () => state.keys.get("session", ["a", "\ud800"]),
      failure({ code: "INVALID_ARGUMENT", field: "keys[0].ids[1]" }),
    );
  });
});

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

describe("removeSession", () => {
  it("deletes the session after the writes before it, and refuses every write from then on", async () => {
    const { state, saveCreds, removeSession } = await open();
    const release = server.hold();
    const save = saveCreds();
    const removal = removeSession();
    await assert.rejects(saveCreds(), failure({ code: "FAILED_PRECONDITION", reason: "SESSION_REMOVED" }));
    release();
    await Promise.all([save, removal]);
    await assert.rejects(
      async () => state.keys.set({ "lid-mapping": { a: "1" } }),
      failure({ reason: "SESSION_REMOVED" }),
    );
    assert.equal(server.sessions.has(SESSION), false);
  });

  it("ends the auth state, so that close has nothing left to do", async () => {
    const { saveCreds, removeSession, close } = await open();
    await removeSession();
    await close();
    await assert.rejects(saveCreds(), failure({ reason: "SESSION_REMOVED" }));
  });

  it("takes a session that is not there for done", async () => {
    const { removeSession } = await open();
    await removeSession();
  });

  it("may be called again after it failed", async () => {
    const { saveCreds, removeSession } = await open();
    await saveCreds();
    server.failNext("DeleteSession", { code: status.PERMISSION_DENIED });
    await assert.rejects(removeSession(), failure({ code: "PERMISSION_DENIED" }));
    await saveCreds();
    await removeSession();
    assert.equal(server.sessions.has(SESSION), false);
  });
});

describe("close", () => {
  it("waits for the writes under way, then refuses", async () => {
    const { state, saveCreds, close } = await open();
    const writes = [saveCreds(), state.keys.set({ "lid-mapping": { a: "1" } })];
    await close();
    await Promise.all(writes);
    assert.equal(server.session(SESSION).keys.size, 1);
    await assert.rejects(saveCreds(), failure({ code: "FAILED_PRECONDITION", reason: "CLOSED" }));
    await assert.rejects(async () => state.keys.get("session", ["a"]), failure({ reason: "CLOSED" }));
    await close();
  });

  it("rejects when a write that it waited for failed", async () => {
    const { saveCreds, close } = await open();
    server.failNext("Commit", { code: status.RESOURCE_EXHAUSTED, reason: "DISK_FULL" });
    const save = saveCreds();
    const closed = close();
    await assert.rejects(save, failure({ reason: "DISK_FULL" }));
    await assert.rejects(closed, failure({ reason: "DISK_FULL" }));
    opened = [];
  });
});
