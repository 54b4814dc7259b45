// Tests how a pool finds the server at which a session is at home.
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { AuthStateError, LeaseHeldError, LeaseLostError } from "../src/errors.ts";
import type { Pool } from "../src/pool.ts";
import type { LeaseServer } from "./support/lease_server.ts";
import { count, newPool, pacing, read, second, server, SESSION, stored, watch, write } from "./support/pool_fixture.ts";

const OTHER = "10.0.0.7:4711:0123456789ab:3";
const bothServers = (): Pool => newPool({ addresses: [server.address, second.address] });
const isAtHomeAt = (home: LeaseServer): void => void (server.session(SESSION).home = home.address);
const commits = ({ log }: LeaseServer): string[] => log.filter((entry) => entry.startsWith("commit"));

beforeEach(() => isAtHomeAt(second));

describe("a session at home on another server of the pool", () => {
  it("is attached, read and written there, while others stay where they are", async () => {
    const pool = bothServers();
    const [auth, neighbour] = await Promise.all([pool.useAuthState(SESSION), pool.useAuthState("neighbour")]);
    await Promise.all([write(auth, "1"), write(neighbour, "2")]);
    assert.equal(stored(), "1");
    assert.deepEqual(await read(auth, "a"), { a: "1" });
    assert.deepEqual([commits(server), commits(second)], [["commit 1"], ["commit 1"]]);
    await auth.close();
    assert.equal(server.session(SESSION).owner, "");
  });

  it("is deleted and listed there", async () => {
    const auth = await bothServers().useAuthState(SESSION);
    await write(auth, "1");
    const ids: string[] = [];
    for await (const id of auth.state.keys.listIds("lid-mapping")) ids.push(id);
    assert.deepEqual(ids, ["a"]);
    await auth.removeSession();
    assert.equal(server.session(SESSION).exists, false);
  });

  it("leaves no stream behind once it is closed", async () => {
    const auth = await bothServers().useAuthState(SESSION);
    assert.equal(second.streams, 1);
    await auth.close();
    while (second.streams + server.streams > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it("waits there for its owner", async () => {
    second.takeOver(SESSION, OTHER);
    pacing.onSleep = () => (server.session(SESSION).live = false);
    await bothServers().useAuthState(SESSION);
    assert.equal(count("attach"), 1, "the first server was asked again");
  });

  it("is found again when its home comes back", async () => {
    // How soon a connection is tried again goes by the real clock, of which the one that stands still knows nothing.
    const pool = newPool({ addresses: [second.address, server.address], patienceMs: Infinity });
    const auth = await pool.useAuthState(SESSION);
    const seen = watch(auth);
    await write(auth, "1");
    second.stop();
    let sleeps = 0;
    pacing.onSleep = () => (++sleeps === 4 ? second.start() : undefined);
    await write(auth, "2");
    assert.equal(stored(), "2");
    assert.ok(count("attach") > 0, "the other server was not asked");
    assert.deepEqual(seen.lost, []);
  });

  it("goes on elsewhere when its home has given it back", async () => {
    const auth = await bothServers().useAuthState(SESSION);
    await write(auth, "1");
    delete server.session(SESSION).home;
    second.stop();
    await write(auth, "2");
    assert.deepEqual(commits(server), ["commit 2"]);
  });

  it("is followed where a call learns that it has moved", async () => {
    const auth = await bothServers().useAuthState(SESSION);
    const seen = watch(auth);
    await write(auth, "1");
    isAtHomeAt(server);
    await write(auth, "2");
    assert.equal(stored(), "2");
    assert.deepEqual([commits(server), seen.lost], [["commit 2"], []]);
  });

  it("is waited for while each server names another one", async () => {
    const names = (one: LeaseServer, another: LeaseServer): void => {
      one.judge = ({ $case }) => {
        if ($case === "attach" && pacing.sleeps.length === 0) isAtHomeAt(another);
        return undefined;
      };
    };
    names(server, second);
    names(second, server);
    await bothServers().useAuthState(SESSION);
    assert.equal(pacing.sleeps.length, 1);
  });
});

describe("the owner of a session at home on another server", () => {
  it("is told there that it is another one", async () => {
    const auth = await newPool({ addresses: [second.address, server.address] }).useAuthState(SESSION);
    await write(auth, "1");
    isAtHomeAt(server);
    server.takeOver(SESSION, OTHER);
    await assert.rejects(write(auth, "2"), (error) => error instanceof LeaseLostError && error.owner === OTHER);
    assert.equal(stored(), "1");
  });

  it("is robbed there, and its home of nothing", async () => {
    second.takeOver(SESSION, OTHER);
    const auth = await bothServers().useAuthState(SESSION, { steal: true });
    await write(auth, "1");
    assert.equal(server.session(SESSION).home, second.address);
    assert.deepEqual(commits(second), ["commit 1"]);
  });

  it("is not robbed while that does not answer", async () => {
    second.takeOver(SESSION, OTHER);
    second.stop();
    const stealing = bothServers().useAuthState(SESSION, { steal: true, patienceMs: 5_000 });
    await assert.rejects(stealing, (error) => error instanceof AuthStateError && error.reason === "CONNECTION");
    assert.deepEqual([server.session(SESSION).home, server.session(SESSION).owner], [second.address, OTHER]);
  });
});

describe("a server that the pool does not know", () => {
  it("is named, and not asked, where a session is at home there", async () => {
    const opening = newPool({ token: "as_secret" }).useAuthState(SESSION, { leaseWaitMs: 0 });
    await assert.rejects(opening, (error) => {
      assert.ok(error instanceof LeaseHeldError);
      assert.ok(error.message.includes(`at home on the server at ${second.address}: `), error.message);
      return true;
    });
    assert.deepEqual([second.shown, second.streams], [[], 0]);
  });

  it("takes a session from its owner", async () => {
    delete server.session(SESSION).home;
    const auth = await newPool().useAuthState(SESSION);
    isAtHomeAt(second);
    await assert.rejects(write(auth, "1"), LeaseLostError);
    assert.deepEqual(second.shown, []);
  });

  it("is stolen from, as anybody is", async () => {
    second.takeOver(SESSION, OTHER);
    const auth = await newPool().useAuthState(SESSION, { steal: true });
    await write(auth, "1");
    assert.equal(server.session(SESSION).home, server.address);
  });
});
