import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import type { AuthState } from "../src/auth_state.ts";
import { AuthStateError, LeaseHeldError, LeaseLostError } from "../src/errors.ts";
import {
  count,
  newPool,
  NOT_APPLIED,
  pacing,
  read,
  server,
  SESSION,
  stored,
  TTL_MS,
  watch,
  write,
} from "./support/pool_fixture.ts";
import { until } from "./support/until.ts";

describe("the lease of a session", () => {
  it("is taken under a name that differs for every handle, and given back by close", async () => {
    const pool = newPool({ owner: "worker" });
    const auth = await pool.useAuthState(SESSION);
    assert.match(server.session(SESSION).owner, /^worker:[0-9a-f]{12}:1$/);
    await auth.close();
    assert.equal(server.session(SESSION).owner, "");
    await pool.useAuthState(SESSION);
    assert.match(server.session(SESSION).owner, /^worker:[0-9a-f]{12}:2$/);
  });

  it("is waited for, and then refused with its owner's name", async () => {
    server.takeOver(SESSION, "other:1");
    await assert.rejects(newPool().useAuthState(SESSION, { leaseWaitMs: 2_000 }), (error) => {
      assert.ok(error instanceof LeaseHeldError);
      assert.equal(error.owner, "other:1");
      assert.equal(error.reason, "LEASE_HELD");
      return true;
    });
    assert.equal(pacing.now(), 2_000);
  });

  it("is waited for by default as long as maintenance may leave it to an owner who is gone", async () => {
    server.takeOver(SESSION, "gone:1");
    pacing.onSleep = () => {
      if (pacing.now() > 62_000) server.session(SESSION).live = false;
    };
    await newPool().useAuthState(SESSION);
    assert.notEqual(server.session(SESSION).owner, "gone:1");
  });

  it("is waited for by default no longer than a minute and a quarter, or twice its own time", async () => {
    server.takeOver(SESSION, "other:1");
    await assert.rejects(newPool().useAuthState(SESSION), LeaseHeldError);
    assert.equal(pacing.now(), 75_000);
    await assert.rejects(newPool({ leaseTtlMs: 60_000 }).useAuthState(SESSION), LeaseHeldError);
    assert.equal(pacing.now(), 75_000 + 120_000);
  });

  it("is waited for as long after an outage as without one", async () => {
    server.takeOver(SESSION, "gone:1");
    const away = { code: status.UNAVAILABLE, reason: "MAINTENANCE", ...NOT_APPLIED };
    server.judge = () => (pacing.now() < 50_000 ? away : undefined);
    let held = 0;
    pacing.onSleep = () => {
      if (pacing.now() < 50_000) return;
      held ||= pacing.now();
      if (pacing.now() - held > 60_000) server.session(SESSION).live = false;
    };
    await newPool().useAuthState(SESSION);
    assert.ok(pacing.now() > 110_000);
  });

  it("is taken once it is free", async () => {
    server.takeOver(SESSION, "other:1");
    pacing.onSleep = () => {
      if (pacing.now() > 10_000) server.session(SESSION).live = false;
    };
    const auth = await newPool().useAuthState(SESSION, { leaseWaitMs: Infinity });
    assert.notEqual(server.session(SESSION).owner, "other:1");
    await write(auth, "1");
  });

  it("is stolen when asked for", async () => {
    server.takeOver(SESSION, "other:1");
    await newPool().useAuthState(SESSION, { steal: true });
    assert.notEqual(server.session(SESSION).owner, "other:1");
  });

  it("is no longer waited for once the signal or the pool says so", async () => {
    server.takeOver(SESSION, "other:1");
    const stop = new AbortController();
    const waits = newPool().useAuthState(SESSION, { leaseWaitMs: Infinity, signal: stop.signal });
    const pool = newPool();
    const alsoWaits = pool.useAuthState("another", { leaseWaitMs: Infinity });
    server.takeOver("another", "other:1");
    stop.abort(new Error("enough"));
    const closed = pool.close();
    await assert.rejects(waits, /enough/);
    await assert.rejects(alsoWaits, (error) => error instanceof AuthStateError && error.reason === "CLOSED");
    await closed;
    await assert.rejects(pool.useAuthState(SESSION), (error) => (error as AuthStateError).reason === "CLOSED");
  });

  it("is renewed at a third of its time", async () => {
    await newPool().useAuthState(SESSION);
    for (let renewals = 1; renewals <= 3; renewals++) {
      pacing.advance(TTL_MS / 3);
      await until(() => pacing.delays.filter((ms) => ms === TTL_MS / 3).length === renewals + 1);
      assert.equal(count("renew"), renewals);
    }
  });

  it("tells that it could not be renewed, lets calls wait, and tells when it could", async () => {
    const auth = await newPool().useAuthState(SESSION, { patienceMs: Infinity });
    const seen = watch(auth);
    await write(auth, "1");
    server.judge = () => ({ code: status.UNAVAILABLE, reason: "DATABASE_UNAVAILABLE", metadata: NOT_APPLIED });
    pacing.advance(TTL_MS / 3);
    await until(() => count("renew") === 1);
    pacing.advance(TTL_MS);
    assert.deepEqual(seen.events, ["away"]);
    const answers = { read: false, write: false };
    const reading = read(auth, "a").finally(() => (answers.read = true));
    const writing = write(auth, "2", "b").finally(() => (answers.write = true));
    await until(() => count("attach") >= 3);
    assert.deepEqual(answers, { read: false, write: false });
    server.judge = () => undefined;
    assert.deepEqual(await reading, { a: "1" });
    await writing;
    assert.deepEqual(seen.events, ["away", "back"]);
  });
});

