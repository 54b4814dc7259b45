// A server without leases and without the pipe, that fails as it is told.
import { status } from "@grpc/grpc-js";
import type {
  CommitRequest,
  DeleteSessionRequest,
  GetCredsRequest,
  GetKeysRequest,
  GetKeysResponse,
} from "../../src/gen/authstate/v1/auth_state_service.ts";
import { type Failure, Refusal } from "./failure.ts";
import { applyWrites, readKeys, type StoredSession } from "./stored_session.ts";
import { TestServer } from "./test_server.ts";

type Rpc = "GetCreds" | "GetKeys" | "Commit" | "DeleteSession";

export class ScriptedServer extends TestServer {
  readonly sessions = new Map<string, StoredSession>();
  readonly commits: CommitRequest[] = [];
  readonly reads: GetKeysRequest[] = [];
  // Asked about every commit before it is applied.
  refuse: (request: CommitRequest) => Failure | undefined = () => undefined;
  // Changes what GetKeys answers.
  distort: (response: GetKeysResponse) => GetKeysResponse | Failure = (response) => response;
  readonly #failures: Record<Rpc, Failure[]> = { GetCreds: [], GetKeys: [], Commit: [], DeleteSession: [] };

  failNext(rpc: Rpc, ...failures: Failure[]): void {
    this.#failures[rpc].push(...failures);
  }

  session(sessionId: string): StoredSession {
    const session = this.sessions.get(sessionId) ?? { creds: undefined, keys: new Map<string, never>() };
    this.sessions.set(sessionId, session);
    return session;
  }

  protected override handlers(): object {
    return {
      getCreds: this.#handler("GetCreds", (request: GetCredsRequest) => this.#getCreds(request)),
      getKeys: this.#handler("GetKeys", (request: GetKeysRequest) => this.#getKeys(request)),
      commit: this.#handler("Commit", (request: CommitRequest) => this.#commit(request)),
      deleteSession: this.#handler("DeleteSession", (request: DeleteSessionRequest) => this.#deleteSession(request)),
      loadSession: this.onePage(({ request }) => {
        const session = this.sessions.get(request.sessionId);
        if (session === undefined) throw new Refusal({ code: status.NOT_FOUND, reason: "NO_SESSION" });
        const keys = [...session.keys.values()];
        return { revision: 1n, creds: session.creds, keys, summaries: [], knowsFieldsUpTo: 0 };
      }),
    };
  }

  #handler<Request>(rpc: Rpc, work: (request: Request) => object | Failure) {
    return this.unary((request: Request) => {
      const failure = this.#failures[rpc].shift();
      const answer = failure !== undefined && failure.afterwards !== true ? failure : work(request);
      if (failure !== undefined || "code" in answer) throw new Refusal(failure ?? (answer as Failure));
      return answer;
    });
  }

  #getCreds({ sessionId }: GetCredsRequest): object {
    const creds = this.sessions.get(sessionId)?.creds;
    return creds === undefined ? { code: status.NOT_FOUND, reason: "NO_CREDS" } : { creds, revision: 1n };
  }

  #getKeys(request: GetKeysRequest): GetKeysResponse | Failure {
    this.reads.push(request);
    return this.distort(readKeys(this.sessions.get(request.sessionId)?.keys, request.keys));
  }

  #commit(request: CommitRequest): object {
    this.commits.push(request);
    const refused = this.refuse(request);
    if (refused !== undefined) return refused;
    applyWrites(this.session(request.sessionId), request);
    return { revision: BigInt(this.commits.length) };
  }

  #deleteSession({ sessionId }: DeleteSessionRequest): object {
    const existed = this.sessions.delete(sessionId);
    return existed ? { revision: 1n } : { code: status.NOT_FOUND, reason: "NO_SESSION" };
  }
}
