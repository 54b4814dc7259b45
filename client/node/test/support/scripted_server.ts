// An authstate server in this process, over real gRPC, that keeps its sessions in memory and fails as it is told.
import {
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  AuthStateServiceService,
  type CommitRequest,
  type CommitResponse,
  type DeleteSessionRequest,
  type DeleteSessionResponse,
  type GetCredsRequest,
  type GetCredsResponse,
  type GetKeysRequest,
  type GetKeysResponse,
  type LoadSessionRequest,
  type LoadSessionResponse,
} from "../../src/gen/authstate/v1/auth_state_service.ts";
import type { Value } from "../../src/gen/authstate/v1/value.ts";
import { ErrorInfo, RetryInfo } from "../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";

export interface Failure {
  code: status;
  reason?: string;
  metadata?: Record<string, string>;
  retryDelayMs?: number;
  // Whether it takes place all the same, and only its answer fails.
  afterwards?: boolean;
}

type Rpc = "GetCreds" | "LoadSession" | "GetKeys" | "Commit" | "DeleteSession";
type Callback<Response> = (error: Partial<ServiceError> | null, response?: Response) => void;

interface StoredSession {
  creds: Value | undefined;
  keys: Map<string, Value>;
}

const nameOf = ({ type, id }: { type: string; id: string }): string => `${type}/${id}`;

export function toStatus({ code, reason, metadata = {}, retryDelayMs }: Failure): Status {
  const details = [];
  const any = (name: string, value: Uint8Array) => ({
    typeUrl: `type.googleapis.com/google.rpc.${name}`,
    value: Buffer.from(value),
  });
  if (reason !== undefined) {
    details.push(any("ErrorInfo", ErrorInfo.encode({ reason, domain: "authstate", metadata }).finish()));
  }
  if (retryDelayMs !== undefined) {
    const retryDelay = { seconds: BigInt(Math.floor(retryDelayMs / 1000)), nanos: (retryDelayMs % 1000) * 1_000_000 };
    details.push(any("RetryInfo", RetryInfo.encode({ retryDelay }).finish()));
  }
  return { code, message: "scripted", details };
}

export function toServiceError(failure: Failure): Partial<ServiceError> {
  const told = toStatus(failure);
  const trailer = new Metadata();
  if (told.details.length > 0) {
    trailer.set("grpc-status-details-bin", Buffer.from(Status.encode(told).finish()));
  }
  return { code: failure.code, details: told.message, metadata: trailer };
}

export class ScriptedServer {
  readonly sessions = new Map<string, StoredSession>();
  readonly commits: CommitRequest[] = [];
  readonly reads: GetKeysRequest[] = [];
  // Asked about every commit before it is applied.
  refuse: (request: CommitRequest) => Failure | undefined = () => undefined;
  // Changes what GetKeys answers.
  distort: (response: GetKeysResponse) => GetKeysResponse | Failure = (response) => response;
  readonly #failures: Record<Rpc, Failure[]> = {
    GetCreds: [],
    LoadSession: [],
    GetKeys: [],
    Commit: [],
    DeleteSession: [],
  };
  #gate: Promise<void> = Promise.resolve();
  #server = new Server();
  #port = 0;

  // Starts on a free port, or on that of before if it was stopped.
  async start(): Promise<void> {
    this.#server = new Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
    const unimplemented = (_call: unknown, callback: Callback<never>): void => callback({ code: status.UNIMPLEMENTED });
    this.#server.addService(AuthStateServiceService, {
      getCreds: this.#handler("GetCreds", (request: GetCredsRequest) => this.#getCreds(request)),
      getKeys: this.#handler("GetKeys", (request: GetKeysRequest) => this.#getKeys(request)),
      commit: this.#handler("Commit", (request: CommitRequest) => this.#commit(request)),
      deleteSession: this.#handler("DeleteSession", (request: DeleteSessionRequest) => this.#deleteSession(request)),
      setCreds: unimplemented,
      deleteCreds: unimplemented,
      setKeys: unimplemented,
      deleteKeys: unimplemented,
      listSessions: unimplemented,
      loadSession: (call: ServerWritableStream<LoadSessionRequest, LoadSessionResponse>) => this.#loadSession(call),
    });
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${this.#port}`, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  // Stops as in a crash: calls under way lose their connection.
  stop(): void {
    this.#server.forceShutdown();
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  failNext(rpc: Rpc, ...failures: Failure[]): void {
    this.#failures[rpc].push(...failures);
  }

  // Holds every answer back until the returned function is called.
  hold(): () => void {
    let release!: () => void;
    this.#gate = new Promise((resolve) => (release = resolve));
    return release;
  }

  session(sessionId: string): StoredSession {
    const session = this.sessions.get(sessionId) ?? { creds: undefined, keys: new Map<string, Value>() };
    this.sessions.set(sessionId, session);
    return session;
  }

  #handler<Request, Response>(rpc: Rpc, work: (request: Request) => Response | Failure) {
    return async (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): Promise<void> => {
      const failure = this.#failures[rpc].shift();
      const result = failure !== undefined && failure.afterwards !== true ? failure : work(call.request);
      await this.#gate;
      const answer = failure ?? result;
      if (typeof answer === "object" && answer !== null && "code" in answer)
        callback(toServiceError(answer as Failure));
      else callback(null, answer as Response);
    };
  }

  #getCreds({ sessionId }: GetCredsRequest): GetCredsResponse | Failure {
    const creds = this.sessions.get(sessionId)?.creds;
    return creds === undefined ? { code: status.NOT_FOUND, reason: "NO_CREDS" } : { creds, revision: 1n };
  }

  #loadSession(call: ServerWritableStream<LoadSessionRequest, LoadSessionResponse>): void {
    const failure = this.#failures.LoadSession.shift();
    const session = this.sessions.get(call.request.sessionId);
    if (failure !== undefined || session === undefined) {
      call.emit("error", toServiceError(failure ?? { code: status.NOT_FOUND, reason: "NO_SESSION" }));
      return;
    }
    const keys = [...session.keys].map(([name, value]) => {
      const slash = name.indexOf("/");
      return { key: { type: name.slice(0, slash), id: name.slice(slash + 1) }, value };
    });
    call.write({ revision: 1n, creds: session.creds, keys });
    call.end();
  }

  #getKeys(request: GetKeysRequest): GetKeysResponse | Failure {
    this.reads.push(request);
    const stored = this.sessions.get(request.sessionId)?.keys;
    const response: GetKeysResponse = { found: [], absent: [], revision: 1n };
    for (const { type, ids } of request.keys) {
      for (const id of ids) {
        const key = { type, id };
        const value = stored?.get(nameOf(key));
        if (value === undefined) response.absent.push(key);
        else response.found.push({ key, value });
      }
    }
    return this.distort(response);
  }

  #commit(request: CommitRequest): CommitResponse | Failure {
    this.commits.push(request);
    const refused = this.refuse(request);
    if (refused !== undefined) return refused;
    const session = this.session(request.sessionId);
    session.creds = request.creds ?? session.creds;
    if (request.clearKeys) session.keys.clear();
    for (const { key, value } of request.sets) session.keys.set(nameOf(key!), value!);
    for (const key of request.deletes) session.keys.delete(nameOf(key));
    return { revision: BigInt(this.commits.length) };
  }

  #deleteSession({ sessionId }: DeleteSessionRequest): DeleteSessionResponse | Failure {
    const existed = this.sessions.delete(sessionId);
    return existed ? { revision: 1n } : { code: status.NOT_FOUND, reason: "NO_SESSION" };
  }
}
