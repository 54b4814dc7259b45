import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { overlaps, type Tenure } from "./ownership_history.ts";

const tenure = (name: string, sessionId: string, since: number, lastBegun: number): Tenure => ({
  pool: { name },
  sessionId,
  since,
  lastBegun,
});

describe("the history of owners", () => {
  it("accepts owners one after the other, in whatever order they were recorded", () => {
    const history = [
      tenure("second", "a", 20, 29),
      tenure("first", "a", 10, 19),
      tenure("first", "a", 30, 0),
      tenure("second", "b", 15, 100),
    ];
    assert.deepEqual(overlaps(history), []);
  });

  it("names an owner that wrote when its successor had the session", () => {
    const history = [tenure("first", "a", 10, 25), tenure("second", "a", 20, 29), tenure("first", "b", 10, 99)];
    assert.deepEqual(overlaps(history), ["a: first wrote 5 ms after second had it"]);
  });

  it("finds it between later owners too, and where both are the same process", () => {
    const history = [tenure("first", "a", 10, 19), tenure("second", "a", 20, 40), tenure("second", "a", 40, 50)];
    assert.deepEqual(overlaps(history), ["a: second wrote 0 ms after second had it"]);
  });
});
