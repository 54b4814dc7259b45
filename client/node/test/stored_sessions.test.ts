// Tests what a pool tells of the sessions in the store, and how it deletes one.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { initAuthCreds } from "baileys";
import { encodeValue } from "../src/codec/value_codec.ts";
import { AuthStateError, LeaseHeldError, LeaseLostError } from "../src/errors.ts";
import type { ListOptions } from "../src/options.ts";
import type { Pool } from "../src/pool.ts";
import { count, newPool, NOT_APPLIED, server, SESSION, warnings } from "./support/pool_fixture.ts";

const AWAY = { code: status.UNAVAILABLE, reason: "DATABASE_UNAVAILABLE" };
const reason = (wanted: string) => (error: unknown) => {
  assert.ok(error instanceof AuthStateError, String(error));
  assert.equal(error.reason, wanted);
  return true;
};
const put = (...ids: string[]): void => {
  for (const id of ids) Object.assign(server.session(id), { creds: encodeValue(initAuthCreds()), exists: true });
};
async function list(pool: Pool, options?: ListOptions): Promise<string[]> {
  const ids: string[] = [];
  for await (const { sessionId } of pool.listSessions(options)) ids.push(sessionId);
  return ids;
}

describe("listSessions", () => {
  it("tells of each session what it has, and who has it", async () => {
    put("free", "leased");
    server.takeOver("leased", "other:1");
    server.takeOver("orphaned", "dead:1");
    Object.assign(server.session("orphaned"), { live: false, exists: true });
    const key = { type: "pre-key", id: "1" };
    server.session("orphaned").keys.set("pre-key/1", { key, value: encodeValue(1) });
    const updateTime = new Date(1_760_000_000_250);
    const none = { updateTime, keyCount: 0, owner: undefined, leaseRemainingMs: 0 };
    const sessions = [];
    for await (const session of newPool().listSessions()) sessions.push(session);
    assert.deepEqual(sessions, [
      { ...none, sessionId: "free", hasCreds: true, state: "unpaired" },
      { ...none, sessionId: "leased", hasCreds: true, state: "unpaired", owner: "other:1", leaseRemainingMs: 9_500 },
      { ...none, sessionId: "orphaned", hasCreds: false, state: "orphaned", keyCount: 1 },
    ]);
  });

  it("lists those in some states alone, which the server looks for", async () => {
    put("a", "b", "c");
    server.session("b").creds = encodeValue({ ...initAuthCreds(), account: {} });
    server.session("d").exists = true;
    assert.deepEqual(await list(newPool(), { states: ["paired"] }), ["b"]);
    assert.deepEqual(await list(newPool(), { states: ["paired", "orphaned"] }), ["b", "d"]);
    assert.deepEqual(await list(newPool(), { states: [] }), ["a", "b", "c", "d"]);
    for (const states of [["paird"], "paired", [undefined]]) {
      await assert.rejects(list(newPool(), { states: states as never }), reason("INVALID_FIELD"));
    }
  });

  it("tells no state where the server is of a version that knows of none, and lists nothing by it", async () => {
    put("a");
    server.isOld = true;
    for await (const { state } of newPool().listSessions()) assert.equal(state, undefined);
    for (const version of ["0.0.9", undefined]) {
      server.version = version;
      await assert.rejects(list(newPool(), { states: ["unpaired"] }), (error) => {
        reason("SERVER_TOO_OLD")(error);
        const { code, message } = error as AuthStateError;
        assert.equal(code, "FAILED_PRECONDITION");
        const which = version === undefined ? "" : " (version 0.0.9)";
        const wanted = `${server.address}: the server${which} is of an older version, which does not know of states`;
        assert.ok(message.startsWith(wanted), message);
        return true;
      });
    }
  });

  it("reads a page only when it is asked for, and asks for no more once the loop is left", async () => {
    put("a", "b", "c", "d", "e");
    server.pageSessions = 2;
    const seen: [id: string, pages: number][] = [];
    for await (const { sessionId } of newPool().listSessions()) {
      seen.push([sessionId, count("list")]);
      if (sessionId === "c") break;
    }
    assert.deepEqual(seen, [
      ["a", 1],
      ["b", 1],
      ["c", 2],
    ]);
    assert.equal(count("list"), 2);
    assert.equal(count("attach"), 0);
  });

  it("lists those with a prefix alone, over all pages", async () => {
    put("eu:1", "eu:2", "eu:3", "us:1");
    server.pageSessions = 1;
    assert.deepEqual(await list(newPool(), { prefix: "eu:" }), ["eu:1", "eu:2", "eu:3"]);
    assert.deepEqual(await list(newPool(), { prefix: "" }), ["eu:1", "eu:2", "eu:3", "us:1"]);
    assert.deepEqual(await list(newPool(), { prefix: "asia" }), []);
  });

  it("goes on where it was after an outage", async () => {
    put("a", "b", "c");
    server.pageSessions = 1;
    let failures = 2;
    server.judgeListing = ({ pageToken }) => (pageToken === "b" && failures-- > 0 ? AWAY : undefined);
    assert.deepEqual(await list(newPool()), ["a", "b", "c"]);
  });

  it("fails where the store stays away, and never ends before the end", async () => {
    put("a", "b");
    server.pageSessions = 1;
    server.judgeListing = ({ pageToken }) => (pageToken === "a" ? AWAY : undefined);
    await assert.rejects(list(newPool({ patienceMs: 10 })), reason("DATABASE_UNAVAILABLE"));
  });

  it("tells how many rows it leaves out", async () => {
    put("a");
    server.unaddressableIds = ["5511/1", "5511/2"];
    assert.deepEqual(await list(newPool()), ["a"]);
    assert.deepEqual(warnings, ["rows of the old tables have ids that no session can have; not listed"]);
  });

  it("refuses a prefix that no id can have, and a pool that was closed", async () => {
    const pool = newPool();
    for (const prefix of ["a/b", "ü", "a".repeat(129), 5 as unknown as string, null as unknown as string]) {
      await assert.rejects(list(pool, { prefix }), reason("INVALID_FIELD"));
    }
    put("a", "b");
    server.pageSessions = 1;
    const listing = pool.listSessions()[Symbol.asyncIterator]();
    assert.equal((await listing.next()).value?.sessionId, "a");
    await pool.close();
    await assert.rejects(listing.next(), reason("CLOSED"));
    await assert.rejects(list(pool), reason("CLOSED"));
    assert.equal(count("list"), 1);
  });
});

