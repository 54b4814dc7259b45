import { AuthStateError } from "../errors.js";
import type { CommitRequest } from "../gen/authstate/v1/auth_state_service.js";
import type { Key } from "../gen/authstate/v1/value.js";
import type { SessionLink } from "../rpc/session_link.js";
import { nameOf } from "../writes/commit_plan.js";

interface Commit {
  readonly number: bigint;
  readonly request: CommitRequest;
  // The names of the keys that it writes, made when they are first asked for, which is rare.
  names?: ReadonlySet<string>;
}

function namesOf({ sets, deletes }: CommitRequest): Set<string> {
  const keys = sets.flatMap(({ key }) => (key === undefined ? [] : [key]));
  return new Set([...keys, ...deletes].map(nameOf));
}

// Failures that say something of the session or of its link, and nothing of the commit; LeasedSession judges them.
const SESSION_REASONS = new Set(["STALE_FENCE", "NUMBER_GAP", "NOT_ATTACHED", "LEASE_LOST"]);

/**
 * The commits of one session under one fence: applied once each, in order, one under way at a time.
 *
 * A commit that may have been applied keeps its number, and nothing follows it until the server has told: the same
 * commit is sent again with the same number, also when its caller has given up. Another one under that number would be
 * lost if the first had been applied, or arrive before it. A commit that was surely not applied gives its number back.
 * Where the server refuses for good to tell, another fence has to end the doubt.
 */
export class NumberedCommits {
  readonly #link: () => Promise<SessionLink>;
  readonly #onApplied: (request: CommitRequest) => void;
  readonly #onNeverKnown: () => void;
  #applied = 0n;
  #inDoubt: Commit | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * `link` gives the link to send on, `onApplied` is told of every commit once it is durable, in order. `onNeverKnown` is
   * called when nobody will learn what became of a commit: it has to call `forgetNumbers`, and `link` must then give no link
   * under the same fence.
   */
  constructor(link: () => Promise<SessionLink>, onApplied: (request: CommitRequest) => void, onNeverKnown: () => void) {
    this.#link = link;
    this.#onApplied = onApplied;
    this.#onNeverKnown = onNeverKnown;
  }

  /** Whether there is a commit that may have been applied, also one under way. */
  get inDoubt(): boolean {
    return this.#inDoubt !== undefined;
  }

  /** Whether a commit in doubt writes one of `keys`. */
  mayHaveChanged(keys: readonly Key[]): boolean {
    const doubt = this.#inDoubt;
    if (doubt === undefined) return false;
    const names = (doubt.names ??= namesOf(doubt.request));
    return doubt.request.clearKeys || keys.some((key) => names.has(nameOf(key)));
  }

  /** One try to apply `request`, after what is in doubt. May be repeated with the same object. */
  apply(request: CommitRequest): Promise<void> {
    return this.#inTurn(async () => {
      const link = await this.#readyFor(request);
      this.#applied = link.appliedNumber > this.#applied ? link.appliedNumber : this.#applied;
      await this.#send(link, this.#inDoubt ?? { number: this.#applied + 1n, request });
    });
  }

  /** One try to learn what became of a commit in doubt. */
  settle(): Promise<void> {
    return this.#inTurn(() => this.#settle());
  }

  /** The numbers of the server are not those of this object: it has to learn them again. */
  forgetNumbers(): void {
    this.#applied = 0n;
    this.#inDoubt = undefined;
  }

  // The link to send `request` on, after what is in doubt.
  async #readyFor(request: CommitRequest): Promise<SessionLink> {
    try {
      if (this.#inDoubt?.request !== request) await this.#settle();
      return await this.#link();
    } catch (error) {
      // What failed came before this commit was sent.
      const outcome = this.#inDoubt?.request === request ? "UNKNOWN" : "NOT_APPLIED";
      throw error instanceof AuthStateError ? error.with({ outcome }) : error;
    }
  }

  async #settle(): Promise<void> {
    const commit = this.#inDoubt;
    if (commit === undefined) return;
    try {
      await this.#send(await this.#link(), commit);
    } catch (error) {
      // A commit that is refused for good leaves no doubt, and its caller was told that it may not have been applied.
      if (this.#inDoubt !== undefined) throw error;
    }
  }

  async #send(link: SessionLink, commit: Commit): Promise<void> {
    const repeated = this.#inDoubt === commit;
    this.#inDoubt = commit;
    try {
      // If its number is among the applied ones, it need not be sent: the answer would be the same.
      if (link.appliedNumber < commit.number) await link.commit(commit.number, commit.request);
    } catch (error) {
      if (surelyNotApplied(error, repeated)) this.#inDoubt = undefined;
      else if (isForGood(error)) this.#onNeverKnown();
      throw error;
    }
    this.#applied = commit.number;
    this.#inDoubt = undefined;
    this.#onApplied(commit.request);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

function isForGood(error: unknown): boolean {
  return error instanceof AuthStateError && !error.retryable && !SESSION_REASONS.has(error.reason);
}

// An earlier copy of a repeated commit may still be on its way; but an invalid one is refused whenever it arrives.
function surelyNotApplied(error: unknown, repeated: boolean): boolean {
  if (!(error instanceof AuthStateError) || error.outcome !== "NOT_APPLIED") return false;
  return !repeated || error.code === "INVALID_ARGUMENT";
}
