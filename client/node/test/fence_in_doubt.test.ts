import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { type AuthStateError, LeaseLostError, type LostError } from "../src/errors.ts";
import type { Verdict } from "./support/lease_server.ts";
import { newPool, NOT_APPLIED, read, server, SESSION, stored, watch, write } from "./support/pool_fixture.ts";
import { until } from "./support/until.ts";

// An internal error of the server: nobody knows what became of the write.
const IN_DOUBT = { code: status.INTERNAL, reason: "INTERNAL", metadata: { outcome: "UNKNOWN" } };

describe("a write that failed for good, and may have been applied", () => {
  // Lets the next operations of these kinds, in this order, meet these verdicts, each once. All others pass.
  const judgeInOrder = (...verdicts: [$case: string, verdict: () => Verdict][]): void => {
    server.judge = ({ $case }) => {
      const [next] = verdicts;
      if (next?.[0] !== $case) return undefined;
      verdicts.shift();
      return next[1]();
    };
  };
  const isInDoubt = (error: unknown): boolean => (error as AuthStateError).outcome === "UNKNOWN";
  const inDoubt = (): Verdict => IN_DOUBT;
  const away = { code: status.UNAVAILABLE, reason: "DATABASE_UNAVAILABLE" };

  it("ends the trust in what was read before", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await write(auth, "1");
    server.judge = ({ $case }) => ($case === "commit" ? { ...IN_DOUBT, afterwards: true } : undefined);
    await assert.rejects(write(auth, "2"), isInDoubt);
    await assert.rejects(write(auth, "3", "b"), isInDoubt);
    server.judge = () => undefined;
    assert.deepEqual(await read(auth, "a", "b"), { a: "2", b: "3" });
  });

  it("ends that trust also as a deletion", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await write(auth, "1");
    server.judgeDeletion = () => ({ ...IN_DOUBT, afterwards: true });
    await assert.rejects(auth.removeSession(), isInDoubt);
    assert.deepEqual(await read(auth, "a"), {});
  });

  it("takes no later write's place when it arrives late", async () => {
    const auth = await newPool().useAuthState(SESSION);
    await write(auth, "1");
    server.judge = ({ $case }) => ($case === "commit" ? { ...IN_DOUBT, late: true } : undefined);
    await assert.rejects(write(auth, "2"), isInDoubt);
    // It arrives at the worst moment: the next one has the same number, and was not carried out yet.
    server.judge = ({ $case }) => {
      if ($case === "commit") server.catchUp();
      return undefined;
    };
    await write(auth, "3", "b");
    assert.equal(stored("b"), "3");
    assert.deepEqual(await read(auth, "a", "b"), { a: stored("a"), b: "3" });
  });

  it("deletes nothing that was written later, when it arrives late as a deletion", async () => {
    const auth = await newPool().useAuthState(SESSION);
    server.judgeDeletion = () => ({ ...IN_DOUBT, late: true });
    await assert.rejects(auth.removeSession(), isInDoubt);
    await write(auth, "1");
    server.catchUp();
    assert.equal(stored(), "1");
    assert.deepEqual(await read(auth, "a"), { a: "1" });
  });

  for (const [step, before] of [
    ["attaching", []],
    ["giving the lease back", ["attach"]],
    ["taking it again", ["attach", "detach"]],
  ] as const) {
    const failing = step === "giving the lease back" ? "detach" : "attach";
    for (const [how, fate] of [
      ["fails", { ...away, metadata: NOT_APPLIED }],
      ["takes place without an answer", { ...away, afterwards: true }],
    ] as const) {
      it(`costs no session when ${step} ${how}`, async () => {
        const auth = await newPool().useAuthState(SESSION);
        const seen = watch(auth);
        await write(auth, "1");
        const { fence } = server.session(SESSION);
        judgeInOrder(["commit", inDoubt], ...before.map((name) => [name, () => undefined] as [string, () => Verdict]), [
          failing,
          () => fate,
        ]);
        await assert.rejects(write(auth, "2"), isInDoubt);
        await write(auth, "3", "b");
        assert.deepEqual(await read(auth, "a", "b"), { a: "1", b: "3" });
        assert.equal(server.session(SESSION).fence, fence + 2n);
        assert.deepEqual(seen.events, []);
      });
    }
  }

  // Lets a write fail with its outcome unknown, and calls `intrude` after the lease was given back, before it is taken again.
  const interrupted = async (intrude: () => void): Promise<{ events: string[]; lost: LostError[] }> => {
    const auth = await newPool().useAuthState(SESSION);
    const seen = watch(auth);
    const pass = (): Verdict => undefined;
    judgeInOrder(["commit", inDoubt], ["attach", pass], ["detach", pass], ["attach", () => void intrude()]);
    await assert.rejects(write(auth, "1"), isInDoubt);
    await assert.rejects(write(auth, "2"), LeaseLostError);
    return seen;
  };

  it("leaves the session to whoever is quicker", async () => {
    const seen = await interrupted(() => server.takeOver(SESSION, "thief:1"));
    assert.equal(seen.lost[0]?.owner, "thief:1");
  });

  it("loses the session also to somebody who has gone again", async () => {
    const seen = await interrupted(() => {
      server.takeOver(SESSION, "thief:1");
      Object.assign(server.session(SESSION), { owner: "", live: false });
    });
    assert.deepEqual(seen.events, ["lost"]);
    await until(() => server.session(SESSION).owner === "");
  });

  it("holds up no later write when it was in doubt before", async () => {
    const auth = await newPool().useAuthState(SESSION, { patienceMs: 0 });
    judgeInOrder(["commit", () => ({ ...away, metadata: { outcome: "UNKNOWN" } })], ["commit", inDoubt]);
    await assert.rejects(write(auth, "1"), isInDoubt);
    await write(auth, "2", "b");
    assert.deepEqual(await read(auth, "a", "b"), { b: "2" });
  });
});
