// Tests what happens when one process opens the same session twice.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AuthState } from "../src/auth_state.ts";
import { AuthStateError, LeaseLostError } from "../src/errors.ts";
import type { Pool } from "../src/pool.ts";
import type { Pacing } from "../src/rpc/pacing.ts";
import { SessionClaim } from "../src/session/open_sessions.ts";
import { count, newPool, pacing, second, server, SESSION, write } from "./support/pool_fixture.ts";
import { until } from "./support/until.ts";

function isOpen(error: unknown): boolean {
  assert.ok(error instanceof AuthStateError, String(error));
  assert.equal(error.reason, "ALREADY_OPEN");
  assert.match(error.message, /this process has it.*reuse the handle.*close it/);
  return true;
}

describe("a session that this process has open", () => {
  const others: [name: string, pool: (owner: Pool) => Pool][] = [
    ["the same pool", (owner) => owner],
    ["another pool", () => newPool()],
    ["a pool of more servers", () => newPool({ addresses: [second.address, server.address] })],
  ];
  for (const [name, otherPool] of others) {
    it(`is refused to a second call at once: ${name}`, async () => {
      const pool = newPool();
      const auth = await pool.useAuthState(SESSION);
      for (const options of [{}, { leaseWaitMs: Infinity }, { steal: true }]) {
        await assert.rejects(otherPool(pool).useAuthState(SESSION, options), isOpen);
      }
      assert.equal(count("attach"), 1, "the server was asked");
      assert.deepEqual(pacing.sleeps, []);
      await write(auth, "1");
    });
  }

  it("is refused also while it is being opened", async () => {
    const pool = newPool();
    const [first, again] = await Promise.allSettled([pool.useAuthState(SESSION), pool.useAuthState(SESSION)]);
    assert.equal(first.status, "fulfilled");
    assert.ok(again.status === "rejected" && isOpen(again.reason));
  });

  it("is refused under another name of its server, once the server has said whose it is", async () => {
    await newPool().useAuthState(SESSION);
    const port = server.address.split(":")[1];
    await assert.rejects(newPool({ address: `localhost:${port}` }).useAuthState(SESSION), isOpen);
    assert.deepEqual(pacing.sleeps, []);
  });

  it("is refused to another copy of this package", async () => {
    await newPool().useAuthState(SESSION);
    const copy = (await import(new URL("../src/session/open_sessions.ts?copy", import.meta.url).href)) as {
      SessionClaim: typeof import("../src/session/open_sessions.ts").SessionClaim;
    };
    const { SessionClaim } = await import("../src/session/open_sessions.ts");
    assert.notEqual(copy.SessionClaim, SessionClaim);
    const claim = copy.SessionClaim.make(SESSION, [server.address], "me:1", {
      pacing,
      throwIfUnwanted: () => undefined,
    });
    await assert.rejects(claim, (error) => (error as AuthStateError).reason === "ALREADY_OPEN");
  });

  it("is open to tools without a lease, which stand in nobody's way", async () => {
    const pool = newPool();
    const tool = await pool.useAuthState(SESSION, { lease: false });
    const auth = await pool.useAuthState(SESSION);
    const another = await pool.useAuthState(SESSION, { lease: false });
    await write(auth, "1");
    assert.deepEqual(await another.state.keys.get("lid-mapping", ["a"]), { a: "1" });
    await Promise.all([tool.close(), another.close()]);
    await assert.rejects(pool.useAuthState(SESSION), isOpen);
  });

  it("is another one at another store", async () => {
    const pool = newPool();
    await pool.useAuthState(SESSION);
    await pool.useAuthState("another");
    server.session(SESSION).live = false;
    await newPool({ address: second.address }).useAuthState(SESSION);
  });

  for (const [how, giveUp] of [
    ["closed", (auth: AuthState) => auth.close()],
    ["removed", (auth: AuthState) => auth.removeSession()],
  ] as const) {
    it(`may be opened again once it is ${how}, and by a call that does not wait for that`, async () => {
      const pool = newPool();
      for (let round = 1; round <= 3; round++) {
        const auth = await pool.useAuthState(SESSION, { leaseWaitMs: 0 });
        const writing = write(auth, String(round));
        const given = giveUp(auth);
        const next = pool.useAuthState(SESSION, { leaseWaitMs: 0 });
        await Promise.all([writing, given]);
        assert.deepEqual(
          await (await next).state.keys.get("lid-mapping", ["a"]),
          how === "closed" ? { a: String(round) } : {},
        );
        await (await next).close();
      }
    });
  }

  it("stays refused when it could not be removed", async () => {
    const pool = newPool();
    const auth = await pool.useAuthState(SESSION);
    server.judgeDeletion = () => ({ code: 7, reason: "PERMISSION_DENIED" });
    const removal = auth.removeSession();
    const next = pool.useAuthState(SESSION);
    await assert.rejects(removal, (error) => (error as AuthStateError).reason === "PERMISSION_DENIED");
    await assert.rejects(next, isOpen);
    await write(auth, "1");
  });

  it("may be waited for again as soon as it is lost", async () => {
    const pool = newPool();
    const auth = await pool.useAuthState(SESSION);
    const standBy = new Promise<AuthState>((resolve) =>
      auth.events.once("lost", () => resolve(pool.useAuthState(SESSION, { leaseWaitMs: Infinity }))),
    );
    server.takeOver(SESSION, "thief:1");
    await assert.rejects(write(auth, "1"), LeaseLostError);
    server.session(SESSION).live = false;
    const next = await standBy;
    await auth.close();
    await assert.rejects(pool.useAuthState(SESSION), isOpen);
    await write(next, "2");
  });

  it("may be opened after an attempt that failed", async () => {
    const pool = newPool();
    server.takeOver(SESSION, "other:1");
    const stop = new AbortController();
    const waits = pool.useAuthState(SESSION, { leaseWaitMs: Infinity, signal: stop.signal });
    await until(() => pacing.sleeps.length > 0);
    stop.abort(new Error("enough"));
    await assert.rejects(waits, /enough/);
    server.session(SESSION).live = false;
    await pool.useAuthState(SESSION);
  });

  it("is no longer waited for once the signal says so, while it is being closed", async () => {
    const pool = newPool();
    const auth = await pool.useAuthState(SESSION);
    const release = server.hold();
    const writing = write(auth, "1");
    const closing = auth.close();
    const stop = new AbortController();
    const next = pool.useAuthState(SESSION, { signal: stop.signal });
    await until(() => pacing.sleeps.length > 0);
    stop.abort(new Error("enough"));
    await assert.rejects(next, /enough/);
    release();
    await Promise.all([writing, closing]);
  });
});

