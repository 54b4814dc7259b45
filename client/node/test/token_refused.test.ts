// What becomes of calls and sessions when the server no longer takes the token, and when the pool has another one.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { AccessDeniedError, AuthStateError, TokenRefusedError } from "../src/errors.ts";
import type { Failure } from "./support/failure.ts";
import {
  count,
  newPool,
  NOT_APPLIED,
  pacing,
  server,
  SESSION,
  stored,
  TTL_MS,
  watch,
  write,
} from "./support/pool_fixture.ts";
import { until } from "./support/until.ts";

const refused = (reason: string): Failure => ({ code: status.UNAUTHENTICATED, reason, metadata: NOT_APPLIED });
const denied = (reason: string): Failure => ({ code: status.PERMISSION_DENIED, reason, metadata: NOT_APPLIED });
// The server takes these tokens, and refuses all others.
const takes = (...tokens: string[]): void => {
  server.admit = (shown) =>
    tokens.some((token) => shown === `Bearer ${token}`) ? undefined : refused("TOKEN_REVOKED");
};
const isRefused = (reason: string, outcome?: string) => (error: unknown) => {
  assert.ok(error instanceof TokenRefusedError, String(error));
  assert.deepEqual([error.code, error.reason, error.retryable], ["UNAUTHENTICATED", reason, false]);
  if (outcome !== undefined) assert.equal(error.outcome, outcome);
  return true;
};

