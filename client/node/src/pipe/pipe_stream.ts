import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { AuthStateError, brokenAnswer, connectionError, isShutOut, TokenRefusedError } from "../errors.js";
import type { PipeOperation, PipeRequest, PipeResponse, PipeResult } from "../gen/authstate/v1/auth_state_service.js";
import { MAX_COMMIT_OPERATIONS } from "../limits.js";
import type { CallToken } from "../rpc/bearer.js";
import { noAnswer, streamEnded } from "../rpc/connection_failure.js";
import type { Pacing } from "../rpc/pacing.js";
import { fromServiceError, fromStatus } from "../rpc/status_details.js";
import type { Transport } from "../rpc/transport.js";
import { afterTurn } from "../rpc/turn.js";

export type Operation = NonNullable<PipeOperation["operation"]>;
type Result = NonNullable<PipeResult["result"]>;

/** What an operation is answered with when it succeeds. */
export interface Answers {
  attach: Extract<Result, { $case: "attached" }>["value"];
  detach: Extract<Result, { $case: "detached" }>["value"];
  get: Extract<Result, { $case: "got" }>["value"];
  commit: Extract<Result, { $case: "committed" }>["value"];
  renew: Extract<Result, { $case: "renewed" }>["value"];
}

const ANSWER_OF: Record<keyof Answers, Result["$case"]> = {
  attach: "attached",
  detach: "detached",
  get: "got",
  commit: "committed",
  renew: "renewed",
};

export interface PipeStreamLimits {
  /** How much the operations may hold that are sent and not answered yet; a larger one goes alone. */
  unansweredBytes: number;
  /** About how much a message holds; a single larger operation makes a larger one. */
  messageBytes: number;
  /** How long an operation may take until it counts as failed. */
  answerTimeoutMs: number;
}

export interface PipeStreamHost {
  pacing: Pacing;
  limits: PipeStreamLimits;
  /** Where the server is, for messages. */
  place: string;
  /** What the call shows. */
  token: CallToken;
  /** Calls to the same server. */
  transport: Transport;
  /** Called at most once, when the server will stop soon: nothing new may begin on this stream. */
  onDraining(): void;
  /** The same, when the token of this stream is no longer taken. */
  onRefused(): void;
  /** Called once, when the stream has ended, before the operations under way fail; with CANCELLED after `end`. */
  onEnd(error: AuthStateError): void;
}

// How many answers are told before what they have caused may leave. A batch of the server answers many sessions at once,
// and what they all do next would be computed before any of it is sent: the server would have nothing to do meanwhile,
// and this process nothing while the server works.
const ANSWERS_AT_A_TIME = 10;

interface Pending {
  readonly message: PipeOperation;
  readonly name: keyof Answers;
  readonly bytes: number;
  readonly startedAt: number;
  sent: boolean;
  resolve(value: unknown): void;
  reject(error: AuthStateError): void;
}

function mutates(name: keyof Answers): boolean {
  return name === "commit";
}

/**
 * One stream of Pipe, until it breaks. Operations of one tick leave in one message, in the order of the calls, as fast
 * as the connection and the bound on unanswered bytes let them; what has to wait, waits here.
 */
export class PipeStream {
  readonly #call: ClientDuplexStream<PipeRequest, PipeResponse>;
  readonly #host: PipeStreamHost;
  // The operations that are not answered, by tag, in the order of the calls.
  readonly #open = new Map<bigint, Pending>();
  #waiting: Pending[] = [];
  // The operations whose callers are still to be told of the answer, in the order of the answers.
  #answered: { pending: Pending; result: PipeResult["result"] }[] = [];
  #unansweredBytes = 0;
  #lastTag = 0n;
  #lastChannel = 0;
  #heardAt = -Infinity;
  #flushScheduled = false;
  #tellScheduled = false;
  #writable = true;
  #retired = false;
  #finished = false;
  #ended: AuthStateError | undefined;
  #cancelWatch: (() => void) | undefined;

