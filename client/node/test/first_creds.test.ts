// Tests which creds a session is opened with: new ones only where the store is proved empty, stored ones only where Baileys
// can use them.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import * as baileys from "baileys";
import * as baileys6 from "baileys-6";
import { decodeValue, encodeValue } from "../src/codec/value_codec.ts";
import { AuthStateError } from "../src/errors.ts";
import type { SessionOptions } from "../src/options.ts";
import { newPool, NOT_APPLIED, server, SESSION } from "./support/pool_fixture.ts";

const KEY = { type: "pre-key", id: "1" };
const putKeys = (count: number): void => {
  for (let id = 1; id <= count; id++) {
    const value = encodeValue({ public: Buffer.alloc(32, 1), private: Buffer.alloc(32, 2) });
    server.session(SESSION).keys.set(`pre-key/${id}`, { key: { ...KEY, id: String(id) }, value });
  }
  server.session(SESSION).exists = true;
};
const commits = () =>
  server.messages
    .flatMap(({ operations }) => operations)
    .flatMap(({ operation }) => (operation?.$case === "commit" ? [operation.value] : []));
type Creds = baileys.AuthenticationCreds;
const put = (creds: unknown): void => {
  Object.assign(server.session(SESSION), { creds: encodeValue(creds), exists: true });
};
const reasonOf = (error: unknown): string => {
  assert.ok(error instanceof AuthStateError, String(error));
  return error.reason;
};

describe("keys without creds", () => {
  const ways: [name: string, options: SessionOptions, cacheBytes?: number][] = [
    ["under a lease", {}],
    ["with no room in memory", {}, 0],
    ["without a lease", { lease: false }],
  ];
  for (const [name, options, cacheBytes = 1_000_000] of ways) {
    it(`make no new identity ${name}`, async () => {
      putKeys(28);
      await assert.rejects(newPool({ cacheBytes }).useAuthState(SESSION, options), (error: AuthStateError) => {
        assert.equal(reasonOf(error), "ORPHANED_KEYS");
        assert.match(error.message, /session import.*session delete.*onOrphanedKeys: "clear"/);
        return true;
      });
      assert.equal(server.session(SESSION).owner, "", "the lease was kept");
      assert.equal(server.session(SESSION).keys.size, 28);
      assert.equal(server.session(SESSION).creds, undefined);
    });

    it(`are deleted in one commit with new creds when asked for ${name}`, async () => {
      putKeys(28);
      const auth = await newPool({ cacheBytes }).useAuthState(SESSION, { ...options, onOrphanedKeys: "clear" });
      const { creds, keys } = server.session(SESSION);
      assert.deepEqual((decodeValue(creds) as baileys.AuthenticationCreds).noiseKey, auth.state.creds.noiseKey);
      assert.equal(keys.size, 0);
      assert.deepEqual(await auth.state.keys.get("pre-key", ["1"]), {});
      assert.equal(server.session(SESSION).revision, 1n);
      // They are stored, and not sent again with what comes next.
      await auth.state.keys.set({ "lid-mapping": { a: "1" } });
      const sent = options.lease === false ? server.unaryCommits : commits();
      assert.deepEqual(
        sent.map(({ creds, clearKeys, sets }) => [creds !== undefined, clearKeys, sets.length]),
        [
          [true, true, 0],
          [false, false, 1],
        ],
      );
    });
  }

  it("are left alone when the commit that clears them fails", async () => {
    putKeys(1);
    server.judge = ({ $case }) =>
      $case === "commit" ? { code: status.RESOURCE_EXHAUSTED, reason: "DISK_FULL", metadata: NOT_APPLIED } : undefined;
    const opening = newPool().useAuthState(SESSION, { onOrphanedKeys: "clear" });
    await assert.rejects(opening, (error) => reasonOf(error) === "DISK_FULL");
    assert.equal(server.session(SESSION).keys.size, 1);
    assert.equal(server.session(SESSION).owner, "");
  });

  it("are nothing that `clear` looks for where there are creds, or nothing at all", async () => {
    const pool = newPool();
    const fresh = await pool.useAuthState(SESSION, { onOrphanedKeys: "clear" });
    assert.deepEqual(commits(), []);
    await Promise.all([fresh.saveCreds(), fresh.state.keys.set({ "lid-mapping": { a: "1" } })]);
    await fresh.close();
    const again = await pool.useAuthState(SESSION, { onOrphanedKeys: "clear" });
    assert.deepEqual(await again.state.keys.get("lid-mapping", ["a"]), { a: "1" });
  });

  it("are not made by a pool that crashes before it saves creds", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await auth.state.keys.set({ "lid-mapping": { a: "1" } });
    server.session(SESSION).live = false;
    const successor = await newPool({ address: server.address.replace("127.0.0.1", "localhost") }).useAuthState(
      SESSION,
    );
    assert.deepEqual(successor.state.creds.noiseKey, auth.state.creds.noiseKey);
  });
});

