// Tests that the opening of a session ends with its patience on servers that never finish what they have begun.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AuthStateError } from "../src/errors.ts";
import { Pool } from "../src/pool.ts";
import { type Evil, EvilServer } from "./support/evil_server.ts";
import { FakePacing } from "./support/fake_pacing.ts";
import { newPool, pacing, server, SESSION } from "./support/pool_fixture.ts";
import { until } from "./support/until.ts";

const PATIENCE_MS = 3_000;
// This is longer than the patience and the last attempt together.
const LONG_MS = 10_000;
const DEEP = 100_000;

const nest = (open: string, inner: string, close: string): string => open.repeat(DEEP) + inner + close.repeat(DEEP);

async function rejectsInTime(evil: Evil, lease: boolean, begun: (server: EvilServer) => boolean): Promise<void> {
  const evilServer = new EvilServer(evil);
  await evilServer.start();
  // The clock stands still, so that no call's deadline ends the opening, but its own.
  const clock = new FakePacing();
  const pool = new Pool({ address: evilServer.address, patienceMs: PATIENCE_MS }, clock);
  try {
    const opening = pool.useAuthState(SESSION, { lease });
    const rejection = assert.rejects(opening, (error: unknown) => {
      assert.ok(error instanceof AuthStateError, String(error));
      assert.equal(error.code, "DEADLINE_EXCEEDED");
      assert.ok(error.retryable);
      assert.match(error.message, new RegExp(`${SESSION}: not opened within patienceMs \\(${PATIENCE_MS} ms\\)`));
      return true;
    });
    await until(() => begun(evilServer));
    clock.advance(LONG_MS);
    await rejection;
  } finally {
    evilServer.stop();
    await pool.close();
  }
}

describe("an opening ends with its patience", () => {
  for (const evil of ["stalls", "trickles", "floods"] as const) {
    it(`when LoadSession ${evil}`, () => rejectsInTime(evil, true, ({ loads }) => loads > 0));
  }

  it("when GetCreds never answers, without a lease", () =>
    rejectsInTime("creds stall", false, ({ asked }) => asked > 0));

  it("when LoadSession stalls, without a lease", () => rejectsInTime("stalls", false, ({ loads }) => loads > 0));

  it("when the pipe never answers", () => rejectsInTime("pipe is silent", true, ({ asked }) => asked > 0));

  it("while another session's load keeps its place", async () => {
    const evilServer = new EvilServer("stalls");
    await evilServer.start();
    const clock = new FakePacing();
    const pool = new Pool({ address: evilServer.address, patienceMs: PATIENCE_MS }, clock);
    try {
      const openings = Promise.allSettled(["a", "b", "c", "d"].map((id) => pool.useAuthState(id)));
      await until(() => evilServer.loads === 2);
      clock.advance(LONG_MS);
      for (const { status } of await openings) assert.equal(status, "rejected");
    } finally {
      evilServer.stop();
      await pool.close();
    }
  });

  it("and gives back a lease that came too late", async () => {
    const release = server.hold();
    const opening = newPool({ patienceMs: PATIENCE_MS }).useAuthState(SESSION);
    const rejection = assert.rejects(opening, { code: "DEADLINE_EXCEEDED" });
    await until(() => server.session(SESSION).live);
    pacing.advance(LONG_MS);
    await rejection;
    release();
    await until(() => !server.session(SESSION).live);
  });
});

describe("a value that is nested too deep", () => {
  const TAG = '{"type":"Buffer","data":"AAAA"}';
  for (const [type, text] of [
    ["session", nest("[", "", "]")],
    ["session", nest('{"a":', "1", "}")],
    ["session", nest("[", TAG, "]")],
    ["session", nest('{"a":', TAG, "}")],
    ["app-state-sync-key", nest('{"a":', TAG, "}")],
  ] as const) {
    it(`is an error that names session, type and id (${type}, ${text.slice(0, 2)}, with${text.includes(TAG) ? "" : "out"} a Buffer)`, async () => {
      const auth = await newPool().useAuthState(SESSION);
      const key = { type, id: "deep" };
      server.session(SESSION).keys.set(`${type}/deep`, { key, value: { kind: { $case: "json", value: text } } });
      await auth.state.keys.set({ session: { other: Buffer.from([1]) } });
      await auth.close();
      const again = await newPool().useAuthState(SESSION);
      await assert.rejects(again.state.keys.get(type, ["deep"]), (error: unknown) => {
        assert.ok(error instanceof AuthStateError, String(error));
        assert.equal(error.code, "DATA_LOSS");
        assert.ok(error.message.includes(`session ${SESSION}, key ${type} deep`), error.message);
        return true;
      });
    });
  }
});