describe("exists", () => {
  it("knows a session by its whole id, with creds or with keys alone", async () => {
    const pool = newPool();
    put("a:1", "a:10");
    assert.equal(await pool.exists("a:1"), true);
    assert.equal(await pool.exists("a:10"), true);
    assert.equal(await pool.exists("a:"), false);
    assert.equal(await pool.exists("b"), false);
    server.session("keys").exists = true;
    assert.equal(await pool.exists("keys"), true);
    assert.equal(count("attach"), 0);
  });

  it("takes no outage for absence", async () => {
    server.judgeListing = () => AWAY;
    await assert.rejects(newPool({ patienceMs: 10 }).exists("a"), reason("DATABASE_UNAVAILABLE"));
  });

  it("refuses what is no id", async () => {
    for (const id of ["", "a/b", undefined as unknown as string]) {
      await assert.rejects(newPool().exists(id), reason("INVALID_FIELD"));
    }
  });
});

describe("deleteSession", () => {
  const gone = (): void => {
    const { exists, creds, owner } = server.session(SESSION);
    assert.deepEqual([exists, creds, owner], [false, undefined, ""]);
  };

  it("deletes a session that nobody has, and leaves no lease behind", async () => {
    put(SESSION, "other");
    await newPool().deleteSession(SESSION);
    gone();
    assert.equal(server.session(SESSION).fence, 2n, "it was not done under a lease of its own");
    assert.equal(server.session("other").exists, true);
    assert.equal(count("load"), 0);
  });

  it("takes a session that is not there for done", async () => {
    const pool = newPool();
    await pool.deleteSession(SESSION);
    await pool.deleteSession(SESSION);
    gone();
  });

  it("refuses at once while somebody has the session, unless it may steal it", async () => {
    put(SESSION);
    server.takeOver(SESSION, "other:1");
    const pool = newPool();
    await assert.rejects(pool.deleteSession(SESSION), (error: unknown) => {
      assert.ok(error instanceof LeaseHeldError, String(error));
      assert.equal(error.owner, "other:1");
      return true;
    });
    assert.equal(server.session(SESSION).exists, true);
    await pool.deleteSession(SESSION, { steal: true });
    gone();
  });

  it("refuses a session that this process has open, also with steal, until that is closed", async () => {
    const pool = newPool();
    const auth = await pool.useAuthState(SESSION);
    await auth.saveCreds();
    const elsewhere = newPool({ address: server.address.replace("127.0.0.1", "localhost") });
    await assert.rejects(pool.deleteSession(SESSION), reason("ALREADY_OPEN"));
    await assert.rejects(pool.deleteSession(SESSION, { steal: true }), reason("ALREADY_OPEN"));
    await assert.rejects(elsewhere.deleteSession(SESSION), reason("ALREADY_OPEN"));
    await auth.saveCreds();
    const [, deleted] = await Promise.allSettled([auth.close(), pool.deleteSession(SESSION)]);
    assert.equal(deleted.status, "fulfilled");
    gone();
  });

  it("is sent again with the same effect when its answer was lost", async () => {
    put(SESSION);
    let failures = 1;
    server.judgeDeletion = () => (failures-- > 0 ? { code: status.UNAVAILABLE, afterwards: true } : undefined);
    await newPool().deleteSession(SESSION);
    gone();
  });

  it("that was given up in doubt does not come late", async () => {
    put(SESSION);
    server.judgeDeletion = () => ({ code: status.UNAVAILABLE, late: true });
    await assert.rejects(newPool({ patienceMs: 10 }).deleteSession(SESSION), (error: unknown) => {
      assert.equal((error as AuthStateError).outcome, "UNKNOWN");
      return true;
    });
    server.catchUp();
    assert.deepEqual([server.session(SESSION).exists, server.session(SESSION).owner], [true, ""]);
  });

  it("tells when the session is taken away in the middle, and deletes nothing", async () => {
    put(SESSION);
    server.judgeDeletion = () => {
      server.takeOver(SESSION, "thief:1");
      return undefined;
    };
    await assert.rejects(newPool().deleteSession(SESSION), (error: unknown) => {
      assert.ok(error instanceof LeaseLostError, String(error));
      assert.deepEqual([error.owner, error.outcome], ["thief:1", NOT_APPLIED.outcome]);
      return true;
    });
    assert.equal(server.session(SESSION).exists, true);
    assert.equal(server.session(SESSION).owner, "thief:1");
  });

  it("is waited for by the close of the pool, after which none begins", async () => {
    put(SESSION);
    const pool = newPool();
    let closed: Promise<string> | undefined;
    server.judgeDeletion = () => {
      closed = pool.close().then(() => server.session(SESSION).owner);
      return undefined;
    };
    await pool.deleteSession(SESSION);
    assert.equal(await closed, "", "the pool was closed before the lease was given back");
    gone();
    await assert.rejects(pool.deleteSession(SESSION), reason("CLOSED"));
  });
});