  constructor(call: ClientDuplexStream<PipeRequest, PipeResponse>, host: PipeStreamHost) {
    this.#call = call;
    this.#host = host;
    call.on("data", (response: PipeResponse) => this.#receive(response));
    call.on("drain", () => {
      this.#writable = true;
      this.#flush();
    });
    call.on("error", (error: ServiceError) =>
      this.#end(host.token.failure ?? fromServiceError(host.place, error, false)),
    );
    call.on("end", () => this.#end(connectionError(streamEnded(host.place))));
  }

  /** Calls to its server. */
  get transport(): Transport {
    return this.#host.transport;
  }

  /** Whether operations may begin on it. */
  get usable(): boolean {
    return this.#ended === undefined && !this.#retired;
  }

  /** A channel number that was not used before. */
  nextChannel(): number {
    return ++this.#lastChannel;
  }

  /**
   * Sends an operation with values of `bytes` bytes. A failure is an AuthStateError; that of a broken stream or a
   * missing answer is retryable, and its outcome tells whether the operation had left.
   */
  send<Name extends keyof Answers>(
    channel: number,
    operation: Extract<Operation, { $case: Name }>,
    bytes = 0,
  ): Promise<Answers[Name]> {
    const name: keyof Answers = operation.$case;
    const ended = this.#ended ?? (this.#finished ? connectionError(streamEnded(this.#host.place)) : undefined);
    if (ended !== undefined) return this.#refusal(this.#failureOf(name, false, ended));
    return new Promise((resolve, reject) => {
      const tag = ++this.#lastTag;
      const pending: Pending = {
        message: { tag, channel, operation },
        name,
        bytes,
        startedAt: this.#host.pacing.now(),
        sent: false,
        resolve: resolve as (value: unknown) => void,
        reject,
      };
      this.#open.set(tag, pending);
      this.#waiting.push(pending);
      this.#watch();
      if (this.#flushScheduled) return;
      this.#flushScheduled = true;
      // Not a microtask: the operations of many sessions come each in a callback of its own.
      afterTurn(() => {
        this.#flushScheduled = false;
        this.#flush();
      });
    });
  }

  /** Ends the stream once everything under way is answered; what is sent then fails. */
  retire(): void {
    this.#retired = true;
    this.#finishIfDone();
  }

  /** Ends the stream at once. */
  end(): void {
    this.#end(new AuthStateError("the connection was closed by this side", { code: "CANCELLED", reason: "CLOSED" }));
    this.#call.cancel();
  }

  #flush(): void {
    while (this.#ended === undefined && this.#writable) {
      const batch = this.#takeBatch();
      if (batch.length === 0) return;
      for (const pending of batch) pending.sent = true;
      this.#writable = this.#call.write({ operations: batch.map(({ message }) => message) });
    }
  }

  #takeBatch(): Pending[] {
    const { unansweredBytes, messageBytes } = this.#host.limits;
    let batchBytes = 0;
    let count = 0;
    for (const { bytes } of this.#waiting) {
      const fitsMessage = count === 0 || (batchBytes + bytes <= messageBytes && count < MAX_COMMIT_OPERATIONS);
      const fitsBound = this.#unansweredBytes === 0 || this.#unansweredBytes + bytes <= unansweredBytes;
      if (!fitsMessage || !fitsBound) break;
      batchBytes += bytes;
      this.#unansweredBytes += bytes;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  #receive({ results, draining }: PipeResponse): void {
    this.#heardAt = this.#host.pacing.now();
    for (const result of results) {
      const pending = this.#open.get(result.tag);
      // An operation that took too long has failed already.
      if (pending === undefined) continue;
      this.#close(pending);
      this.#answered.push({ pending, result: result.result });
    }
    if (!this.#tellScheduled) this.#tell();
    if (draining) this.#leave(() => this.#host.onDraining());
    this.#finishIfDone();
    this.#flush();
  }

  // Lets nothing new begin on the stream; what is under way is still answered.
  #leave(tell: () => void): void {
    if (!this.usable) return;
    tell();
    this.retire();
  }

  #tell(): void {
    for (const { pending, result } of this.#answered.splice(0, ANSWERS_AT_A_TIME)) this.#answer(pending, result);
    this.#tellScheduled = this.#answered.length > 0;
    if (this.#tellScheduled) setImmediate(() => this.#tell());
  }

  #finishIfDone(): void {
    if (!this.#retired || this.#finished || this.#open.size > 0) return;
    this.#finished = true;
    this.#call.end();
  }

  #answer(pending: Pending, result: PipeResult["result"]): void {
    if (result?.$case === "error") {
      this.#reject(pending, fromStatus(pending.name, result.value, mutates(pending.name)));
    } else if (result?.$case === ANSWER_OF[pending.name]) {
      this.#host.token.noteLetIn();
      pending.resolve(result.value);
    } else {
      pending.reject(brokenAnswer(`${pending.name}: answered with ${result?.$case ?? "nothing"}`));
    }
  }

  #close(pending: Pending): void {
    this.#open.delete(pending.message.tag);
    if (pending.sent) this.#unansweredBytes -= pending.bytes;
    if (this.#open.size > 0) return;
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
  }

  // Sets the one timer, for the oldest operation; the others are due later.
  #watch(): void {
    if (this.#cancelWatch !== undefined) return;
    const [oldest] = this.#open.values();
    if (oldest === undefined) return;
    const { pacing, limits } = this.#host;
    const waitMs = Math.max(0, oldest.startedAt + limits.answerTimeoutMs - pacing.now());
    this.#cancelWatch = pacing.after(waitMs, () => {
      this.#cancelWatch = undefined;
      this.#expire();
    });
  }

