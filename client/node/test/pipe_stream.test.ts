import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { beforeEach, describe, it } from "node:test";
import { type ClientDuplexStream, credentials, status } from "@grpc/grpc-js";
import { AuthStateError } from "../src/errors.ts";
import type { PipeRequest, PipeResponse, PipeResult } from "../src/gen/authstate/v1/auth_state_service.ts";
import { PipeStream } from "../src/pipe/pipe_stream.ts";
import { Bearer } from "../src/rpc/bearer.ts";
import { Endpoints } from "../src/rpc/endpoints.ts";
import { Transport } from "../src/rpc/transport.ts";
import { FakePacing } from "./support/fake_pacing.ts";

const ADDRESS = "127.0.0.1:50051";
const LIMITS = { unansweredBytes: 100, messageBytes: 40, answerTimeoutMs: 1_000 };

// A call whose connection takes messages when the test lets it.
class FakeCall extends EventEmitter {
  readonly messages: PipeRequest[] = [];
  writable = true;
  ended = false;
  cancelled = false;

  write(message: PipeRequest): boolean {
    this.messages.push(message);
    return this.writable;
  }

  end(): void {
    this.ended = true;
  }

  cancel(): void {
    this.cancelled = true;
  }

  get sizes(): number[] {
    return this.messages.map(({ operations }) => operations.length);
  }

  answer(...tags: bigint[]): void {
    const results = tags.map((tag): PipeResult => ({ tag, result: { $case: "committed", value: { revision: 1n } } }));
    this.emit("data", { results, draining: false } satisfies PipeResponse);
  }
}

let call: FakeCall;
let pacing: FakePacing;
let stream: PipeStream;
let told: string[];

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const commit = (bytes: number, channel = 1): Promise<unknown> => {
  const value = { number: 1n, creds: undefined, sets: [], deletes: [], clearKeys: true };
  return stream.send<"commit">(channel, { $case: "commit", value }, bytes);
};
const failure = (code: string, outcome: string | undefined, retryable: boolean) => (error: unknown) => {
  assert.ok(error instanceof AuthStateError);
  assert.deepEqual([error.code, error.outcome, error.retryable], [code, outcome, retryable]);
  return true;
};

beforeEach(() => {
  call = new FakeCall();
  pacing = new FakePacing();
  told = [];
  const bearer = new Bearer(undefined, pacing);
  const endpoints = new Endpoints({ addresses: [ADDRESS], credentials: credentials.createInsecure(), bearer });
  stream = new PipeStream(call as unknown as ClientDuplexStream<PipeRequest, PipeResponse>, {
    pacing,
    limits: LIMITS,
    place: ADDRESS,
    token: bearer.show(),
    transport: new Transport(endpoints),
    onRefused: () => void told.push("refused"),
    onDraining: () => void told.push("draining"),
    onEnd: ({ code }) => void told.push(code),
  });
});