describe("the claim of a session", () => {
  it("is not made by somebody who has stopped waiting for it", async () => {
    const never: Pacing = {
      ...{ now: () => 0, random: () => 0, after: () => () => undefined },
      sleep: () => new Promise(() => undefined),
    };
    let wanted = true;
    const throwIfUnwanted = (): void => {
      if (!wanted) throw new Error("no longer");
    };
    const make = (owner: string): Promise<SessionClaim> =>
      SessionClaim.make(SESSION, ["127.0.0.1:1"], owner, { pacing: never, throwIfUnwanted });
    const first = await make("first");
    let given: () => void = () => undefined;
    first.leave(new Promise((resolve) => (given = resolve)));
    const second = make("second");
    wanted = false;
    first.release();
    given();
    await assert.rejects(second, /no longer/);
    wanted = true;
    (await make("third")).release();
  });
});

describe("a session that is removed", () => {
  it("is given back at once, so that another process may pair it", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await auth.saveCreds();
    await auth.removeSession();
    assert.equal(server.session(SESSION).owner, "");
    assert.equal(server.session(SESSION).exists, false);
    await auth.close();
  });

  it("is paired anew by the same pool, with other creds", async () => {
    const pool = newPool();
    const first = await pool.useAuthState(SESSION);
    await first.saveCreds();
    await first.removeSession();
    const second = await pool.useAuthState(SESSION, { leaseWaitMs: 0 });
    assert.notDeepEqual(second.state.creds.noiseKey, first.state.creds.noiseKey);
    await second.saveCreds();
    // What an old socket still writes must not reach the new identity.
    await assert.rejects(first.saveCreds(), (error) => (error as AuthStateError).reason === "SESSION_REMOVED");
  });
});
