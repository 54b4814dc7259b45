// A server that takes leases and then breaks the promises of the contract, over real gRPC.
import { type sendUnaryData, Server, ServerCredentials, type ServerDuplexStream, status } from "@grpc/grpc-js";
import type { ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import {
  type AcquireLeaseRequest,
  AuthStateServiceService,
  type GetCredsRequest,
  type GetCredsResponse,
  type LoadSessionRequest,
  type LoadSessionResponse,
  type PipeRequest,
  type PipeResponse,
} from "../../src/gen/authstate/v1/auth_state_service.ts";
import { toServiceError } from "./scripted_server.ts";

/** How LoadSession, GetCreds or the pipe misbehaves. Where GetCreds answers, there are no creds. */
export type Evil = "stalls" | "trickles" | "floods" | "creds stall" | "pipe is silent";

const EMPTY_PAGE: LoadSessionResponse = { revision: 1n, creds: undefined, keys: [] };
const LEASE = { owner: "evil", fence: 1n, remaining: undefined, expireTime: undefined };
const NO_CREDS = { code: status.NOT_FOUND, reason: "NO_CREDS" };
const TRICKLE_MS = 20;

export class EvilServer {
  // How many loads are under way.
  loads = 0;
  // How many calls and messages of the pipe have arrived.
  asked = 0;
  readonly #server = new Server();
  #port = 0;

  constructor(private readonly evil: Evil) {}

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const none = (_: ServerUnaryCall<unknown, never>, callback: sendUnaryData<never>): void =>
      callback({ code: status.UNIMPLEMENTED });
    this.#server.addService(AuthStateServiceService, {
      ...Object.fromEntries(Object.keys(AuthStateServiceService).map((name) => [name, none])),
      acquireLease: (_: ServerUnaryCall<AcquireLeaseRequest, object>, callback: sendUnaryData<object>) =>
        callback(null, { lease: LEASE, revision: 1n }),
      getCreds: (_: ServerUnaryCall<GetCredsRequest, GetCredsResponse>, callback: sendUnaryData<GetCredsResponse>) => {
        this.asked++;
        if (this.evil !== "creds stall") callback(toServiceError(NO_CREDS));
      },
      loadSession: (call: ServerWritableStream<LoadSessionRequest, LoadSessionResponse>) => this.#load(call),
      pipe: (call: ServerDuplexStream<PipeRequest, PipeResponse>) => this.#pipe(call),
    } as never);
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #load(call: ServerWritableStream<LoadSessionRequest, LoadSessionResponse>): void {
    this.loads++;
    this.asked++;
    let over = false;
    call.on("cancelled", () => {
      over = true;
      this.loads--;
    });
    const more = (): void => {
      if (over) return;
      const room = call.write(EMPTY_PAGE);
      if (this.evil === "trickles") setTimeout(more, TRICKLE_MS);
      else if (room) setImmediate(more);
      else call.once("drain", more);
    };
    if (this.evil !== "stalls") more();
  }

  #pipe(call: ServerDuplexStream<PipeRequest, PipeResponse>): void {
    call.on("error", () => undefined);
    call.on("data", ({ operations }: PipeRequest) => {
      this.asked++;
      if (this.evil === "pipe is silent") return;
      // Attaching is answered, and nothing else ever is.
      const results = operations
        .filter(({ operation }) => operation?.$case === "attach")
        .map(({ tag }) => ({
          tag,
          result: { $case: "attached" as const, value: { lease: LEASE, revision: 1n, appliedNumber: 0n } },
        }));
      if (results.length > 0) call.write({ results, draining: false });
    });
  }
}
