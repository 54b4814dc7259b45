// Tests the keys of a session as `list` and `listIds` tell them, and a migration that needs both.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import * as baileys from "baileys";
import type { AuthState } from "../src/auth_state.ts";
import { AuthStateError, LeaseLostError } from "../src/errors.ts";
import { count, newPool, NOT_APPLIED, server, SESSION, watch, write } from "./support/pool_fixture.ts";

const reason = (wanted: string) => (error: unknown) => {
  assert.ok(error instanceof AuthStateError, String(error));
  assert.equal(error.reason, wanted);
  return true;
};
type Types = baileys.SignalDataTypeMap;
async function all<T extends keyof Types>({ state }: AuthState, type: T): Promise<(readonly [string, Types[T]])[]> {
  const found: (readonly [string, Types[T]])[] = [];
  for await (const entry of state.keys.list(type)) found.push(entry);
  return found;
}
async function ids({ state }: AuthState, type: keyof Types): Promise<string[]> {
  const found: string[] = [];
  for await (const id of state.keys.listIds(type)) found.push(id);
  return found;
}
const mappings = (count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`k${String(index).padStart(2, "0")}`, String(index)]),
  );

for (const lease of [true, false]) {
  describe(`the keys of a type, with lease ${lease}`, () => {
    const open = (cacheBytes = 1_000_000): Promise<AuthState> =>
      newPool({ cacheBytes }).useAuthState(SESSION, { lease });

    it("are those of that type alone, with their ids as they are stored and values as `get` gives them", async () => {
      const auth = await open();
      const keyData = baileys.proto.Message.AppStateSyncKeyData.fromObject({
        ...{ keyData: Buffer.alloc(32, 7), timestamp: 1_760_000_000 },
      });
      const id = "AAAA+//+/w==";
      await auth.state.keys.set({
        "app-state-sync-key": { [id]: keyData },
        "sender-key": { "g@g.us::user_1.0::0": Buffer.from([1, 2]), __proto__x: Buffer.from([3]) },
        session: { "user_1.7": Buffer.from([4]) },
        "lid-mapping": { a: "1", "ü/€😀": "2", constructor: "3" },
      });
      assert.deepEqual(await all(auth, "sender-key"), [
        ["__proto__x", Buffer.from([3])],
        ["g@g.us::user_1.0::0", Buffer.from([1, 2])],
      ]);
      assert.deepEqual(await all(auth, "lid-mapping"), [
        ["a", "1"],
        ["constructor", "3"],
        ["ü/€😀", "2"],
      ]);
      assert.deepEqual(await ids(auth, "lid-mapping"), ["a", "constructor", "ü/€😀"]);
      const [[foundId, found]] = (await all(auth, "app-state-sync-key")) as [[string, object]];
      assert.equal(foundId, id);
      assert.ok(found instanceof baileys.proto.Message.AppStateSyncKeyData);
      assert.deepEqual(found, (await auth.state.keys.get("app-state-sync-key", [id]))[id]);
      assert.deepEqual(await all(auth, "pre-key"), []);
    });

    it("are asked for by their type, and without values for their ids; an older server answers all", async () => {
      const auth = await open();
      await auth.state.keys.set({
        "lid-mapping": mappings(3),
        "pre-key": { 1: { public: Buffer.alloc(1), private: Buffer.alloc(1) } },
        session: { a: Buffer.from([1]) },
      });
      const sent = async (work: Promise<unknown>): Promise<number> => {
        const before = server.valuesSent;
        await work;
        return server.valuesSent - before;
      };
      const asList = async (): Promise<string[]> => (await all(auth, "pre-key")).map(([id]) => id);
      assert.equal(await sent(ids(auth, "lid-mapping")), 0);
      assert.equal(await sent(asList()), 1);
      server.isOld = true;
      assert.deepEqual(await ids(auth, "lid-mapping"), ["k00", "k01", "k02"]);
      assert.deepEqual(await asList(), ["1"]);
    });

    it("are none where there is no session", async () => {
      const auth = await open();
      assert.deepEqual(await all(auth, "pre-key"), []);
      assert.deepEqual(await ids(auth, "pre-key"), []);
    });

    it("are told after the writes that were begun before", async () => {
      const auth = await open();
      const written = [write(auth, "1"), write(auth, "2", "b")];
      assert.deepEqual(await ids(auth, "lid-mapping"), ["a", "b"]);
      const deleted = auth.state.keys.set({ "lid-mapping": { a: null } });
      assert.deepEqual(await all(auth, "lid-mapping"), [["b", "2"]]);
      await Promise.all([...written, deleted]);
    });

    it("are read page by page as they are asked for, and no further once the loop is left", async () => {
      const auth = await open();
      const values = Array.from({ length: 60 }, (_, index) => [`k${index}`, "v".repeat(200_000)]);
      await auth.state.keys.set({ "lid-mapping": Object.fromEntries(values) as Record<string, string> });
      server.pageKeys = 1;
      server.pagesSent = 0;
      for await (const _ of auth.state.keys.list("lid-mapping")) break;
      await server.pagesStopped;
      // The rest is what the connection buffers.
      assert.ok(server.pagesSent < 60, `${server.pagesSent} pages were sent for one key`);
      assert.equal((await ids(auth, "lid-mapping")).length, 60);
    });

    for (const failure of [
      { code: status.UNAVAILABLE, reason: "DATABASE_UNAVAILABLE" },
      { code: status.CANCELLED, reason: "CANCELLED" },
    ]) {
      it(`come once each and all of them when the stream breaks: ${failure.reason}`, async () => {
        const auth = await open();
        const expected = mappings(25);
        await auth.state.keys.set({ "lid-mapping": expected, "pre-key": { "1": null } });
        server.pageKeys = 4;
        server.judgePage = (page, load) => (load <= 3 && page === load ? failure : undefined);
        server.loads = 0;
        assert.deepEqual(Object.fromEntries(await all(auth, "lid-mapping")), expected);
        assert.equal(server.loads, 4);
        server.loads = 0;
        assert.deepEqual(await ids(auth, "lid-mapping"), Object.keys(expected));
      });
    }

    it("end with an error where the store stays away, and never early", async () => {
      const auth = await newPool({ patienceMs: 10 }).useAuthState(SESSION, { lease });
      await auth.state.keys.set({ "lid-mapping": mappings(9) });
      server.pageKeys = 4;
      server.judgePage = (page) =>
        page === 1 ? { code: status.UNAVAILABLE, reason: "DATABASE_UNAVAILABLE" } : undefined;
      await assert.rejects(ids(auth, "lid-mapping"), reason("DATABASE_UNAVAILABLE"));
    });

    it("are refused by a name that is none, and by a handle that was closed, also in the middle", async () => {
      const auth = await open();
      await auth.state.keys.set({ "lid-mapping": mappings(3) });
      await assert.rejects(ids(auth, "" as "session"), reason("INVALID_FIELD"));
      const listing = auth.state.keys.listIds("lid-mapping")[Symbol.asyncIterator]();
      await listing.next();
      await auth.close();
      await assert.rejects(listing.next(), reason("CLOSED"));
      await assert.rejects(ids(auth, "lid-mapping"), reason("CLOSED"));
    });
  });
}