describe("a stream of the pipe", () => {
  it("sends the operations of one tick in one message, in order, with a tag each", async () => {
    const answers = [commit(10), commit(10), commit(10)];
    assert.deepEqual(call.sizes, []);
    await tick();
    assert.deepEqual(
      call.messages.map(({ operations }) => operations.map(({ tag }) => tag)),
      [[1n, 2n, 3n]],
    );
    call.answer(3n, 1n, 2n);
    await Promise.all(answers);
  });

  it("makes no message larger than its limit, but for an operation that is", async () => {
    const answers = [commit(30), commit(30), commit(10), commit(20)];
    await tick();
    assert.deepEqual(call.sizes, [1, 2, 1]);
    call.answer(1n, 2n, 3n, 4n);
    const large = commit(1_000);
    await tick();
    assert.deepEqual(call.sizes, [1, 2, 1, 1]);
    call.answer(5n);
    await Promise.all([...answers, large]);
  });

  it("sends no more bytes than may be unanswered until some are answered", async () => {
    const answers = [commit(40), commit(40), commit(40), commit(30)];
    await tick();
    assert.deepEqual(call.sizes, [1, 1]);
    call.answer(1n);
    assert.deepEqual(call.sizes, [1, 1, 1]);
    call.answer(2n, 3n);
    assert.deepEqual(call.sizes, [1, 1, 1, 1]);
    call.answer(4n);
    await Promise.all(answers);
  });

  it("sends what the first answers of a message have led to before it tells the last ones", async () => {
    const tags = Array.from({ length: 64 }, (_, index) => BigInt(index + 1));
    const order: bigint[] = [];
    const answers = tags.map(async (tag) => {
      await commit(1);
      order.push(tag);
      if (tag === 1n) void commit(1).catch(() => undefined);
    });
    await tick();
    call.messages.length = 0;
    call.answer(...tags);
    while (call.messages.length === 0) await tick();
    assert.ok(order.length < tags.length, "all had been told");
    await Promise.all(answers);
    assert.deepEqual(order, tags);
  });

  it("tells every answer that has arrived, also when it breaks then", async () => {
    const tags = Array.from({ length: 64 }, (_, index) => BigInt(index + 1));
    const answers = tags.map(() => commit(1));
    await tick();
    call.answer(...tags);
    call.emit("error", Object.assign(new Error(), { code: status.UNAVAILABLE, details: "gone" }));
    await Promise.all(answers);
  });

  it("waits while the connection takes no more", async () => {
    call.writable = false;
    const first = commit(10);
    await tick();
    const second = commit(10);
    const third = commit(10);
    await tick();
    assert.deepEqual(call.sizes, [1]);
    call.writable = true;
    call.emit("drain");
    assert.deepEqual(call.sizes, [1, 2]);
    call.answer(1n, 2n, 3n);
    await Promise.all([first, second, third]);
  });

  it("tells, when it breaks, which operations may have taken place", async () => {
    call.writable = false;
    const sent = commit(10);
    await tick();
    const waiting = commit(10);
    await tick();
    call.emit("error", Object.assign(new Error(), { code: status.UNAVAILABLE, details: "gone" }));
    await assert.rejects(sent, failure("UNAVAILABLE", "UNKNOWN", true));
    await assert.rejects(waiting, failure("UNAVAILABLE", "NOT_APPLIED", true));
    await assert.rejects(commit(10), failure("UNAVAILABLE", "NOT_APPLIED", true));
    assert.equal(stream.usable, false);
    assert.deepEqual(told, ["UNAVAILABLE"]);
  });

  it("takes the end of the stream by the server for a broken connection", async () => {
    const sent = commit(10);
    await tick();
    call.emit("end");
    await assert.rejects(sent, failure("UNAVAILABLE", "UNKNOWN", true));
  });

  it("breaks off when nothing is heard for as long as an answer may take", async () => {
    const sent = commit(10);
    await tick();
    pacing.advance(LIMITS.answerTimeoutMs);
    await assert.rejects(sent, failure("DEADLINE_EXCEEDED", "UNKNOWN", true));
    assert.equal(call.cancelled, true);
    assert.deepEqual(told, ["DEADLINE_EXCEEDED"]);
  });

  it("gives up a single operation while others are answered, and ignores its late answer", async () => {
    const slow = commit(10, 1);
    pacing.advance(LIMITS.answerTimeoutMs / 2);
    const quick = commit(10, 2);
    await tick();
    call.answer(2n);
    await quick;
    pacing.advance(LIMITS.answerTimeoutMs / 2);
    await assert.rejects(slow, failure("DEADLINE_EXCEEDED", "UNKNOWN", true));
    call.answer(1n);
    assert.equal(stream.usable, true);
    assert.equal(call.cancelled, false);
    const next = commit(90);
    await tick();
    call.answer(3n);
    await next;
  });

  it("ends once everything is answered when the server drains", async () => {
    const underWay = commit(10);
    await tick();
    call.emit("data", { results: [], draining: true } satisfies PipeResponse);
    assert.deepEqual(told, ["draining"]);
    assert.equal(stream.usable, false);
    assert.equal(call.ended, false);
    call.answer(1n);
    await underWay;
    assert.equal(call.ended, true);
    await assert.rejects(commit(10), failure("UNAVAILABLE", "NOT_APPLIED", true));
    assert.deepEqual(call.sizes, [1]);
  });

  it("does not take one answer for another", async () => {
    const commitAnswer = commit(10);
    await tick();
    call.emit("data", { results: [{ tag: 1n, result: { $case: "detached", value: {} } }], draining: false });
    await assert.rejects(commitAnswer, failure("DATA_LOSS", undefined, false));
  });
});
