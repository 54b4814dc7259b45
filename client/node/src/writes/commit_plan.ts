// Works out what several writes of one session amount to, and the commits that carry it.
import { randomFillSync } from "node:crypto";
import { sizeOfValue } from "../codec/value_codec.js";
import type { CommitRequest } from "../gen/authstate/v1/auth_state_service.js";
import type { Key, KeyEntry, Value } from "../gen/authstate/v1/value.js";
import { MAX_COMMIT_BYTES, MAX_COMMIT_OPERATIONS } from "../limits.js";

export interface KeyWrite {
  key: Key;
  /** Unset to delete the key. */
  value: Value | undefined;
}

export type Change =
  | { kind: "keys"; writes: readonly KeyWrite[] }
  // Deletes all keys.
  | { kind: "clear" };

/** A type has no NUL, so no two keys share a name. */
export function nameOf({ type, id }: Key): string {
  return `${type}\0${id}`;
}

/** Operations and bytes of a commit, as the contract counts them. */
export class CommitSize {
  #operations = 0;
  #bytes = 0;

  get fits(): boolean {
    return this.#operations <= MAX_COMMIT_OPERATIONS && this.#bytes <= MAX_COMMIT_BYTES;
  }

  add(value: Value | undefined): this {
    this.#operations++;
    if (value !== undefined) this.#bytes += sizeOfValue(value);
    return this;
  }

  addChange(change: Change): this {
    if (change.kind === "keys") for (const { value } of change.writes) this.add(value);
    return this;
  }
}

// Ids are drawn many at a time, for the system takes as long for one as for all.
const commitIds = new BigUint64Array(512);
let idsTaken = commitIds.length;

/** An id for one commit, the same for all attempts at it, so that it takes effect once. Never 0, which means none. */
export function newCommitId(): bigint {
  if (idsTaken === commitIds.length) {
    randomFillSync(commitIds);
    idsTaken = 0;
  }
  return commitIds[idsTaken++] || 1n;
}

function emptyCommit(sessionId: string): CommitRequest {
  const none = { creds: undefined, expectedRevision: undefined, carriedRevision: 0n, fence: 0n };
  return { sessionId, commitId: newCommitId(), sets: [], deletes: [], clearKeys: false, ...none };
}

// What is left of the writes after the last clear: the last one of each key.
function lastWrites(changes: readonly Change[]): readonly KeyWrite[] {
  const [first] = changes;
  // A single call is by far the most common, and writes no key twice.
  if (changes.length === 1 && first?.kind === "keys") return first.writes;
  const writes = new Map<string, KeyWrite>();
  for (const change of changes) {
    if (change.kind === "clear") writes.clear();
    else for (const write of change.writes) writes.set(nameOf(write.key), write);
  }
  return [...writes.values()];
}

/**
 * The commits that have the effect of `changes` one after the other, and write `creds`. One commit as long as it is
 * within the limits of the contract. Each has an id, and is safe to repeat.
 */
export function planCommits(sessionId: string, creds: Value | undefined, changes: readonly Change[]): CommitRequest[] {
  const clearKeys = changes.some(({ kind }) => kind === "clear");
  const writes = lastWrites(changes);
  const changesNothing = creds === undefined && !clearKeys && writes.length === 0;
  if (changesNothing) return [];

  let commit: CommitRequest = { ...emptyCommit(sessionId), creds, clearKeys };
  let size = creds === undefined ? new CommitSize() : new CommitSize().add(creds);
  const commits = [commit];
  for (const { key, value } of writes) {
    if (!size.add(value).fits) {
      commit = emptyCommit(sessionId);
      size = new CommitSize().add(value);
      commits.push(commit);
    }
    if (value === undefined) commit.deletes.push(key);
    else commit.sets.push({ key, value } satisfies KeyEntry);
  }
  return commits;
}