describe("patience", () => {
  it("is the deadline of the session's load, so that a server which waits for the database does not outlast it", async () => {
    await newPool().useAuthState(SESSION, { patienceMs: 2_500 });
    await newPool().useAuthState("5511999990002", { patienceMs: Infinity });
    assert.equal(server.loadsMayTakeMs.length, 2);
    assert.ok(server.loadsMayTakeMs[0]! <= 2_500);
    assert.ok(server.loadsMayTakeMs[1]! <= 60_000);
  });
});

describe("a session that is lost", () => {
  for (const [what, notice] of [
    ["a write", (auth: AuthState) => write(auth, "2")],
    ["saving creds", (auth: AuthState) => auth.saveCreds()],
    ["removing it", (auth: AuthState) => auth.removeSession()],
  ] as const) {
    it(`is noticed by ${what}, told once, and not touched`, async () => {
      const auth = await newPool().useAuthState(SESSION);
      const seen = watch(auth);
      await write(auth, "1");
      server.takeOver(SESSION, "thief:1");
      const isLost = (error: unknown): boolean => error instanceof LeaseLostError && error.owner === "thief:1";
      await assert.rejects(notice(auth), isLost);
      await assert.rejects(write(auth, "3"), isLost);
      await assert.rejects(auth.saveCreds(), isLost);
      if (what !== "removing it") await assert.rejects(read(auth, "a"), isLost);
      assert.deepEqual(seen.events, ["lost"]);
      assert.equal(seen.lost[0]?.owner, "thief:1");
      assert.equal(stored(), "1");
      await auth.close();
      assert.equal(server.session(SESSION).owner, "thief:1");
    });
  }

  it("is noticed by renewal", async () => {
    const auth = await newPool().useAuthState(SESSION);
    const seen = watch(auth);
    server.takeOver(SESSION, "thief:1");
    pacing.advance(TTL_MS / 3);
    await until(() => seen.events.length > 0);
    assert.deepEqual(seen.events, ["lost"]);
    const before = server.log.length;
    await assert.rejects(write(auth, "1"), LeaseLostError);
    assert.equal(server.log.slice(before).filter((entry) => entry !== "detach").length, 0);
  });

  it("is not lost to an outage, however long", async () => {
    const auth = await newPool().useAuthState(SESSION, { patienceMs: 0 });
    const seen = watch(auth);
    server.stop();
    await assert.rejects(write(auth, "1"), (error) => (error as AuthStateError).retryable);
    pacing.advance(TTL_MS * 100);
    assert.deepEqual(seen.events, ["away"]);
  });
});
