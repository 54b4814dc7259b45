// Tests what a program is told that forgot a variable, or passed one of its environment without making a number of it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AuthStatePool } from "../src/auth_state_pool.ts";
import { AuthStateError, isAuthStateError, LeaseLostError } from "../src/errors.ts";
import type { AuthStatePoolOptions, SessionOptions } from "../src/options.ts";
import { type AuthStateOptions, useAuthState } from "../src/use_auth_state.ts";
import { newPool, server, SESSION } from "./support/pool_fixture.ts";

const refusal = (field: string, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AuthStateError, String(error));
  assert.deepEqual([error.code, error.reason, error.field], ["INVALID_ARGUMENT", "INVALID_FIELD", field]);
  assert.match(error.message, pattern);
  return true;
};

describe("a session id", () => {
  const noStrings: unknown[] = [undefined, null, true, 5511999990001, {}, ["s"], Symbol("s"), () => "s"];
  for (const id of noStrings) {
    it(`is refused by its type: ${typeof id} ${String(id)}`, async () => {
      const { address } = server;
      for (const options of [{}, { lease: false }]) {
        const typed = refusal(
          "session_id",
          /must be a string, is (undefined|null|boolean|number|object|symbol|function)$/,
        );
        await assert.rejects(newPool().useAuthState(id as string, options), typed);
        await assert.rejects(useAuthState(id as string, { address, ...options }), typed);
      }
      assert.equal(server.log.length, 0);
    });
  }

  it("is refused when it is empty, also before an address is missed", async () => {
    await assert.rejects(newPool().useAuthState(""), refusal("session_id", /1 to 128/));
    await assert.rejects(useAuthState("", {}), refusal("session_id", /1 to 128/));
  });
});

describe("options", () => {
  it("that are not there miss an address", async () => {
    const missed = refusal("address", /is needed: where authstated listens/);
    for (const options of [
      undefined,
      null,
      {},
      { address: undefined },
      { addresses: [] },
    ] as unknown as AuthStateOptions[]) {
      await assert.rejects(useAuthState(SESSION, options), missed);
      assert.throws(() => new AuthStatePool(options), missed);
    }
    const text = { addresses: server.address } as unknown as AuthStatePoolOptions;
    assert.throws(() => new AuthStatePool(text), refusal("addresses", /must be a list/));
  });

  it("take an address that is a unix socket, as one of this machine", () => {
    for (const address of ["unix:/run/authstate/socket", "unix:socket"]) {
      assert.doesNotThrow(() => new AuthStatePool({ address, token: "as_a" }));
    }
    for (const address of ["unix:", "unix://run/socket", "unix:/run/\0"]) {
      assert.throws(() => new AuthStatePool({ address }), refusal("address", /./));
    }
  });

  it("of a pool that are no numbers are refused by their name", () => {
    for (const field of ["leaseTtlMs", "patienceMs", "cacheBytes"]) {
      for (const value of ["15000", NaN, -1, null, {}]) {
        const options = { address: server.address, [field]: value };
        assert.throws(() => new AuthStatePool(options), refusal(field, /must be/));
      }
    }
  });

  it("of a session that are not what they must be are refused by their name", async () => {
    const bad: [field: string, value: unknown][] = [
      ["leaseWaitMs", "30000"],
      ["leaseWaitMs", NaN],
      ["patienceMs", null],
      ["onOrphanedKeys", "delete"],
      ["create", "false"],
    ];
    for (const [field, value] of bad) {
      const options = { [field]: value } as SessionOptions;
      await assert.rejects(newPool().useAuthState(SESSION, options), refusal(field, /must be/));
    }
    assert.equal(server.log.length, 0);
  });
});

describe("isAuthStateError", () => {
  it("knows those of another copy of this package", async () => {
    const copy = (await import(new URL("../src/errors.ts?copy", import.meta.url).href)) as {
      LeaseLostError: typeof LeaseLostError;
    };
    const foreign: unknown = new copy.LeaseLostError(SESSION, "thief:1");
    assert.ok(!(foreign instanceof AuthStateError));
    assert.ok(isAuthStateError(foreign));
    assert.equal(foreign.reason, "LEASE_LOST");
    assert.ok(isAuthStateError(new LeaseLostError(SESSION, undefined)));
  });

  it("knows nothing else", () => {
    const others = [
      undefined,
      null,
      "AuthStateError",
      new Error("AuthStateError"),
      { name: "AuthStateError" },
      () => 1,
    ];
    for (const other of others) assert.equal(isAuthStateError(other), false);
  });
});
