import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AuthStateError } from "../src/errors.ts";
import {
  count,
  newPool,
  pacing,
  second,
  server,
  SESSION,
  stored,
  TTL_MS,
  warnings,
  watch,
  write,
} from "./support/pool_fixture.ts";
import { until } from "./support/until.ts";

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
