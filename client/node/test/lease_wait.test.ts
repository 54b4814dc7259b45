// Tests what people are told while they wait for a session that somebody else has.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { LeaseHeldError } from "../src/errors.ts";
import type { AuthStateLogger } from "../src/logger.ts";
import { newPool, pacing, server, SESSION, write } from "./support/pool_fixture.ts";
import { until } from "./support/until.ts";

const OTHER = "10.0.0.7:4711:0123456789ab:3";

let printed: string[];
const { error: consoleError } = console;
beforeEach(() => {
  printed = [];
  console.error = (...parts: unknown[]) => void printed.push(parts.join(" "));
});
afterEach(() => {
  console.error = consoleError;
});

// Makes a logger that keeps its lines, each with its level.
function recorder(): { logger: AuthStateLogger; lines: [level: string, message: string][] } {
  const lines: [string, string][] = [];
  const at = (level: string) => (_fields: object, message: string) => void lines.push([level, message]);
  return { logger: { debug: at("debug"), info: at("info"), warn: at("warn") }, lines };
}

// A pool without the logger that the fixture gives to others.
const poolWithoutLogger = () => newPool({ logger: undefined as unknown as AuthStateLogger });

describe("a wait for a lease", () => {
  it("is told once, without a logger, with its owner and the time that is left", async () => {
    server.takeOver(SESSION, OTHER);
    server.leaseLeftMs = 12_400;
    await assert.rejects(poolWithoutLogger().useAuthState(SESSION, { leaseWaitMs: 60_000 }), LeaseHeldError);
    assert.deepEqual(printed, [`session ${SESSION} is leased by 10.0.0.7:4711 for 13 s more; waiting`]);
  });

  it("is told without the time where the server does not say it", async () => {
    server.takeOver(SESSION, OTHER);
    await assert.rejects(poolWithoutLogger().useAuthState(SESSION, { leaseWaitMs: 5_000 }), LeaseHeldError);
    assert.deepEqual(printed, [`session ${SESSION} is leased by 10.0.0.7:4711; waiting`]);
  });

  it("is not told when it is short", async () => {
    server.takeOver(SESSION, OTHER);
    await assert.rejects(poolWithoutLogger().useAuthState(SESSION, { leaseWaitMs: 1_900 }), LeaseHeldError);
    pacing.onSleep = () => (server.session(SESSION).live = false);
    await poolWithoutLogger().useAuthState(SESSION);
    assert.deepEqual(printed, []);
  });

  it("is one line in the log where there is a logger, and leases are told at info", async () => {
    server.takeOver(SESSION, OTHER);
    const { logger, lines } = recorder();
    pacing.onSleep = () => {
      if (pacing.now() > 60_000) server.session(SESSION).live = false;
    };
    const auth = await newPool({ logger }).useAuthState(SESSION, { leaseWaitMs: Infinity });
    const waiting = ["warn", `session ${SESSION} is leased by 10.0.0.7:4711; waiting`];
    assert.deepEqual(lines, [waiting, ["info", "the session is leased to this process"]]);
    await auth.close();
    assert.deepEqual(lines.slice(2), [["info", "the lease is given back"]]);
    assert.deepEqual(printed, []);
  });

  it("tells a lease that is lost", async () => {
    const { logger, lines } = recorder();
    const auth = await newPool({ logger }).useAuthState(SESSION);
    server.takeOver(SESSION, OTHER);
    await write(auth, "1").catch(() => undefined);
    await until(() => lines.some(([level, message]) => level === "warn" && message === "the session is lost"));
  });
});
