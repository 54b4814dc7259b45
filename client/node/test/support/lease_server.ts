// A server with leases and the pipe, that fails as it is told. Several of them may share the sessions, as servers share a
// database.
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type {
  AcquireLeaseRequest,
  CommitRequest,
  DeleteCredsRequest,
  DeleteSessionRequest,
  GetCredsRequest,
  GetKeysRequest,
  ListSessionsRequest,
  LoadSessionResponse,
  PipeOperation,
  PipeRequest,
  PipeResponse,
  PipeResult,
  ReleaseLeaseRequest,
  RenewLeaseRequest,
} from "../../src/gen/authstate/v1/auth_state_service.ts";
import { SessionState } from "../../src/gen/authstate/v1/auth_state_service.ts";
import type { Key } from "../../src/gen/authstate/v1/value.ts";
import { toDuration } from "../../src/rpc/durations.ts";
import { type Failure, failureOf, Refusal, toServiceError, toStatus } from "./failure.ts";
import { applyWrites, readKeys, type StoredSession } from "./stored_session.ts";
import { type LoadCall, TestServer } from "./test_server.ts";

export interface LeasedSession extends StoredSession {
  owner: string;
  // Whether the lease is alive: then nobody else gets it without stealing it.
  live: boolean;
  fence: bigint;
  applied: bigint;
  exists: boolean;
  revision: bigint;
  // The address of the server that alone serves it. All servers do where it is unset.
  home?: string;
}

// By type and id, as their bytes are.
const orderOf = ({ type, id }: Key): Buffer => Buffer.from(`${type}\0${id}`);

function stateOf({ creds }: LeasedSession): SessionState {
  if (creds === undefined) return SessionState.SESSION_STATE_ORPHANED;
  const isPaired = creds.kind?.$case === "json" && creds.kind.value.includes('"account":');
  return isPaired ? SessionState.SESSION_STATE_PAIRED : SessionState.SESSION_STATE_UNPAIRED;
}

export type Database = Map<string, LeasedSession>;

// What a stream has attached, by channel.
type Channels = Map<number, { sessionId: string; fence: bigint }>;
type Operation = NonNullable<PipeOperation["operation"]>;
type Answer = PipeResult["result"];

// A failure to answer something with. It does not take place, but for `afterwards` (it has, and the answer fails) and
// `late` (it will, when the test calls `catchUp`).
export type Misfortune = Failure & { late?: boolean };
// What an operation of the pipe meets: nothing, or a failure.
export type Verdict = Misfortune | undefined;

export class LeaseServer extends TestServer {
  // The operations that arrived, in order; a commit as `commit 3`, with its number.
  readonly log: string[] = [];
  readonly messages: PipeRequest[] = [];
  readonly unaryCommits: CommitRequest[] = [];
  hasPipe = true;
  // Asked about every operation of a pipe before it takes place.
  judge: (operation: Operation) => Verdict = () => undefined;
  // Asked about every DeleteSession before it takes place.
  judgeDeletion: () => Misfortune | undefined = () => undefined;
  // Asked about every Commit before it takes place.
  judgeUnaryCommit: () => Failure | undefined = () => undefined;
  // Asked about every ListSessions before it is answered.
  judgeListing: (request: ListSessionsRequest) => Failure | undefined = () => undefined;
  // How many sessions, and other ids, a page of ListSessions has at most.
  pageSessions = 1_000;
  // Told with the first page.
  unaddressableIds: string[] = [];
  // How long GetLease says that a lease still lives; unset, the server does not know the call.
  leaseLeftMs: number | undefined;
  // Changes the page that LoadSession answers.
  distort: (page: LoadSessionResponse) => LoadSessionResponse = (page) => page;
  // How long each LoadSession may take, in milliseconds.
  readonly loadsMayTakeMs: number[] = [];
  // How many keys a page of LoadSession has at most.
  pageKeys = Infinity;
  // Asked about every page of LoadSession but the first before it is sent: the how manieth of the how manieth load.
  judgePage: (page: number, load: number) => Failure | undefined = () => undefined;
  loads = 0;
  valuesSent = 0;
  // Whether it is of the version that knew of whole sessions alone, and of no states.
  isOld = false;
  pagesSent = 0;
  // When the load that began last has ended, read whole or left.
  pagesStopped: Promise<unknown> = Promise.resolve();
  readonly #database: Database;
  readonly #streams = new Set<ServerDuplexStream<PipeRequest, PipeResponse>>();
  // What was answered with a failure that is `late`, and is still to take place.
  #late: (() => void)[] = [];

