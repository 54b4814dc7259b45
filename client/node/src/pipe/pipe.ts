import { AuthStateError, connectionError, TokenRefusedError } from "../errors.js";
import type { AuthStateLogger } from "../logger.js";
import type { Endpoint, Endpoints } from "../rpc/endpoints.js";
import type { Pacing } from "../rpc/pacing.js";
import { backoffMs } from "../rpc/retry.js";
import { Transport } from "../rpc/transport.js";
import { PipeStream, type PipeStreamLimits } from "./pipe_stream.js";

const BACKOFF = { firstMs: 50, maxMs: 2_000 };

export interface PipeOptions {
  endpoints: Endpoints;
  pacing: Pacing;
  limits: PipeStreamLimits;
  logger: AuthStateLogger | undefined;
}

/**
 * The stream that all sessions of a process share. One that broke is replaced when the next operation wants to be sent:
 * not before a jittered delay has passed that grows while attempts fail, and on another server if there is one. A
 * server that drains is left at once, and so is a stream whose token is no longer taken.
 */
export class Pipe {
  readonly #options: PipeOptions;
  #stream: PipeStream | undefined;
  // Streams of draining servers, whose last answers are still to come.
  readonly #leaving = new Set<PipeStream>();
  #failures = 0;
  #notBefore = 0;
  // What the last stream ended with, which is the error of those who come too early.
  #lastFailure: Pick<AuthStateError, "code" | "reason" | "message"> | undefined;
  #supported = true;
  #closed = false;

  constructor(options: PipeOptions) {
    this.#options = options;
  }

  /** False once a server has said that it does not know the pipe. */
  get supported(): boolean {
    return this.#supported;
  }

  /** The stream to send on. Throws a retryable AuthStateError while it is too early to try again. */
  stream(): PipeStream {
    if (this.#stream?.usable === true) return this.#stream;
    if (this.#closed) throw new AuthStateError("the connection was closed", { code: "CANCELLED", reason: "CLOSED" });
    const waitMs = this.#notBefore - this.#options.pacing.now();
    if (this.#lastFailure !== undefined && waitMs > 0) {
      const { code, reason, message } = this.#lastFailure;
      throw connectionError(message, { code, reason, outcome: "NOT_APPLIED", retryDelayMs: waitMs });
    }
    this.#stream = this.#open(this.#options.endpoints.current);
    return this.#stream;
  }

  /** Notes that an operation was answered, so that the server is well. */
  noteSuccess(): void {
    this.#failures = 0;
  }

  /** Ends the stream once what is under way is answered, so that it keeps no process alive; the next use opens another. */
  rest(): void {
    const stream = this.#stream;
    if (stream?.usable !== true) return;
    this.#stream = undefined;
    this.#leaving.add(stream);
    stream.retire();
  }

  /** Ends the stream; operations under way fail. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#leaving) stream.end();
    this.#stream?.end();
  }

  #open(endpoint: Endpoint): PipeStream {
    const { endpoints, pacing, limits, logger } = this.#options;
    const token = endpoint.show();
    const stream: PipeStream = new PipeStream(endpoint.client.pipe(token.options), {
      pacing,
      limits,
      token,
      transport: new Transport({ current: endpoint, leave: (left) => endpoints.leave(left) }),
      place: endpoint.place,
      onRefused: () => this.#leaving.add(stream),
      onDraining: () => {
        logger?.debug({ address: endpoint.address }, "authstate is about to stop; moving on");
        endpoints.leave(endpoint);
        this.#leaving.add(stream);
      },
      onEnd: (error) => {
        if (this.#leaving.delete(stream) || this.#closed) return;
        // The next stream shows the token of then, on the same server.
        if (error instanceof TokenRefusedError) return;
        if (token.failure === undefined) endpoints.leave(endpoint);
        this.#noteEnd(endpoint, error);
      },
    });
    return stream;
  }

  #noteEnd({ address }: Endpoint, { code, reason, message }: AuthStateError): void {
    const { pacing, logger } = this.#options;
    if (code === "UNIMPLEMENTED") {
      if (this.#supported)
        logger?.warn({ address }, "this authstate has no pipe; every operation is a call of its own");
      this.#supported = false;
      return;
    }
    this.#failures++;
    this.#lastFailure = { code, reason, message };
    this.#notBefore = pacing.now() + backoffMs(this.#failures, BACKOFF, pacing);
    logger?.warn({ address, code, reason, why: message }, "the pipe to authstate broke; it will be opened again");
  }
}
