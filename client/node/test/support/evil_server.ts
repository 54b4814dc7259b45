// A server that takes leases and then breaks the promises of the contract.
import { type sendUnaryData, type ServerDuplexStream, type ServerUnaryCall, status } from "@grpc/grpc-js";
import type {
  GetCredsRequest,
  GetCredsResponse,
  LoadSessionResponse,
  PipeRequest,
  PipeResponse,
} from "../../src/gen/authstate/v1/auth_state_service.ts";
import { toServiceError } from "./failure.ts";
import { type LoadCall, TestServer } from "./test_server.ts";

/** How LoadSession, GetCreds or the pipe misbehaves. Where GetCreds answers, there are no creds. */
export type Evil = "stalls" | "trickles" | "floods" | "creds stall" | "pipe is silent";

const EMPTY_PAGE: LoadSessionResponse = { revision: 1n, creds: undefined, keys: [], summaries: [], knowsFieldsUpTo: 0 };
const LEASE = { owner: "evil", fence: 1n, remaining: undefined, expireTime: undefined };
const NO_CREDS = { code: status.NOT_FOUND, reason: "NO_CREDS" };
const TRICKLE_MS = 20;

export class EvilServer extends TestServer {
  // How many loads are under way.
  loads = 0;
  // How many calls and messages of the pipe have arrived.
  asked = 0;

  constructor(private readonly evil: Evil) {
    super();
  }

  protected override handlers(): object {
    return {
      acquireLease: this.unary(() => ({ lease: LEASE, revision: 1n })),
      getCreds: (_: ServerUnaryCall<GetCredsRequest, GetCredsResponse>, callback: sendUnaryData<GetCredsResponse>) => {
        this.asked++;
        if (this.evil !== "creds stall") callback(toServiceError(NO_CREDS));
      },
      loadSession: (call: LoadCall) => this.#load(call),
      pipe: (call: ServerDuplexStream<PipeRequest, PipeResponse>) => this.#pipe(call),
    };
  }

  #load(call: LoadCall): void {
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
