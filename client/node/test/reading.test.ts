import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import * as baileys from "baileys";
import { MAX_COMMIT_OPERATIONS } from "../src/limits.ts";
import { DATABASE_AWAY, failure, key, open, pacing, PATIENCE_MS, server } from "./support/auth_state_fixture.ts";
import type { Failure } from "./support/failure.ts";
import { until } from "./support/until.ts";

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