describe("the keys of a type, under a lease", () => {
  it("are refused once somebody else has the session", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await write(auth, "1");
    const seen = watch(auth);
    server.takeOver(SESSION, "thief:1");
    await assert.rejects(ids(auth, "lid-mapping"), LeaseLostError);
    assert.deepEqual(seen.events, ["lost"]);
  });

  it("have what a commit in doubt has written, which is settled before", async () => {
    const auth = await newPool({ patienceMs: 0 }).useAuthState(SESSION);
    await auth.saveCreds();
    server.judge = ({ $case }) => ($case === "commit" ? { code: status.UNAVAILABLE, late: true } : undefined);
    await assert.rejects(write(auth, "1"), (error) => (error as AuthStateError).outcome === "UNKNOWN");
    server.judge = () => undefined;
    assert.deepEqual(await all(auth, "lid-mapping"), [["a", "1"]]);
  });

  it("leave a commit that was refused out", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await write(auth, "1");
    server.judge = ({ $case }) =>
      $case === "commit" ? { code: status.RESOURCE_EXHAUSTED, reason: "DISK_FULL", metadata: NOT_APPLIED } : undefined;
    const refused = write(auth, "2", "b");
    refused.catch(() => undefined);
    assert.deepEqual(await ids(auth, "lid-mapping"), ["a"]);
    await assert.rejects(refused, reason("DISK_FULL"));
    assert.ok(count("load") >= 1);
  });
});
