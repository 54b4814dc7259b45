import assert from "node:assert/strict";
import { it } from "node:test";
import { afterTurn, turnEnd } from "../src/rpc/turn.ts";

const someSteps = async (): Promise<void> => {
  for (let step = 0; step < 20; step++) await undefined;
};

it("What many do when a turn ends leaves together, in the same turn", async () => {
  const told: string[] = [];
  let immediates = 0;
  const all = ["a", "b", "c"].map(async (name) => {
    await turnEnd();
    await someSteps();
    told.push(name);
    afterTurn(() => told.push(`send ${name}`));
  });
  setImmediate(() => immediates++);
  await Promise.all(all);
  await new Promise<void>((resolve) => afterTurn(resolve));
  assert.deepEqual(told, ["a", "b", "c", "send a", "send b", "send c"]);
  assert.ok(immediates <= 1);
});

it("Who waits while a turn ends is told when the next one does", async () => {
  const told: string[] = [];
  await turnEnd();
  const next = turnEnd().then(() => told.push("next"));
  afterTurn(() => told.push("send"));
  await next;
  assert.deepEqual(told, ["send", "next"]);
});

it("What is to leave without anybody waiting leaves at the end of the turn", async () => {
  const told: string[] = [];
  const sent = new Promise<void>((resolve) => afterTurn(() => resolve(void told.push("send"))));
  await someSteps();
  told.push("still this turn");
  await sent;
  assert.deepEqual(told, ["still this turn", "send"]);
});
