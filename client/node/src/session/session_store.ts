import type { CommitRequest } from "../gen/authstate/v1/auth_state_service.js";
import type { Value } from "../gen/authstate/v1/value.js";
import type { Shared } from "./key_cache.js";
import type { ListedKey, ListedKeys } from "./key_listing.js";

/** What the store has of a session at the moment when it is opened, from one snapshot. */
export interface FirstRead {
  /** Unset when the store has said that there are none. */
  readonly creds: Value | undefined;
  /** Whether there are keys; only right where there are no creds. */
  readonly hasKeys: boolean;
}

/**
 * One session in the store. Every call waits through an outage until `until` (by the pacing's clock), then rejects with
 * a retryable AuthStateError; other failures reject at once.
 */
export interface SessionStore {
  /**
   * What the session begins with; to be asked for once, before any write. Only where there are neither creds nor keys may
   * a new identity be made.
   */
  takeFirst(until: number): Promise<FirstRead>;
  /** What is known of a key without asking anybody; null where it is absent, undefined where `getKeys` has to be asked. */
  peek(type: string, id: string): Value | Shared | null | undefined;
  /** The values of the keys that are there, by id. `ids` holds no id twice. */
  getKeys(type: string, ids: readonly string[], until: number): Promise<ReadonlyMap<string, Value | Shared>>;
  /**
   * The keys of a type that are there, in the order of their ids (by bytes), read as they are asked for. Each page waits
   * through an outage for `patienceMs`. No key comes twice; one that is written meanwhile may come or not.
   */
  listKeys(keys: ListedKeys, patienceMs: number): AsyncIterable<ListedKey>;
  /** Resolves once the commit is durable. One call at a time. */
  commit(request: CommitRequest, until: number): Promise<void>;
  /** Resolves also when there was no such session. Not to be called while a commit is under way. */
  deleteSession(until: number): Promise<void>;
  /** No call may be made from then on. */
  close(): Promise<void>;
}