describe("a session that is opened with create: false", () => {
  for (const lease of [true, false]) {
    it(`gets no creds where there are none, and its lease is given back: lease ${lease}`, async () => {
      await assert.rejects(newPool().useAuthState(SESSION, { create: false, lease }), (error: AuthStateError) => {
        assert.deepEqual([reasonOf(error), error.code, error.retryable], ["NO_CREDS", "NOT_FOUND", false]);
        assert.match(error.message, /^5511999990001: .*create: false/);
        return true;
      });
      assert.equal(server.session(SESSION).exists, false);
      assert.equal(server.session(SESSION).owner, "", "the lease was kept");
      assert.equal(server.log.includes("detach"), lease);
    });

    it(`keeps the keys that have no creds, whatever onOrphanedKeys says: lease ${lease}`, async () => {
      putKeys(3);
      const options = { create: false, onOrphanedKeys: "clear", lease } as const;
      await assert.rejects(newPool().useAuthState(SESSION, options), (error) => reasonOf(error) === "ORPHANED_KEYS");
      assert.equal(server.session(SESSION).keys.size, 3);
      assert.equal(server.session(SESSION).owner, "", "the lease was kept");
    });

    it(`is opened like any other where there are creds: lease ${lease}`, async () => {
      const creds = baileys.initAuthCreds();
      put(creds);
      const { state } = await newPool().useAuthState(SESSION, { create: false, lease });
      assert.deepEqual(state.creds.noiseKey.private, Buffer.from(creds.noiseKey.private));
    });
  }

  it("can be opened for pairing by the same process afterwards", async () => {
    const pool = newPool();
    await assert.rejects(pool.useAuthState(SESSION, { create: false }), (error) => reasonOf(error) === "NO_CREDS");
    await (await pool.useAuthState(SESSION)).saveCreds();
    assert.notEqual(server.session(SESSION).creds, undefined);
  });

  it("is no session without creds because the store is away", async () => {
    server.judge = () => ({ code: status.UNAVAILABLE, reason: "DATABASE_UNAVAILABLE" });
    const opening = newPool({ patienceMs: 0 }).useAuthState(SESSION, { create: false });
    await assert.rejects(opening, (error) => reasonOf(error) === "DATABASE_UNAVAILABLE");
  });
});

describe("new creds without a lease", () => {
  for (const before of ["nothing", "a removed session"]) {
    it(`are not written over those that somebody else has stored since: after ${before}`, async () => {
      const pool = newPool();
      if (before !== "nothing") {
        const removed = await pool.useAuthState(SESSION);
        await removed.saveCreds();
        await removed.removeSession();
      }
      const tool = await pool.useAuthState(SESSION, { lease: false });
      const owner = await pool.useAuthState(SESSION);
      await owner.saveCreds();
      await owner.close();
      for (const write of [() => tool.saveCreds(), async () => tool.state.keys.set({ "lid-mapping": { a: "1" } })]) {
        await assert.rejects(write, (error: AuthStateError) => {
          assert.deepEqual([error.code, error.reason, error.outcome], ["ABORTED", "REVISION_MISMATCH", "NOT_APPLIED"]);
          assert.match(error.message, /open it again/);
          return true;
        });
      }
      assert.equal(server.session(SESSION).keys.size, 0);
      const { state } = await pool.useAuthState(SESSION, { lease: false });
      assert.deepEqual(state.creds.noiseKey, owner.state.creds.noiseKey);
    });
  }

  it("are written once, and like any others from then on", async () => {
    const pool = newPool();
    const tool = await pool.useAuthState(SESSION, { lease: false });
    await tool.state.keys.set({ "lid-mapping": { a: "1" } });
    const other = await pool.useAuthState(SESSION, { lease: false });
    await other.state.keys.set({ "lid-mapping": { b: "1" } });
    await tool.saveCreds();
    assert.deepEqual(other.state.creds.noiseKey, tool.state.creds.noiseKey);
  });
});