  constructor(database: Database = new Map()) {
    super();
    this.#database = database;
  }

  get streams(): number {
    return this.#streams.size;
  }

  protected override handlers(): object {
    return {
      acquireLease: this.unary((request: AcquireLeaseRequest) => this.#acquire(request)),
      getLease: this.unary(({ sessionId }: { sessionId: string }) => this.#getLease(sessionId)),
      renewLease: this.unary((request: RenewLeaseRequest) => {
        this.log.push("renewLease");
        return this.#underFence(request);
      }),
      releaseLease: this.unary((request: ReleaseLeaseRequest) => this.#release(request)),
      commit: this.unary((request: CommitRequest) => this.#commitByCall(request)),
      getCreds: this.unary((request: GetCredsRequest) => this.#getCreds(request)),
      getKeys: this.unary((request: GetKeysRequest) => readKeys(this.#forReading(request).keys, request.keys)),
      listSessions: this.unary((request: ListSessionsRequest) => this.#list(request)),
      deleteCreds: this.unary((request: DeleteCredsRequest) => {
        this.log.push("deleteCreds");
        this.#forWriting(request).creds = undefined;
        return { revision: 1n };
      }),
      deleteSession: this.unary((request: DeleteSessionRequest) => this.#delete(request)),
      loadSession: this.pages(
        (call) => this.#load(call),
        () => this.pagesSent++,
      ),
      pipe: (call: ServerDuplexStream<PipeRequest, PipeResponse>) => this.#pipe(call),
    };
  }

  // Carries out what is late, unless it is under a stale fence by now.
  catchUp(): void {
    for (const work of this.#late.splice(0)) {
      try {
        work();
      } catch (error) {
        failureOf(error);
      }
    }
  }

  // Ends the streams there are, and nothing else.
  breakStreams(failure: Failure = { code: status.UNAVAILABLE }): void {
    for (const stream of this.#streams) stream.emit("error", toServiceError(failure));
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

  #acquire({ sessionId, owner, steal }: Pick<AcquireLeaseRequest, "sessionId" | "owner" | "steal">) {
    const session = this.session(sessionId);
    if (this.#isElsewhere(session)) {
      if (!steal) this.#refuse("LEASE_HELD", session);
      session.home = this.address;
    }
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

  #list(request: ListSessionsRequest) {
    const failure = this.judgeListing(request);
    if (failure !== undefined) throw new Refusal(failure);
    const { prefix, pageToken, pageSize } = request;
    this.log.push("list");
    const isWanted = (session: LeasedSession): boolean =>
      session.exists && (request.states.length === 0 || this.isOld || request.states.includes(stateOf(session)));
    const all = [...this.#database].filter(
      ([id, session]) => isWanted(session) && id.startsWith(prefix) && id > pageToken,
    );
    all.sort(([one], [other]) => (one < other ? -1 : 1));
    const page = all.slice(0, Math.min(pageSize, this.pageSessions));
    const sessions = page.map(([sessionId, session]) => ({
      ...{ sessionId, revision: session.revision, hasCreds: session.creds !== undefined },
      keyCount: BigInt(session.keys.size),
      updateTime: new Date(1_760_000_000_250),
      ...{ storedBytes: 0n, state: request.withState && !this.isOld ? stateOf(session) : 0 },
      lease: { ...this.#lease(session), remaining: toDuration(session.live ? 9_500 : 0) },
    }));
    return {
      sessions,
      nextPageToken: page.length < all.length ? page.at(-1)![0] : "",
      unaddressableIds: pageToken === "" ? this.unaddressableIds : [],
      knowsFieldsUpTo: this.isOld ? 0 : 9,
    };
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
    const isOwners = session.owner !== "" && session.fence === fence;
    if (!isOwners || this.#isElsewhere(session)) this.#refuse("STALE_FENCE", session);
    return session;
  }

  #isElsewhere({ home }: LeasedSession): boolean {
    return home !== undefined && home !== this.address;
  }

  #refuse(reason: string, session: LeasedSession): never {
    const owner = this.#isElsewhere(session) ? `home:0123456789abcdef@${session.home}` : session.owner;
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

  #write(session: LeasedSession, writes: Pick<CommitRequest, "creds" | "sets" | "deletes" | "clearKeys">): void {
    session.exists = true;
    session.revision++;
    applyWrites(session, writes);
  }

  #commitByCall(request: CommitRequest): object {
    this.unaryCommits.push(request);
    const failure = this.judgeUnaryCommit();
    if (failure !== undefined) throw new Refusal(failure);
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

  *#load(call: LoadCall): Generator<LoadSessionResponse> {
    this.loadsMayTakeMs.push(Number(call.getDeadline()) - Date.now());
    const { exists, creds, keys, revision } = this.#forReading(call.request);
    const whole = { types: [] as string[], withoutCreds: false, withoutValues: false };
    const { types, withoutCreds, withoutValues } = this.isOld ? whole : call.request;
    const metadata = { revision: String(revision) };
    if (!exists) throw new Refusal({ code: status.NOT_FOUND, reason: "NO_SESSION", metadata });
    this.log.push("load");
    const { pageKeys } = this;
    const all = [...keys.values()]
      .filter(({ key }) => types.length === 0 || types.includes(key.type))
      .sort((one, other) => Buffer.compare(orderOf(one.key), orderOf(other.key)));
    const load = ++this.loads;
    this.pagesStopped = new Promise((resolve) => call.once("close", resolve));
    for (let from = 0, page = 0; from === 0 || from < all.length; from += pageKeys, page++) {
      const failure = page === 0 ? undefined : this.judgePage(page, load);
      if (failure !== undefined) throw new Refusal(failure);
      const keysOfPage = all.slice(from, from + pageKeys);
      this.valuesSent += withoutValues ? 0 : keysOfPage.length;
      yield this.distort({
        ...{ revision, creds: page === 0 && !withoutCreds ? creds : undefined },
        keys: withoutValues ? [] : keysOfPage,
        summaries: withoutValues ? keysOfPage.map(({ key }) => ({ key, storedBytes: 1n, changeTime: undefined })) : [],
        knowsFieldsUpTo: page === 0 && !this.isOld ? 7 : 0,
      });
    }
  }

  #pipe(call: ServerDuplexStream<PipeRequest, PipeResponse>): void {
    if (!this.hasPipe) {
      call.emit("error", { code: status.UNIMPLEMENTED, details: "no pipe" });
      return;
    }
    let check: () => void;
    try {
      check = this.admitCall(call.metadata);
    } catch (error) {
      call.emit("error", toServiceError(failureOf(error)));
      return;
    }
    this.#streams.add(call);
    const channels: Channels = new Map();
    const forget = (): void => void this.#streams.delete(call);
    call.on("error", forget);
    call.on("cancelled", forget);
    call.on("end", () => {
      forget();
      call.end();
    });
    call.on("data", (request: PipeRequest) => {
      this.messages.push(request);
      const results = request.operations.map((operation) => this.#operate(channels, operation, check));
      void this.gate.then(() => {
        if (this.#streams.has(call)) call.write({ results, draining: false });
      });
    });
  }

  #operate(channels: Channels, operation: PipeOperation, check: () => void): PipeResult {
    const { tag, channel } = operation;
    const work = operation.operation!;
    this.log.push(work.$case === "commit" ? `commit ${work.value.number}` : work.$case);
    const verdict = this.judge(work);
    try {
      check();
      const before = new Map(channels);
      if (verdict !== undefined) this.#fail(verdict, () => this.#carryOut(before, channel, work));
      return { tag, result: this.#carryOut(channels, channel, work) };
    } catch (error) {
      return { tag, result: { $case: "error", value: toStatus(failureOf(error)) } };
    }
  }

  #carryOut(channels: Channels, channel: number, work: Operation): Answer {
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
    if (work.$case === "get") {
      return { $case: "got", value: { creds: undefined, ...readKeys(session.keys, work.value.keys) } };
    }
    const { number } = work.value;
    if (number > session.applied + 1n) this.#refuse("NUMBER_GAP", session);
    if (number === session.applied + 1n) {
      this.#write(session, work.value);
      session.applied = number;
    }
    return { $case: "committed", value: { revision: 1n } };
  }
}
