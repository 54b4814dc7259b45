import { type CallOptions, type ClientReadableStream, Metadata, type ServiceError } from "@grpc/grpc-js";
import { serverTooOldError } from "../errors.js";
import type {
  AcquireLeaseRequest,
  AcquireLeaseResponse,
  AuthStateServiceClient,
  CommitRequest,
  GetKeysResponse,
  KeySelection,
  Lease,
  ListSessionsRequest,
  ListSessionsResponse,
  LoadSessionRequest,
  LoadSessionResponse,
} from "../gen/authstate/v1/auth_state_service.js";
import type { Value } from "../gen/authstate/v1/value.js";
import type { CallToken } from "./bearer.js";
import { toDuration } from "./durations.js";
import type { Endpoint, Endpoints } from "./endpoints.js";
import { askServerInfo, type ServerInfo, serverVersion } from "./server_info.js";
import { fromServiceError } from "./status_details.js";

// All other calls change something, so that their failures have an outcome.
const READS = new Set(["GetCreds", "GetKeys", "GetLease", "GetServerInfo", "ListSessions", "LoadSession"]);

// The number of `states` in ListSessionsRequest.
const STATES_FIELD = 7;

type Callback<Response> = (error: ServiceError | null, response: Response) => void;
type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: CallOptions,
  callback: Callback<Response>,
) => void;
type MethodOf<Request, Response> = (client: AuthStateServiceClient) => Unary<Request, Response>;

/** What of a session is read, beside the whole of it. */
export type LoadedPart = Partial<Pick<LoadSessionRequest, "types" | "withoutCreds" | "withoutValues">>;

/**
 * The operations on the store, as plain calls to the current server. Each is tried once, with a deadline of `timeoutMs`
 * milliseconds, and rejects with AuthStateError. Retries, order and limits belong to the layers above. A `fence` of 0 means
 * no lease. Clients of one address share a connection, which grpc-js pools.
 */
export class Transport {
  readonly #endpoints: Pick<Endpoints, "current" | "leave">;

  // Does not close `endpoints`.
  constructor(endpoints: Pick<Endpoints, "current" | "leave">) {
    this.#endpoints = endpoints;
  }

  async getCreds(sessionId: string, timeoutMs: number): Promise<Value | undefined> {
    const request = { sessionId, fence: 0n };
    return (await this.#call("GetCreds", (client) => client.getCreds.bind(client), request, timeoutMs)).creds;
  }

  getKeys(sessionId: string, keys: KeySelection[], fence: bigint, timeoutMs: number): Promise<GetKeysResponse> {
    return this.#call("GetKeys", (client) => client.getKeys.bind(client), { sessionId, keys, fence }, timeoutMs);
  }

  async commit(request: CommitRequest, timeoutMs: number): Promise<void> {
    await this.#call("Commit", (client) => client.commit.bind(client), request, timeoutMs);
  }

  async deleteCreds(sessionId: string, commitId: bigint, fence: bigint, timeoutMs: number): Promise<void> {
    const request = { sessionId, fence, commitId, expectedRevision: undefined };
    await this.#call("DeleteCreds", (client) => client.deleteCreds.bind(client), request, timeoutMs);
  }

  async deleteSession(sessionId: string, commitId: bigint, fence: bigint, timeoutMs: number): Promise<void> {
    const request = { sessionId, fence, commitId, expectedRevision: undefined };
    await this.#call("DeleteSession", (client) => client.deleteSession.bind(client), request, timeoutMs);
  }

  /** Reads page after page until the end, or until `onPage` answers false. */
  loadSession(
    sessionId: string,
    fence: bigint,
    timeoutMs: number,
    onPage: (page: LoadSessionResponse) => boolean,
  ): Promise<void> {
    const { call, fail } = this.#load(sessionId, fence, timeoutMs);
    return new Promise((resolve, reject) => {
      let enough = false;
      call.on("data", (page: LoadSessionResponse) => {
        if (enough) return;
        try {
          enough = !onPage(page);
          if (enough) resolve();
        } catch (error) {
          enough = true;
          reject(error as Error);
        }
        if (enough) call.cancel();
      });
      call.on("end", resolve);
      call.on("error", (error: ServiceError) => {
        if (!enough) resolve(fail(error));
      });
    });
  }

  /**
   * The pages of `part` of a session, read as they are asked for; `timeoutMs` bounds all of them together. Whoever leaves
   * before the end has to call `return`. A server of an older version answers the whole session.
   */
  async *pages(
    sessionId: string,
    fence: bigint,
    timeoutMs: number,
    part: LoadedPart,
  ): AsyncGenerator<LoadSessionResponse, void, void> {
    const { call, fail } = this.#load(sessionId, fence, timeoutMs, part);
    // What comes after the reader has left concerns nobody.
    call.on("error", () => undefined);
    try {
      for await (const page of call) yield page as LoadSessionResponse;
    } catch (error) {
      await fail(error as ServiceError);
    } finally {
      call.cancel();
    }
  }

  /** Rejects where a server of an older version does not know of states, and would list all sessions for those in some. */
  async listSessions(request: ListSessionsRequest, timeoutMs: number): Promise<ListSessionsResponse> {
    const endpoint = this.#endpoints.current;
    const page = await this.#call("ListSessions", (stub) => stub.listSessions.bind(stub), request, timeoutMs);
    if (request.states.length === 0 || page.knowsFieldsUpTo >= STATES_FIELD) return page;
    const options = { deadline: Date.now() + timeoutMs, ...endpoint.show().options };
    throw serverTooOldError(endpoint.place, await serverVersion(endpoint.client, options), "states of sessions");
  }

  serverInfo(timeoutMs: number): Promise<ServerInfo> {
    return this.#call(
      "GetServerInfo",
      (client) => (_request, _metadata, options, callback) => askServerInfo(client, options, callback),
      {},
      timeoutMs,
    );
  }

