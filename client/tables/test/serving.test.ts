import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { databaseOfEnvironment } from "../src/serving/environment.ts";
import { follow } from "../src/serving/followed.ts";

describe("the environment", () => {
  const cases: [environment: NodeJS.ProcessEnv, expected: string][] = [
    [{ USE_LEGACY_SUPABASE: "false" }, "timeweb"],
    [{ USE_LEGACY_SUPABASE: "true" }, "supabase"],
    [{ USE_LEGACY_SUPABASE: "FALSE" }, "supabase"],
    [{ USE_LEGACY_SUPABASE: "false", AUTHSTATE_BACKEND: "supabase" }, "supabase"],
    [{ USE_LEGACY_SUPABASE: "true", AUTHSTATE_BACKEND: "timeweb" }, "timeweb"],
    [{ USE_LEGACY_SUPABASE: "false", AUTHSTATE_BACKEND: "" }, "timeweb"],
  ];
  for (const [environment, expected] of cases) {
    it(`names ${expected} with ${JSON.stringify(environment)}`, () => {
      assert.equal(databaseOfEnvironment(environment), expected);
    });
  }

  it("is no reason to guess", () => {
    for (const environment of [{}, { USE_LEGACY_SUPABASE: "" }, { AUTHSTATE_BACKEND: "sqlite" }]) {
      assert.throws(() => databaseOfEnvironment(environment), { code: "INVALID" });
    }
  });
});

describe("a source that is followed", () => {
  it("is asked once a second, and not believed after three", async () => {
    let now = 0;
    let asked = 0;
    let answer = async (): Promise<{ profile: string }> => ({ profile: "supabase" });
    const pacing = { now: () => now, sleep: async () => undefined, random: () => 0 };
    const serving = follow({ serverInfo: () => (asked++, answer()) }, pacing);
    assert.deepEqual(await serving(), { database: "supabase", maintenance: undefined });
    now = 999;
    assert.ok(!(serving() instanceof Promise));
    assert.equal(asked, 1);
    answer = async () => ({ profile: "timeweb" });
    now = 1_000;
    // What was said counts until the new answer is there.
    assert.deepEqual(serving(), { database: "supabase", maintenance: undefined });
    assert.equal(asked, 2);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(serving(), { database: "timeweb", maintenance: undefined });
    answer = async () => Promise.reject(new Error("away"));
    now = 4_001;
    await assert.rejects(async () => serving(), { code: "SERVING_UNKNOWN", retryable: true });
  });

  it("is refused where it serves from something else", async () => {
    const pacing = { now: () => 0, sleep: async () => undefined, random: () => 0 };
    const serving = follow({ serverInfo: async () => ({ profile: "sqlite" }) }, pacing);
    await assert.rejects(async () => serving(), { code: "SERVING_UNKNOWN" });
  });
});
