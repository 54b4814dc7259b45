import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { AuthStateError, LeaseLostError } from "../src/errors.ts";
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
  warnings,
  write,
} from "./support/pool_fixture.ts";
import { until } from "./support/until.ts";

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
