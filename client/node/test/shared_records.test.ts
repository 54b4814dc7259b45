import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import type { AuthState } from "../src/auth_state.ts";
import type { AuthStatePoolOptions } from "../src/options.ts";
import { newPool, NOT_APPLIED, server, SESSION } from "./support/pool_fixture.ts";

const CONTACT = "5511999990001_1.0";

// As libsignal writes it: the key of a closed chain is there, and undefined.
const record = (counter = 0, version = "v1") => ({
  _sessions: {
    a2V5: {
      registrationId: 4_711,
      indexInfo: { closed: -1, used: 1.5, pending: null, ours: true },
      _chains: { Y2hhaW4: { chainKey: { counter, key: undefined as string | undefined }, messageKeys: {} } },
    },
  },
  version,
});
const stored = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

async function set(auth: AuthState, value: unknown, type = "session"): Promise<void> {
  await auth.state.keys.set({ [type]: { [CONTACT]: value } });
}

async function get(auth: AuthState, type = "session"): Promise<unknown> {
  const { [CONTACT]: value } = await auth.state.keys.get(type as "session", [CONTACT]);
  return value;
}

async function reopened(options?: Partial<AuthStatePoolOptions>): Promise<AuthState> {
  const first = await newPool().useAuthState(SESSION);
  await set(first, record());
  await first.close();
  return newPool(options).useAuthState(SESSION);
}

describe("session records", () => {
  it("are handed out as they were written", async () => {
    const auth = await newPool().useAuthState(SESSION);
    const [one, other] = [record(1), record(2)];
    await set(auth, one);
    assert.equal(await get(auth), one);
    await set(auth, other);
    assert.equal(await get(auth), other);
    await auth.state.keys.set({ session: { [CONTACT]: null } });
    assert.equal(await get(auth), undefined);
  });

  it("are one object from the second time on that they are read from their text", async () => {
    const auth = await reopened();
    const first = await get(auth);
    const second = await get(auth);
    assert.deepEqual([first, second], [stored(record()), stored(record())]);
    assert.notEqual(first, second);
    assert.equal(await get(auth), second);
  });

  it("are those of before where a write failed", async () => {
    const auth = await newPool().useAuthState(SESSION);
    const before = record(1);
    await set(auth, before);
    server.judge = ({ $case }) =>
      $case === "commit" ? { code: status.RESOURCE_EXHAUSTED, reason: "DISK_FULL", metadata: NOT_APPLIED } : undefined;
    await assert.rejects(set(auth, record(2)));
    assert.equal(await get(auth), before);
  });

  it("are copies for each who asks where the program asks for that", async () => {
    const auth = await reopened({ sharedRecords: false });
    assert.notEqual(await get(auth), await get(auth));
    const written = record(3);
    await set(auth, written);
    const found = await get(auth);
    assert.notEqual(found, written);
    assert.deepEqual(found, stored(written));
  });

  const others: [name: string, value: unknown][] = [
    ["of another version, which libsignal changes in place", record(0, "v0")],
    ["with bytes", { ...record(), bytes: Buffer.from("key") }],
    ["with typed bytes", { ...record(), bytes: Uint8Array.of(1) }],
    ["with a list", { ...record(), list: [1, undefined] }],
    ["with a number that JSON has not", { ...record(), number: NaN }],
    ["with a date", { ...record(), date: new Date(0) }],
    ["that write themselves", { ...record(), toJSON: () => record(7) }],
    ["with what looks like bytes", { ...record(), bytes: { type: "Buffer", data: "AQI=" } }],
  ];
  for (const [name, value] of others) {
    it(`${name} are handed out as they were stored`, async () => {
      const auth = await newPool().useAuthState(SESSION);
      await set(auth, value);
      const found = await get(auth);
      assert.notEqual(found, value);
      await auth.close();
      const again = await newPool().useAuthState(SESSION);
      assert.deepEqual(found, await get(again));
    });
  }
});

it("A value of any other type is a copy for each who asks", async () => {
  const auth = await newPool().useAuthState(SESSION);
  const written = record();
  await set(auth, written, "device-list");
  const found = await get(auth, "device-list");
  assert.deepEqual(found, stored(written));
  assert.notEqual(await get(auth, "device-list"), found);
});
