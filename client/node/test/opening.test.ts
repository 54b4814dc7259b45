import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import * as baileys from "baileys";
import { encodeValue } from "../src/codec/value_codec.ts";
import { DATABASE_AWAY, failure, open, pacing, PATIENCE_MS, server, SESSION } from "./support/auth_state_fixture.ts";
import type { Failure } from "./support/failure.ts";

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