describe("a caller that the server does not know", () => {
  const advice: [reason: string, says: RegExp][] = [
    ["NO_TOKEN", /give the pool a `token` or a `tokenFile`/],
    ["BAD_TOKEN", /is `token` or `tokenFile` whole, the newest one/],
    ["TOKEN_EXPIRED", /give the pool a new one/],
    ["TOKEN_REVOKED", /if this process is still to be served, give the pool a new one/],
    ["CERTIFICATE_UNKNOWN", /or have its certificate's name granted rights/],
  ];
  for (const [reason, message] of advice) {
    it(`is told what to do, and neither waits nor takes it for absence: ${reason}`, async () => {
      server.admit = () => refused(reason);
      const pool = newPool({ token: "as_1" });
      const refusal = isRefused(reason);
      const says = (error: unknown): boolean => refusal(error) && message.test((error as Error).message);
      await assert.rejects(pool.useAuthState(SESSION), says);
      await assert.rejects(pool.useAuthState(SESSION, { lease: false }), says);
      await assert.rejects(pool.exists(SESSION), says);
      await assert.rejects(pool.listSessions()[Symbol.asyncIterator]().next(), says);
      await assert.rejects(pool.deleteSession(SESSION), says);
      await assert.rejects(pool.exportFolder(SESSION, "never-made"), says);
      assert.deepEqual(pacing.sleeps, []);
    });
  }

  it("may be so for the whole stream as well as for an operation", async () => {
    server.judge = ({ $case }) => ($case === "attach" ? refused("BAD_TOKEN") : undefined);
    await assert.rejects(newPool({ token: "as_1" }).useAuthState(SESSION), isRefused("BAD_TOKEN"));
    assert.equal(count("attach"), 1);
  });
});

describe("a caller without the right", () => {
  for (const reason of ["SESSION_OUT_OF_SCOPE", "RIGHT_MISSING"]) {
    it(`is told so at once: ${reason}`, async () => {
      server.admit = () => denied(reason);
      const pool = newPool({ token: "as_1" });
      const calls = [() => pool.useAuthState(SESSION), () => pool.exists(SESSION), () => pool.deleteSession(SESSION)];
      for (const call of calls) {
        await assert.rejects(call(), (error) => {
          assert.ok(error instanceof AccessDeniedError, String(error));
          assert.deepEqual([error.code, error.reason, error.retryable], ["PERMISSION_DENIED", reason, false]);
          assert.match(error.message, /authstatectl token show lists its rights/);
          return true;
        });
      }
      assert.deepEqual(pacing.sleeps, []);
    });
  }

  it("gives the lease back where it may not read", async () => {
    let asked = 0;
    // Once it has the lease, what it asks for first is to read the session.
    server.admit = () => (server.session(SESSION).live && ++asked === 1 ? denied("RIGHT_MISSING") : undefined);
    await assert.rejects(newPool({ token: "as_1" }).useAuthState(SESSION), AccessDeniedError);
    assert.equal(server.session(SESSION).owner, "");
  });

  it("loses a session that it had the right to", async () => {
    const auth = await newPool({ token: "as_1" }).useAuthState(SESSION);
    const seen = watch(auth);
    server.admit = () => denied("RIGHT_MISSING");
    await assert.rejects(
      write(auth, "1"),
      (error) => error instanceof AccessDeniedError && error.outcome === "NOT_APPLIED",
    );
    assert.deepEqual(seen.events, ["lost"]);
  });
});

describe("a token that ends while sessions are open", () => {
  it("fails what waits as not applied, and tells the sessions once", async () => {
    takes("as_1");
    const pool = newPool({ token: "as_1" });
    const sessions = await Promise.all([SESSION, "another"].map((id) => pool.useAuthState(id)));
    const seen = sessions.map(watch);
    takes();
    const writes = sessions.flatMap((auth) => [write(auth, "1"), write(auth, "2", "b"), auth.saveCreds()]);
    for (const each of writes) {
      await assert.rejects(each, isRefused("TOKEN_REVOKED", "NOT_APPLIED"));
    }
    assert.deepEqual(pacing.sleeps, []);
    const asked = server.shown.length;
    for (const [index, auth] of sessions.entries()) {
      assert.deepEqual(seen[index]?.events, ["lost"]);
      assert.ok(seen[index]?.lost[0] instanceof TokenRefusedError);
      await assert.rejects(write(auth, "3"), isRefused("TOKEN_REVOKED", "NOT_APPLIED"));
      await assert.rejects(auth.state.keys.get("lid-mapping", ["a"]), TokenRefusedError);
    }
    assert.equal(server.shown.length, asked, "the server was asked again");
    assert.equal(stored(), undefined);
  });

  it("is told to a session that only renews its lease", async () => {
    const auth = await newPool({ token: "as_1" }).useAuthState(SESSION);
    const seen = watch(auth);
    takes();
    pacing.advance(TTL_MS / 3);
    await until(() => seen.events.length > 0);
    assert.deepEqual(seen.events, ["lost"]);
    assert.ok(seen.lost[0] instanceof TokenRefusedError);
  });

  it("may end the stream, which leaves in doubt what was sent, and nothing else", async () => {
    const auth = await newPool({ token: "as_1" }).useAuthState(SESSION);
    const seen = watch(auth);
    const release = server.hold();
    const writing = write(auth, "1");
    await until(() => count("commit") === 1);
    takes();
    server.breakStreams(refused("TOKEN_EXPIRED"));
    const waiting = write(auth, "2");
    await assert.rejects(writing, isRefused("TOKEN_EXPIRED", "UNKNOWN"));
    await assert.rejects(waiting, isRefused("TOKEN_EXPIRED", "NOT_APPLIED"));
    release();
    assert.deepEqual(seen.events, ["lost"]);
  });

  it("lets the session be opened again once the pool's owner has got another", async () => {
    takes("as_1");
    const auth = await newPool({ token: "as_1" }).useAuthState(SESSION);
    takes("as_2");
    await assert.rejects(write(auth, "1"), TokenRefusedError);
    server.session(SESSION).live = false;
    await write(await newPool({ token: "as_2" }).useAuthState(SESSION), "2");
    assert.equal(stored(), "2");
  });
});

describe("a token that is replaced", () => {
  let folder: string;
  let file: string;
  const put = (token: string): void => writeFileSync(file, token);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "authstate-token-"));
    file = join(folder, "token");
    put("as_1");
    takes("as_1");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is followed without the loss of a write, on one new stream for all sessions", async () => {
    const pool = newPool({ tokenFile: file });
    const sessions = await Promise.all(Array.from({ length: 20 }, (_, i) => pool.useAuthState(`tenant-${i}`)));
    const seen = sessions.map(watch);
    put("as_2");
    takes("as_2");
    const streams = server.shown.length;
    await Promise.all(sessions.flatMap((auth) => [write(auth, "1"), auth.saveCreds()]));
    await Promise.all(sessions.map((auth) => write(auth, "2", "b")));
    assert.deepEqual(server.shown.slice(streams), ["Bearer as_2"]);
    await until(() => server.streams === 1);
    for (const { events } of seen) assert.deepEqual(events, []);
    for (let i = 0; i < 20; i++) assert.equal(server.session(`tenant-${i}`).applied, 2n);
  });

  it("is followed where the stream ended under a commit, which takes effect once", async () => {
    const auth = await newPool({ tokenFile: file }).useAuthState(SESSION);
    const seen = watch(auth);
    const release = server.hold();
    const writing = write(auth, "1");
    await until(() => count("commit") === 1);
    put("as_2");
    takes("as_2");
    server.breakStreams(refused("TOKEN_REVOKED"));
    release();
    await writing;
    assert.equal(stored(), "1");
    assert.equal(server.session(SESSION).applied, 1n);
    assert.deepEqual(seen.events, []);
  });

  it("may come after the former one has ended, or before all servers know it", async () => {
    const auth = await newPool({ tokenFile: file }).useAuthState(SESSION);
    const tool = await newPool({ tokenFile: file }).useAuthState(SESSION, { lease: false });
    takes();
    pacing.onSleep = () => {
      if (pacing.now() > 1_000) put("as_2");
      if (pacing.now() > 4_000) takes("as_2");
    };
    const results = await Promise.all([write(auth, "1"), tool.state.keys.get("lid-mapping", ["b"])]);
    assert.deepEqual(results, [undefined, {}]);
    assert.ok(pacing.now() > 4_000);
    assert.equal(stored(), "1");
  });

  it("is not waited for forever", async () => {
    const auth = await newPool({ tokenFile: file }).useAuthState(SESSION);
    const seen = watch(auth);
    takes();
    await assert.rejects(write(auth, "1"), isRefused("TOKEN_REVOKED", "NOT_APPLIED"));
    assert.deepEqual(seen.events, ["lost"]);
    assert.ok(pacing.now() >= 10_000 && pacing.now() <= TTL_MS, `after ${pacing.now()} ms`);
  });

  it("is not waited for where no token was ever taken", async () => {
    takes();
    const pool = newPool({ tokenFile: file });
    await assert.rejects(pool.useAuthState(SESSION), TokenRefusedError);
    await assert.rejects(pool.exists(SESSION), TokenRefusedError);
    assert.deepEqual(pacing.sleeps, []);
  });

  it("is asked of a function, also of one that does not answer", async () => {
    let token = "as_1";
    const auth = await newPool({ token: async () => token }).useAuthState(SESSION);
    takes("as_2");
    token = "as_2";
    await write(auth, "1");
    assert.equal(stored(), "1");

    takes("as_1");
    let asked = 0;
    const pool = newPool({ token: () => (++asked === 1 ? "as_2" : new Promise<string>(() => undefined)) });
    const call = assert.rejects(pool.exists(SESSION), TokenRefusedError);
    await until(() => asked === 2);
    pacing.advance(5_000);
    await call;
  });

  it("is followed within a listing of keys, which goes on where it was", async () => {
    const auth = await newPool({ tokenFile: file }).useAuthState(SESSION);
    await auth.state.keys.set({ "lid-mapping": { a: "1", b: "2", c: "3" } });
    server.pageKeys = 1;
    server.judgePage = (page, load) => {
      if (page !== 1 || load !== 1) return undefined;
      put("as_2");
      takes("as_2");
      return refused("TOKEN_REVOKED");
    };
    const ids: string[] = [];
    for await (const id of auth.state.keys.listIds("lid-mapping")) ids.push(id);
    assert.deepEqual(ids, ["a", "b", "c"]);
  });
});

it("a refusal of the database's own is none of the caller", async () => {
  server.admit = () => ({ code: status.UNAUTHENTICATED, reason: "DATABASE_REFUSED" });
  await assert.rejects(newPool({ token: "as_1" }).exists(SESSION), (error) => {
    assert.ok(error instanceof AuthStateError && !(error instanceof TokenRefusedError));
    return error.reason === "DATABASE_REFUSED";
  });
});