  #expire(): void {
    const { pacing, limits, place } = this.#host;
    const tooLate = connectionError(noAnswer(place), { code: "DEADLINE_EXCEEDED" });
    const before = pacing.now() - limits.answerTimeoutMs;
    const late = [...this.#open.values()].filter(({ startedAt }) => startedAt <= before);
    const [oldest] = late;
    if (oldest !== undefined && this.#heardAt < oldest.startedAt) {
      // Nothing was heard since then, so the connection is dead, or the server is.
      this.#end(tooLate);
      this.#call.cancel();
      return;
    }
    for (const pending of late) {
      this.#close(pending);
      pending.reject(this.#failureOf(pending.name, pending.sent, tooLate));
    }
    this.#waiting = this.#waiting.filter(({ message }) => this.#open.has(message.tag));
    this.#watch();
    this.#flush();
  }

  #end(error: AuthStateError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
    const open = [...this.#open.values()];
    this.#open.clear();
    this.#waiting = [];
    this.#host.onEnd(error);
    for (const pending of open) this.#reject(pending, this.#failureOf(pending.name, pending.sent, error));
  }

  #reject(pending: Pending, error: AuthStateError): void {
    if (!(error instanceof TokenRefusedError)) {
      pending.reject(error);
      return;
    }
    this.#leave(() => this.#host.onRefused());
    this.#refusal(error).catch(pending.reject);
  }

  // What the caller is told takes another token into account, which may have to be asked for.
  async #refusal(error: AuthStateError): Promise<never> {
    throw await this.#host.token.judge(error);
  }

  #failureOf(name: keyof Answers, sent: boolean, error: AuthStateError): AuthStateError {
    const { code } = error;
    const outcome = !mutates(name) ? undefined : sent && code !== "UNIMPLEMENTED" ? "UNKNOWN" : "NOT_APPLIED";
    // Where the server does not know the pipe, the caller will try another way.
    const again = error.retryable || code === "UNIMPLEMENTED" || (!sent && !isShutOut(error));
    return error.with({ message: `${name}: ${error.message}`, outcome, retryable: again });
  }
}
