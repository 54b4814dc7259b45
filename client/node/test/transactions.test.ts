// Tests that the retries of Baileys' transactions do not multiply the patience of this client.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import * as baileys from "baileys";
import * as baileys6 from "baileys-6";
import type { AuthState } from "../src/auth_state.ts";
import { AuthStateError, LeaseLostError } from "../src/errors.ts";
import { count, newPool, NOT_APPLIED, pacing, read, server, SESSION, write } from "./support/pool_fixture.ts";
import { silentLogger } from "./support/silent_logger.ts";

const PATIENCE_MS = 60_000;
const TRIES = 10;
const AWAY = { code: status.UNAVAILABLE, reason: "DATABASE_UNAVAILABLE", metadata: NOT_APPLIED };

type Transactions = Pick<typeof baileys, "addTransactionCapability">;

// Baileys' default is the same, but with a delay of 3 s between tries, by a clock of its own.
async function transact(auth: AuthState, { addTransactionCapability }: Transactions, tries = TRIES): Promise<void> {
  const options = { maxCommitRetries: tries, delayBetweenTriesMs: 1 };
  const keys = addTransactionCapability(auth.state.keys, silentLogger, options);
  await keys.transaction(async () => keys.set({ "lid-mapping": { a: "1" } }), "any");
}

function isAway(error: unknown): boolean {
  assert.ok(error instanceof AuthStateError, String(error));
  assert.deepEqual([error.code, error.outcome, error.retryable], ["UNAVAILABLE", "NOT_APPLIED", true]);
  return true;
}

describe("a transaction of Baileys", () => {
  for (const [name, module] of [
    ["7", baileys],
    ["6", baileys6 as unknown as Transactions],
  ] as const) {
    it(`waits through an outage for one patience, however often it is tried: Baileys ${name}`, async () => {
      const auth = await newPool({ patienceMs: PATIENCE_MS }).useAuthState(SESSION);
      server.judge = ({ $case }) => ($case === "commit" ? AWAY : undefined);
      // Baileys 6 swallows the failure.
      await transact(auth, module).catch(isAway);
      assert.equal(pacing.now(), PATIENCE_MS);
      assert.ok(count("commit") >= 2 * TRIES - 1, "a later try made no attempt");
    });

    it(`is stored by a later try once the store is back: Baileys ${name}`, async () => {
      const auth = await newPool({ patienceMs: PATIENCE_MS }).useAuthState(SESSION);
      // After the patience, the last attempt of the first try is refused, and those of some later tries.
      let refusals = TRIES / 2;
      server.judge = ({ $case }) => {
        if ($case !== "commit") return undefined;
        return pacing.now() < PATIENCE_MS || refusals-- > 0 ? AWAY : undefined;
      };
      await transact(auth, module);
      assert.deepEqual(await read(auth, "a"), { a: "1" });
    });
  }

  it("is refused at once on a lost lease where Baileys is told not to try again", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await write(auth, "0");
    server.takeOver(SESSION, "thief:1");
    await assert.rejects(transact(auth, baileys, 1), LeaseLostError);
    assert.deepEqual(pacing.sleeps, []);
  });
});

describe("a write of an object that was written before", () => {
  it("has its patience anew when that was long ago, and when that succeeded", async () => {
    const auth = await newPool({ patienceMs: PATIENCE_MS }).useAuthState(SESSION);
    const written = { "lid-mapping": { a: "1" } };
    const waits = async (): Promise<number> => {
      const begun = pacing.now();
      server.judge = ({ $case }) => ($case === "commit" ? AWAY : undefined);
      await assert.rejects(async () => auth.state.keys.set(written), isAway);
      server.judge = () => undefined;
      return pacing.now() - begun;
    };
    assert.equal(await waits(), PATIENCE_MS);
    pacing.advance(10_001);
    assert.equal(await waits(), PATIENCE_MS);
    await auth.state.keys.set(written);
    assert.equal(await waits(), PATIENCE_MS);
    assert.equal(await waits(), 0);
  });
});
