import { sizeOfValue } from "../codec/value_codec.js";
import { brokenAnswer } from "../errors.js";
import type { CommitRequest, GetKeysResponse, PipeAttached } from "../gen/authstate/v1/auth_state_service.js";
import { toDuration } from "../rpc/durations.js";
import type { AttachRequest, SessionLink } from "../rpc/session_link.js";
import type { Transport } from "../rpc/transport.js";
import type { Pipe } from "./pipe.js";
import type { Answers, Operation, PipeStream } from "./pipe_stream.js";

// What the name of a key counts for: it takes about as much room as the smallest values.
const BYTES_PER_KEY = 64;

function sizeOf({ creds, sets, deletes }: CommitRequest): number {
  let bytes = creds === undefined ? 0 : sizeOfValue(creds);
  for (const { value } of sets) bytes += BYTES_PER_KEY + (value === undefined ? 0 : sizeOfValue(value));
  return bytes + deletes.length * BYTES_PER_KEY;
}

/** A session on a channel of the pipe. */
class PipeLink implements SessionLink {
  readonly fence: bigint;
  readonly appliedNumber: bigint;
  readonly #pipe: Pipe;
  readonly #stream: PipeStream;
  readonly #channel: number;
  #detached = false;

  constructor(pipe: Pipe, stream: PipeStream, channel: number, { lease, appliedNumber }: PipeAttached) {
    if (lease === undefined || lease.fence === 0n) throw brokenAnswer("attach: no lease");
    this.#pipe = pipe;
    this.#stream = stream;
    this.#channel = channel;
    this.fence = lease.fence;
    this.appliedNumber = appliedNumber;
  }

  get transport(): Transport {
    return this.#stream.transport;
  }

  get usable(): boolean {
    return !this.#detached && this.#stream.usable;
  }

  async commit(number: bigint, request: CommitRequest): Promise<void> {
    const { creds, sets, deletes, clearKeys } = request;
    const value = { number, creds, sets, deletes, clearKeys };
    await this.#send<"commit">({ $case: "commit", value }, sizeOf(request));
  }

  async getKeys(type: string, ids: string[]): Promise<GetKeysResponse> {
    const value = { creds: false, keys: [{ type, ids }] };
    return this.#send<"get">({ $case: "get", value }, ids.length * BYTES_PER_KEY);
  }

  async renew(ttlMs: number): Promise<void> {
    await this.#send<"renew">({ $case: "renew", value: { ttl: toDuration(ttlMs) } });
  }

  async detach(release: boolean): Promise<void> {
    this.#detached = true;
    await this.#send<"detach">({ $case: "detach", value: { release } });
  }

  async #send<Name extends keyof Answers>(
    operation: Extract<Operation, { $case: Name }>,
    bytes = 0,
  ): Promise<Answers[Name]> {
    const answer = await this.#stream.send<Name>(this.#channel, operation, bytes);
    this.#pipe.noteSuccess();
    return answer;
  }
}

/** Attaches a session to a channel of the pipe. */
export async function attachToPipe(pipe: Pipe, request: AttachRequest): Promise<SessionLink> {
  const { sessionId, owner, ttlMs, steal, fence } = request;
  const stream = pipe.stream();
  const channel = stream.nextChannel();
  const value = { sessionId, owner, ttl: toDuration(ttlMs), steal, fence };
  const attached = await stream.send<"attach">(channel, { $case: "attach", value });
  pipe.noteSuccess();
  return new PipeLink(pipe, stream, channel, attached);
}
