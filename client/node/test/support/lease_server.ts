// An authstate server in this process, over real gRPC, with leases and the pipe, that fails as it is told. Several of
// them may share the sessions, as servers share a database.
import { type sendUnaryData, Server, ServerCredentials, type ServerDuplexStream, status } from "@grpc/grpc-js";
import type { ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import {
  type AcquireLeaseRequest,
  AuthStateServiceService,
  type CommitRequest,
  type DeleteSessionRequest,
  type GetCredsRequest,
  type GetKeysRequest,
  type LoadSessionRequest,
  type LoadSessionResponse,
  type PipeOperation,
  type PipeRequest,
  type PipeResponse,
  type PipeResult,
  type ReleaseLeaseRequest,
  type RenewLeaseRequest,
} from "../../src/gen/authstate/v1/auth_state_service.ts";
import type { Key, Value } from "../../src/gen/authstate/v1/value.ts";
import { toDuration } from "../../src/rpc/durations.ts";
import { type Failure, toServiceError, toStatus } from "./scripted_server.ts";

export interface LeasedSession {
  creds: Value | undefined;
  keys: Map<string, { key: Key; value: Value }>;
  owner: string;
  // Whether the lease is alive: then nobody else gets it without stealing it.
  live: boolean;
  fence: bigint;
  applied: bigint;
  exists: boolean;
  revision: bigint;
}

export type Database = Map<string, LeasedSession>;

type Operation = NonNullable<PipeOperation["operation"]>;
type Answer = PipeResult["result"];

const nameOf = ({ type, id }: Key): string => `${type}/${id}`;

class Refusal extends Error {
  constructor(readonly failure: Failure) {
    super("refused");
  }
}

// A failure to answer something with. It does not take place, but for `afterwards` (it has, and the answer fails) and
// `late` (it will, when the test calls `catchUp`).
export type Misfortune = Failure & { late?: boolean };
// What an operation meets: nothing, a failure, or with `lost` no answer after it took place.
export type Verdict = Misfortune | "lost" | undefined;

export class LeaseServer {
  // The operations that arrived, in order; a commit as `commit 3`, with its number.
  readonly log: string[] = [];
  readonly messages: PipeRequest[] = [];
  readonly unaryCommits: CommitRequest[] = [];
  hasPipe = true;
  // Asked about every operation of a pipe before it takes place.
  judge: (operation: Operation) => Verdict = () => undefined;
  // Asked about every DeleteSession before it takes place.
  judgeDeletion: () => Misfortune | undefined = () => undefined;
  // How long GetLease says that a lease still lives; unset, the server does not know the call.
  leaseLeftMs: number | undefined;
  // Changes the page that LoadSession answers.
  distort: (page: LoadSessionResponse) => LoadSessionResponse = (page) => page;
  // How long each LoadSession may take, in milliseconds.
  readonly loadsMayTakeMs: number[] = [];
  readonly #database: Database;
  readonly #streams = new Set<ServerDuplexStream<PipeRequest, PipeResponse>>();
  // What was answered with a failure that is `late`, and is still to take place.
  #late: (() => void)[] = [];
  #gate: Promise<void> = Promise.resolve();
  #server = new Server();
  #port = 0;

  constructor(database: Database = new Map()) {
    this.#database = database;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get streams(): number {
    return this.#streams.size;
  }

  // Starts on a free port, or on that of before if it was stopped.
  async start(): Promise<void> {
    this.#server = new Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
    const unary = <Request>(work: (request: Request) => object) => {
      return (call: ServerUnaryCall<Request, never>, callback: sendUnaryData<never>): void => {
        try {
          callback(null, work(call.request) as never);
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          callback(toServiceError(error.failure));
        }
      };
    };
    const none = unary(() => {
      throw new Refusal({ code: status.UNIMPLEMENTED });
    });
    this.#server.addService(AuthStateServiceService, {
      ...Object.fromEntries(Object.keys(AuthStateServiceService).map((name) => [name, none])),
      acquireLease: unary((request: AcquireLeaseRequest) => this.#acquire(request)),
      getLease: unary(({ sessionId }: { sessionId: string }) => this.#getLease(sessionId)),
      renewLease: unary((request: RenewLeaseRequest) => this.#underFence(request)),
      releaseLease: unary((request: ReleaseLeaseRequest) => this.#release(request)),
      commit: unary((request: CommitRequest) => this.#commitByCall(request)),
      getCreds: unary((request: GetCredsRequest) => this.#getCreds(request)),
      getKeys: unary((request: GetKeysRequest) => this.#read(this.#forReading(request), request.keys)),
      deleteSession: unary((request: DeleteSessionRequest) => this.#delete(request)),
      loadSession: (call: ServerWritableStream<LoadSessionRequest, LoadSessionResponse>) => this.#load(call),
      pipe: (call: ServerDuplexStream<PipeRequest, PipeResponse>) => this.#pipe(call),
    } as never);
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

  // Holds every answer of the pipe back until the returned function is called.
  hold(): () => void {
    let release!: () => void;
    this.#gate = new Promise((resolve) => (release = resolve));
    return release;
  }

  // Carries out what is late, unless it is under a stale fence by now.
  catchUp(): void {
    for (const work of this.#late.splice(0)) {
      try {
        work();
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    }
  }

  // Breaks the streams there are, and nothing else.
  breakStreams(): void {
    for (const stream of this.#streams) stream.emit("error", { code: status.UNAVAILABLE, details: "broken" });
  }

  drain(): void {
    for (const stream of this.#streams) stream.write({ results: [], draining: true });
  }

  session(sessionId: string): LeasedSession {
    const found = this.#database.get(sessionId);
    if (found !== undefined) return found;
    const none = { creds: undefined, owner: "", live: false, fence: 0n, applied: 0n, exists: false, revision: 0n };
    const session: LeasedSession = { ...none, keys: new Map<string, never>() };
    this.#database.set(sessionId, session);
    return session;
  }

  // Another owner takes the session.
  takeOver(sessionId: string, owner: string): void {
    const session = this.session(sessionId);
    Object.assign(session, { owner, live: true, fence: session.fence + 1n, applied: 0n });
  }

  #acquire({ sessionId, owner, steal }: AcquireLeaseRequest) {
    const session = this.session(sessionId);
    if (session.owner !== owner) {
      if (session.live && !steal) this.#refuse("LEASE_HELD", session);
      this.takeOver(sessionId, owner);
    }
    return { lease: this.#lease(session), revision: 1n };
  }

  #getLease(sessionId: string) {
    if (this.leaseLeftMs === undefined) throw new Refusal({ code: status.UNIMPLEMENTED });
    return { lease: { ...this.#lease(this.session(sessionId)), remaining: toDuration(this.leaseLeftMs) } };
  }

  #release({ sessionId, fence }: { sessionId: string; fence: bigint }) {
    const session = this.#underFence({ sessionId, fence });
    Object.assign(session, { owner: "", live: false, fence: session.fence + 1n, applied: 0n });
    return { lease: this.#lease(session) };
  }

  // A tool names no fence: it reads at any time, and writes while nobody has the session.
  #forReading(request: { sessionId: string; fence: bigint }): LeasedSession {
    return request.fence === 0n ? this.session(request.sessionId) : this.#underFence(request);
  }

  #forWriting(request: { sessionId: string; fence: bigint }): LeasedSession {
    if (request.fence !== 0n) return this.#underFence(request);
    const session = this.session(request.sessionId);
    if (session.live) this.#refuse("LEASE_HELD", session);
    return session;
  }

  #underFence({ sessionId, fence }: { sessionId: string; fence: bigint }): LeasedSession {
    const session = this.session(sessionId);
    if (session.owner === "" || session.fence !== fence) this.#refuse("STALE_FENCE", session);
    return session;
  }

  #refuse(reason: string, { owner }: LeasedSession): never {
    throw new Refusal({
      code: status.FAILED_PRECONDITION,
      reason,
      metadata: { outcome: "NOT_APPLIED", ...(owner === "" ? {} : { owner }) },
    });
  }

  #lease({ owner, fence }: LeasedSession) {
    return { owner, fence, remaining: undefined, expireTime: undefined };
  }

  #getCreds(request: GetCredsRequest): object {
    const { creds } = this.#forReading(request);
    if (creds === undefined) throw new Refusal({ code: status.NOT_FOUND, reason: "NO_CREDS" });
    return { creds, revision: 1n };
  }

  #read({ keys }: LeasedSession, wanted: readonly { type: string; ids: string[] }[]) {
    const all = wanted.flatMap(({ type, ids }) => ids.map((id) => ({ type, id })));
    return {
      found: all.flatMap((key) => keys.get(nameOf(key)) ?? []),
      absent: all.filter((key) => !keys.has(nameOf(key))),
      revision: 1n,
    };
  }

  #write(
    session: LeasedSession,
    { creds, sets, deletes, clearKeys }: Omit<CommitRequest, "sessionId" | "fence">,
  ): void {
    session.exists = true;
    session.revision++;
    session.creds = creds ?? session.creds;
    if (clearKeys) session.keys.clear();
    for (const { key, value } of sets) session.keys.set(nameOf(key!), { key: key!, value: value! });
    for (const key of deletes) session.keys.delete(nameOf(key));
  }

  #commitByCall(request: CommitRequest): object {
    this.unaryCommits.push(request);
    const session = this.#forWriting(request);
    const { expectedRevision } = request;
    if (expectedRevision !== undefined && expectedRevision !== session.revision) {
      throw new Refusal({ code: status.ABORTED, reason: "REVISION_MISMATCH", metadata: { outcome: "NOT_APPLIED" } });
    }
    this.#write(session, request);
    return { revision: 1n };
  }

  #delete(request: DeleteSessionRequest): object {
    const work = (): object => {
      const session = this.#forWriting(request);
      Object.assign(session, { exists: false, creds: undefined, keys: new Map(), revision: session.revision + 1n });
      return { revision: 1n };
    };
    const failure = this.judgeDeletion();
    if (failure === undefined) return work();
    return this.#fail(failure, work);
  }

  #fail(failure: Misfortune, work: () => unknown): never {
    if (failure.afterwards) work();
    if (failure.late) this.#late.push(() => void work());
    throw new Refusal(failure);
  }

  #load(call: ServerWritableStream<LoadSessionRequest, LoadSessionResponse>): void {
    this.loadsMayTakeMs.push(Number(call.getDeadline()) - Date.now());
    try {
      const { exists, creds, keys, revision } = this.#forReading(call.request);
      const metadata = { revision: String(revision) };
      if (!exists) throw new Refusal({ code: status.NOT_FOUND, reason: "NO_SESSION", metadata });
      this.log.push("load");
      call.write(this.distort({ revision, creds, keys: [...keys.values()] }));
      call.end();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      call.emit("error", toServiceError(error.failure));
    }
  }

  #pipe(call: ServerDuplexStream<PipeRequest, PipeResponse>): void {
    if (!this.hasPipe) {
      call.emit("error", { code: status.UNIMPLEMENTED, details: "no pipe" });
      return;
    }
    this.#streams.add(call);
    const channels = new Map<number, { sessionId: string; fence: bigint }>();
    const forget = (): void => void this.#streams.delete(call);
    call.on("error", forget);
    call.on("cancelled", forget);
    call.on("end", () => {
      forget();
      call.end();
    });
    call.on("data", (request: PipeRequest) => {
      this.messages.push(request);
      const results = request.operations.flatMap((operation) => this.#operate(channels, operation));
      void this.#gate.then(() => {
        if (this.#streams.has(call) && results.length > 0) call.write({ results, draining: false });
      });
    });
  }

  #operate(channels: Map<number, { sessionId: string; fence: bigint }>, operation: PipeOperation): PipeResult[] {
    const { tag, channel } = operation;
    const work = operation.operation!;
    this.log.push(work.$case === "commit" ? `commit ${work.value.number}` : work.$case);
    const verdict = this.judge(work);
    try {
      const before = new Map(channels);
      if (verdict !== undefined && verdict !== "lost") {
        this.#fail(verdict, () => this.#carryOut(before, channel, work));
      }
      const result = this.#carryOut(channels, channel, work);
      return verdict === "lost" ? [] : [{ tag, result }];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return [{ tag, result: { $case: "error", value: toStatus(error.failure) } }];
    }
  }

  #carryOut(channels: Map<number, { sessionId: string; fence: bigint }>, channel: number, work: Operation): Answer {
    if (work.$case === "attach") {
      const { sessionId, fence } = work.value;
      const session = fence === 0n ? undefined : this.#underFence({ sessionId, fence });
      const { lease } = session === undefined ? this.#acquire(work.value) : { lease: this.#lease(session) };
      channels.set(channel, { sessionId, fence: lease.fence });
      const appliedNumber = this.session(sessionId).applied;
      return { $case: "attached", value: { lease, revision: 1n, appliedNumber } };
    }
    const attached = channels.get(channel);
    if (attached === undefined) {
      const metadata = { outcome: "NOT_APPLIED" };
      throw new Refusal({ code: status.FAILED_PRECONDITION, reason: "NOT_ATTACHED", metadata });
    }
    if (work.$case === "detach") {
      channels.delete(channel);
      if (work.value.release) this.#release(attached);
      return { $case: "detached", value: {} };
    }
    const session = this.#underFence(attached);
    if (work.$case === "renew") return { $case: "renewed", value: { lease: this.#lease(session) } };
    if (work.$case === "get")
      return { $case: "got", value: { creds: undefined, ...this.#read(session, work.value.keys) } };
    const { number } = work.value;
    if (number > session.applied + 1n) this.#refuse("NUMBER_GAP", session);
    if (number === session.applied + 1n) {
      this.#write(session, { ...work.value, expectedRevision: undefined, commitId: 0n });
      session.applied = number;
    }
    return { $case: "committed", value: { revision: 1n } };
  }
}
