import {
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  AuthStateServiceClient,
  type CommitRequest,
  type GetKeysResponse,
  type KeySelection,
} from "./gen/authstate/v1/auth_state_service.js";
import type { Value } from "./gen/authstate/v1/value.js";
import { MAX_MESSAGE_BYTES } from "./limits.js";
import { fromServiceError } from "./status_details.js";
import type { Transport } from "./transport.js";

const CHANNEL_OPTIONS: ChannelOptions = {
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  // Finds a connection that died without a word, also between calls. The server allows a ping every 30 s.
  "grpc.keepalive_time_ms": 45_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  // The default lets two minutes pass between attempts to connect: longer than the patience of a call.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
};

type Callback<Response> = (error: ServiceError | null, response: Response) => void;
type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: CallOptions,
  callback: Callback<Response>,
) => ClientUnaryCall;

// Over plain unary calls. Clients of one address share a connection: grpc-js pools it.
export class GrpcTransport implements Transport {
  readonly #client: AuthStateServiceClient;

  constructor(address: string, channelCredentials: ChannelCredentials = credentials.createInsecure()) {
    this.#client = new AuthStateServiceClient(address, channelCredentials, CHANNEL_OPTIONS);
  }

  async getCreds(sessionId: string, timeoutMs: number): Promise<Value | undefined> {
    const call: Unary<{ sessionId: string }, { creds: Value | undefined }> = this.#client.getCreds.bind(this.#client);
    return (await this.#read("GetCreds", call, { sessionId }, timeoutMs)).creds;
  }

  getKeys(sessionId: string, keys: KeySelection[], timeoutMs: number): Promise<GetKeysResponse> {
    return this.#read("GetKeys", this.#client.getKeys.bind(this.#client), { sessionId, keys }, timeoutMs);
  }

  async commit(request: CommitRequest, timeoutMs: number): Promise<void> {
    await this.#write("Commit", this.#client.commit.bind(this.#client), request, timeoutMs);
  }

  async deleteSession(sessionId: string, commitId: bigint, timeoutMs: number): Promise<void> {
    const request = { sessionId, expectedRevision: undefined, commitId };
    await this.#write("DeleteSession", this.#client.deleteSession.bind(this.#client), request, timeoutMs);
  }

  close(): void {
    this.#client.close();
  }

  #read<Request, Response>(rpc: string, call: Unary<Request, Response>, request: Request, timeoutMs: number) {
    return this.#unary(rpc, call, request, timeoutMs, /* mutates= */ false);
  }

  #write<Request, Response>(rpc: string, call: Unary<Request, Response>, request: Request, timeoutMs: number) {
    return this.#unary(rpc, call, request, timeoutMs, /* mutates= */ true);
  }

  #unary<Request, Response>(
    rpc: string,
    call: Unary<Request, Response>,
    request: Request,
    timeoutMs: number,
    mutates: boolean,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      call(request, new Metadata(), { deadline: Date.now() + timeoutMs }, (error, response) => {
        if (error === null) resolve(response);
        else reject(fromServiceError(rpc, error, mutates));
      });
    });
  }
}