describe("stored creds", () => {
  const numbered = (bytes: Uint8Array) => ({ ...bytes });
  const unusable: [field: string, spoil: (creds: Creds) => unknown][] = [
    ["creds.noiseKey", () => ({})],
    ["creds.noiseKey", () => ({ registered: true })],
    ["creds.noiseKey.private", (creds) => ({ ...creds, noiseKey: { public: creds.noiseKey.public } })],
    [
      "creds.noiseKey.private",
      (creds) => ({ ...creds, noiseKey: { ...creds.noiseKey, private: numbered(creds.noiseKey.private) } }),
    ],
    ["creds.noiseKey.public", (creds) => ({ ...creds, noiseKey: { ...creds.noiseKey, public: Buffer.alloc(33) } })],
    ["creds.signedIdentityKey", ({ signedIdentityKey: _, ...creds }) => creds],
    ["creds.signedIdentityKey", (creds) => ({ ...creds, signedIdentityKey: "key" })],
    ["creds.signedPreKey", (creds) => ({ ...creds, signedPreKey: null })],
    ["creds.signedPreKey", (creds) => ({ ...creds, signedPreKey: Buffer.alloc(32) })],
    [
      "creds.signedPreKey.keyPair.private",
      (creds) => ({
        ...creds,
        signedPreKey: { ...creds.signedPreKey, keyPair: { public: Buffer.alloc(32), private: [1, 2] } },
      }),
    ],
    [
      "creds.signedPreKey.signature",
      (creds) => ({ ...creds, signedPreKey: { ...creds.signedPreKey, signature: Buffer.alloc(0) } }),
    ],
    ["creds.registrationId", ({ registrationId: _, ...creds }) => creds],
    ["creds.registrationId", (creds) => ({ ...creds, registrationId: 1.5 })],
    ["creds.registrationId", (creds) => ({ ...creds, registrationId: "5" })],
    ["creds", () => null],
    ["creds", () => [1]],
    ["creds", () => Buffer.alloc(3)],
  ];
  for (const [index, [field, spoil]] of unusable.entries()) {
    for (const lease of [true, false]) {
      it(`are refused by their member where they cannot work: ${index + 1}, ${field}, lease ${lease}`, async () => {
        const creds = baileys.initAuthCreds();
        put(spoil(creds));
        await assert.rejects(newPool().useAuthState(SESSION, { lease }), (error: AuthStateError) => {
          assert.equal(reasonOf(error), "UNUSABLE_CREDS");
          assert.deepEqual([error.code, error.field, error.retryable], ["DATA_LOSS", field, false]);
          assert.ok(error.message.includes(`${field}: `), error.message);
          assert.ok(!error.stack!.includes(Buffer.from(creds.noiseKey.private).toString("base64")));
          return true;
        });
        assert.equal(server.session(SESSION).owner, "");
        assert.deepEqual(commits(), []);
      });
    }
  }

  const id = "5511999990001:7@s.whatsapp.net";
  const account = { details: "CiA=", accountSignatureKey: "a2V5", accountSignature: "c2ln", deviceSignature: "c2ln" };
  const usable: [name: string, change: (creds: Creds) => object][] = [
    ["of an account that is not paired", (creds) => creds],
    ["while a pairing code is asked for", (creds) => ({ ...creds, me: { id, name: "~" }, pairingCode: "ABCDEFGH" })],
    ["of an account that is half paired", (creds) => ({ ...creds, registered: true })],
    ["of a paired account", (creds) => ({ ...creds, me: { id, lid: "1:7@lid" }, account, registered: false })],
    [
      "without what is needed until pairing only",
      ({ advSecretKey: _, pairingEphemeralKeyPair: __, ...creds }) => creds,
    ],
    ["of another client, with a large registration id", (creds) => ({ ...creds, registrationId: 2 ** 32 - 1 })],
  ];
  const versions: [version: string, init: () => Creds][] = [
    ["7", baileys.initAuthCreds],
    ["6", baileys6.initAuthCreds as unknown as () => Creds],
  ];
  for (const [version, init] of versions) {
    for (const [name, change] of usable) {
      it(`are opened ${name}: Baileys ${version}`, async () => {
        const creds = change(init());
        put(creds);
        const { state } = await newPool().useAuthState(SESSION);
        assert.deepEqual(
          { ...state.creds },
          JSON.parse(JSON.stringify(creds, baileys.BufferJSON.replacer), baileys.BufferJSON.reviver),
        );
      });
    }
  }
});
