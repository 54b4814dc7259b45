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
  second,
  server,
  SESSION,
  stored,
  TTL_MS,
  until,
  warnings,
  watch,
  write,
} from "./pool_fixture.ts";

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

describe("a pipe that breaks", () => {
  it("sends a commit without an answer again under its number, and applies it once", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await write(auth, "0");
    const release = server.hold();
    const first = write(auth, "1");
    await until(() => count("commit 2") === 1);
    const next = write(auth, "2");
    // The commit was applied, and its answer is lost.
    assert.equal(stored(), "1");
    server.breakStreams();
    release();
    await Promise.all([first, next]);
    assert.equal(stored(), "2");
    assert.equal(server.session(SESSION).applied, 3n);
    // The answer to attaching said that it was applied, so it was not sent again.
    assert.equal(count("commit 2"), 1);
    assert.deepEqual(await read(auth, "a"), { a: "2" });
  });

  it("sends a commit again that had not been applied", async () => {
    const auth = await newPool().useAuthState(SESSION);
    let swallowed = 0;
    server.judge = ({ $case }) => {
      if ($case !== "commit" || swallowed > 0) return undefined;
      swallowed++;
      server.breakStreams();
      return { code: status.UNAVAILABLE };
    };
    await write(auth, "1");
    assert.equal(stored(), "1");
    assert.equal(count("commit 1"), 2);
  });

  it("keeps a number for the commit in doubt whose caller gave up", async () => {
    const auth = await newPool().useAuthState(SESSION, { patienceMs: 0 });
    server.judge = ({ $case }) =>
      $case === "commit" ? { code: status.UNAVAILABLE, reason: "X", metadata: { outcome: "UNKNOWN" } } : undefined;
    await assert.rejects(write(auth, "1"), (error) => (error as AuthStateError).outcome === "UNKNOWN");
    // Nobody knows the value of the key, not even the cache.
    await assert.rejects(read(auth, "a"), (error) => (error as AuthStateError).code === "UNAVAILABLE");
    assert.deepEqual(await read(auth, "b"), {});
    server.judge = () => undefined;
    await write(auth, "2", "b");
    assert.deepEqual([stored("a"), stored("b")], ["1", "2"]);
    assert.equal(server.session(SESSION).applied, 2n);
    assert.deepEqual(await read(auth, "a", "b"), { a: "1", b: "2" });
  });

  it("gives the number of a refused commit to the next one", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await write(auth, "1");
    server.judge = (operation) =>
      operation.$case === "commit" && operation.value.sets.some(({ key }) => key?.id === "bad")
        ? { code: status.INVALID_ARGUMENT, reason: "INVALID_FIELD", metadata: NOT_APPLIED }
        : undefined;
    const results = await Promise.allSettled([write(auth, "2"), write(auth, "x", "bad"), write(auth, "3")]);
    assert.deepEqual(
      results.map(({ status: outcome }) => outcome),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.equal(stored(), "3");
    assert.deepEqual(await read(auth, "a", "bad"), { a: "3" });
  });

  it("moves to another server when its own drains, and loses nothing", async () => {
    const pool = newPool({ addresses: [server.address, second.address] });
    const auth = await pool.useAuthState(SESSION);
    const release = server.hold();
    const underWay = write(auth, "1");
    await until(() => count("commit 1") === 1);
    server.drain();
    await until(() => server.streams === 1 && count("commit") === 1);
    release();
    await underWay;
    await write(auth, "2");
    assert.deepEqual(second.log, ["attach", "commit 2"]);
    await until(() => server.streams === 0);
    assert.deepEqual(pacing.sleeps, []);
  });

  it("moves to another server when its own is gone", async () => {
    const pool = newPool({ addresses: [server.address, second.address] });
    const auth = await pool.useAuthState(SESSION);
    await write(auth, "1");
    server.stop();
    await write(auth, "2");
    assert.deepEqual(second.log, ["attach", "commit 2"]);
    assert.deepEqual(await read(auth, "a"), { a: "2" });
  });

  it("fails writes when patience ends", async () => {
    const auth = await newPool().useAuthState(SESSION, { patienceMs: 5_000 });
    server.stop();
    await until(() => warnings.some((warning) => /pipe to authstate broke/.test(warning)));
    await assert.rejects(write(auth, "1"), (error) => {
      assert.ok(error instanceof AuthStateError);
      assert.deepEqual([error.code, error.outcome, error.retryable], ["UNAVAILABLE", "NOT_APPLIED", true]);
      return true;
    });
    assert.ok(pacing.now() >= 5_000);
  });
});