  acquireLease(request: AcquireLeaseRequest, timeoutMs: number): Promise<AcquireLeaseResponse> {
    return this.#call("AcquireLease", (client) => client.acquireLease.bind(client), request, timeoutMs);
  }

  async getLease(sessionId: string, timeoutMs: number): Promise<Lease | undefined> {
    return (await this.#call("GetLease", (client) => client.getLease.bind(client), { sessionId }, timeoutMs)).lease;
  }

  async renewLease(sessionId: string, fence: bigint, ttlMs: number, timeoutMs: number): Promise<void> {
    const request = { sessionId, fence, ttl: toDuration(ttlMs) };
    await this.#call("RenewLease", (client) => client.renewLease.bind(client), request, timeoutMs);
  }

  async releaseLease(sessionId: string, fence: bigint, timeoutMs: number): Promise<void> {
    await this.#call("ReleaseLease", (client) => client.releaseLease.bind(client), { sessionId, fence }, timeoutMs);
  }

  #load(sessionId: string, fence: bigint, timeoutMs: number, part: LoadedPart = {}) {
    const endpoint = this.#endpoints.current;
    const token = endpoint.show();
    const options = { deadline: Date.now() + timeoutMs, ...token.options };
    const everything = { types: [], withoutCreds: false, withoutValues: false, unchangedFor: undefined };
    const request = { sessionId, fence, pageBytes: 0, ...everything, ...part };
    const call: ClientReadableStream<LoadSessionResponse> = endpoint.client.loadSession(request, options);
    const fail = (error: ServiceError): Promise<never> => this.#fail(endpoint, token, "LoadSession", error);
    return { call, fail };
  }

  #call<Request, Response>(
    rpc: string,
    method: MethodOf<Request, Response>,
    request: Request,
    timeoutMs: number,
  ): Promise<Response> {
    const endpoint = this.#endpoints.current;
    const token = endpoint.show();
    const call = method(endpoint.client);
    return new Promise((resolve) => {
      call(request, new Metadata(), { deadline: Date.now() + timeoutMs, ...token.options }, (error, response) => {
        if (error === null) {
          token.noteLetIn();
          resolve(response);
        } else resolve(this.#fail(endpoint, token, rpc, error));
      });
    });
  }

  async #fail(endpoint: Endpoint, token: CallToken, rpc: string, serviceError: ServiceError): Promise<never> {
    const mutates = !READS.has(rpc);
    const nothingSent = token.failure?.with({ outcome: mutates ? "NOT_APPLIED" : undefined });
    const error = nothingSent ?? (await token.judge(fromServiceError(endpoint.place, serviceError, mutates)));
    // Another server may do better, whether this one is gone, drains or has lost its database.
    if (nothingSent === undefined && error.code === "UNAVAILABLE") this.#endpoints.leave(endpoint);
    throw error.with({ message: `${rpc}: ${error.message}` });
  }
}
