import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CommitRequest } from "../src/gen/authstate/v1/auth_state_service.ts";
import type { Key, Value } from "../src/gen/authstate/v1/value.ts";
import { KeyCache, type SessionCache, Shared } from "../src/session/key_cache.ts";

const ROOMY = 1_000_000;
const VALUE_BYTES = 1_000;

const keyOf = (id: string, type = "pre-key"): Key => ({ type, id });
const valueOf = (text: string): Value => ({ kind: { $case: "json", value: text.padEnd(VALUE_BYTES) } });
const commitOf = (changes: Partial<CommitRequest>): CommitRequest => ({
  ...{ sessionId: "s", commitId: 1n, fence: 0n, creds: undefined, expectedRevision: undefined, carriedRevision: 0n },
  ...{ sets: [], deletes: [], clearKeys: false, ...changes },
});
const set = (cache: SessionCache, ...ids: string[]): void =>
  cache.apply(commitOf({ sets: ids.map((id) => ({ key: keyOf(id), value: valueOf(id) })) }));

// Room for `count` values of this test, and not for one more.
const cacheFor = (count: number): KeyCache => new KeyCache(count * (VALUE_BYTES + 200));

describe("the cache of keys", () => {
  it("lets go of what was not used for longest, in whichever session", () => {
    const all = cacheFor(3);
    const [one, other] = [all.open(), all.open()];
    for (const session of [one, other]) session.reset(true);
    set(one, "a");
    set(other, "b");
    set(one, "c");
    assert.deepEqual(one.get(keyOf("a")), valueOf("a"));
    set(other, "d");
    assert.equal(other.get(keyOf("b")), undefined);
    assert.deepEqual(one.get(keyOf("a")), valueOf("a"));
    set(one, "e");
    assert.equal(one.get(keyOf("c")), undefined);
    assert.deepEqual(other.get(keyOf("d")), valueOf("d"));
  });

  it("takes a key that had to go for unknown, never for absent", () => {
    const all = cacheFor(1);
    const session = all.open();
    session.reset(true);
    assert.equal(session.get(keyOf("b")), null);
    set(session, "a", "b");
    assert.equal(session.complete, false);
    assert.equal(session.get(keyOf("a")), undefined);
  });

  it("takes a value of a kind that it does not know for unknown, never for absent", () => {
    const session = new KeyCache(ROOMY).open();
    session.reset(true);
    session.fill(keyOf("a"), { kind: undefined }, session.version);
    assert.equal(session.get(keyOf("a")), undefined);
    assert.equal(session.get(keyOf("b")), undefined);
  });

  it("keeps types apart", () => {
    const session = new KeyCache(ROOMY).open();
    session.reset(true);
    set(session, "1");
    assert.equal(session.get(keyOf("1", "session")), null);
    session.apply(commitOf({ deletes: [keyOf("1", "session")] }));
    assert.deepEqual(session.get(keyOf("1")), valueOf("1"));
  });

  it("holds nothing that was read before a commit", () => {
    const session = new KeyCache(ROOMY).open();
    const { version } = session;
    set(session, "a");
    session.fill(keyOf("a"), valueOf("older"), version);
    session.fill(keyOf("b"), undefined, version);
    assert.deepEqual(session.get(keyOf("a")), valueOf("a"));
    assert.equal(session.get(keyOf("b")), undefined);
  });

  it("counts an object that it keeps for more than its text, and lets go of it like the rest", () => {
    let reads = 0;
    const all = new KeyCache(3 * VALUE_BYTES, (type) => (type === "session" ? { reads: ++reads } : undefined));
    const session = all.open();
    session.reset(true);
    session.apply(commitOf({ sets: [{ key: keyOf("a", "session"), value: valueOf("a") }] }));
    const asText = all.bytes;
    assert.deepEqual(session.get(keyOf("a", "session")), valueOf("a"));
    const found = session.get(keyOf("a", "session"));
    assert.ok(found instanceof Shared);
    assert.equal(session.get(keyOf("a", "session")), found);
    assert.equal(reads, 1);
    assert.ok(all.bytes > asText + VALUE_BYTES);
    set(session, "b");
    assert.equal(session.get(keyOf("a", "session")), undefined);
    assert.ok(all.bytes < asText + VALUE_BYTES);
  });

  it("counts what it holds, and nothing of what has gone", () => {
    const all = cacheFor(3);
    const sessions = [all.open(), all.open()];
    for (const [index, session] of sessions.entries()) set(session, "a", `${index}`, "a", "b");
    sessions[0]!.apply(commitOf({ clearKeys: true, sets: [{ key: keyOf("c"), value: valueOf("c") }] }));
    assert.ok(all.bytes > 0 && all.bytes <= 3 * (VALUE_BYTES + 200));
    for (const session of sessions) session.reset(false);
    assert.equal(all.bytes, 0);
    set(sessions[0]!, "a", "b", "c");
    assert.deepEqual(sessions[0]!.get(keyOf("a")), valueOf("a"));
  });
});