describe("a server without the pipe", () => {
  it("is used by calls of their own, under the fence, with one line in the log", async () => {
    server.hasPipe = false;
    const pool = newPool();
    const [auth] = await Promise.all([pool.useAuthState(SESSION), pool.useAuthState("another")]);
    await Promise.all([auth.saveCreds(), write(auth, "1")]);
    assert.deepEqual(await read(auth, "a", "b"), { a: "1" });
    assert.equal(server.unaryCommits.length, 1);
    assert.equal(warnings.filter((warning) => /no pipe/.test(warning)).length, 1);
    server.takeOver(SESSION, "thief:1");
    await assert.rejects(write(auth, "2"), LeaseLostError);
    assert.equal(stored(), "1");
  });
});

describe("a pool", () => {
  it("sends what its sessions write in one tick in one message", async () => {
    const pool = newPool();
    const sessions = await Promise.all(Array.from({ length: 10 }, (_, id) => pool.useAuthState(`s${id}`)));
    const before = server.messages.length;
    await Promise.all(sessions.map((auth) => write(auth, "1")));
    assert.deepEqual(
      server.messages.slice(before).map(({ operations }) => operations.length),
      [10],
    );
  });

  it("renews the leases of sessions that were opened one after the other in one message", async () => {
    const pool = newPool();
    for (const id of ["a", "b", "c", "d"]) {
      await pool.useAuthState(id);
      pacing.advance(60);
    }
    for (let round = 1; round <= 2; round++) {
      pacing.advance((round * TTL_MS) / 3 - 1 - pacing.now());
      assert.equal(count("renew"), 4 * (round - 1));
      const before = server.messages.length;
      pacing.advance(1);
      await until(() => count("renew") === 4 * round);
      assert.equal(server.messages.length, before + 1);
      // Once all have chosen their next beat, all answers have arrived.
      await until(() => pacing.delays.filter((ms) => ms === TTL_MS / 3).length === 1 + 4 * round);
    }
  });

  it("flushes and gives back every lease when it is closed", async () => {
    const pool = newPool();
    const sessions = await Promise.all(["s1", "s2"].map((id) => pool.useAuthState(id)));
    const writes = sessions.map((auth) => write(auth, "1"));
    await pool.close();
    await Promise.all(writes);
    for (const id of ["s1", "s2"]) {
      assert.equal(server.session(id).keys.size, 1);
      assert.equal(server.session(id).owner, "");
    }
  });

  it("has no stream open while it has no session, and opens another for the next one", async () => {
    const pool = newPool();
    const [first, last] = [await pool.useAuthState(SESSION), await pool.useAuthState("another")];
    await first.close();
    assert.equal(server.streams, 1);
    await Promise.all([write(last, "1"), last.removeSession()]);
    await until(() => server.streams === 0);
    for (let round = 1; round <= 2; round++) {
      const next = await pool.useAuthState(SESSION);
      await write(next, String(round));
      await next.close();
      await until(() => server.streams === 0);
    }
    assert.equal(stored(), "2");
    assert.deepEqual(warnings, []);
  });

  it("lets go of a session for good when it is closed after its stream", async () => {
    const pool = newPool({ addresses: [server.address, second.address] });
    const auth = await pool.useAuthState(SESSION);
    const seen = watch(auth);
    server.drain();
    await until(() => server.streams === 0);
    await auth.close();
    assert.equal(server.session(SESSION).owner, "");
    const before = second.log.length;
    pacing.advance(2 * TTL_MS);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(second.log.length, before);
    assert.deepEqual(seen.events, []);
  });

  it("removes a session under its fence", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await Promise.all([auth.saveCreds(), write(auth, "1")]);
    await auth.removeSession();
    assert.equal(server.session(SESSION).exists, false);
    await auth.close();
    assert.equal(server.session(SESSION).owner, "");
  });

  it("refuses what the contract does not allow, before it reaches the pipe of the others", async () => {
    const auth = await newPool().useAuthState(SESSION);
    const before = server.log.length;
    for (const id of ["", "nul\0", "x".repeat(513), "\ud800"]) {
      await assert.rejects(write(auth, "1", id), (error) => (error as AuthStateError).field === "sets[0].key.id");
    }
    const large = auth.state.keys.set({ "sender-key": { a: Buffer.alloc(8 * 1024 * 1024 + 1) } });
    await assert.rejects(large, (error) => (error as AuthStateError).field === "sets[0].value");
    assert.equal(server.log.length, before);
    await assert.rejects(newPool().useAuthState("no id!"), (error) => (error as AuthStateError).field === "session_id");
    assert.throws(() => newPool({ leaseTtlMs: 999 }), /leaseTtlMs/);
    assert.throws(() => newPool({ addresses: [] }), /address/);
    assert.throws(() => newPool({ owner: "é" }), /owner/);
  });
});
