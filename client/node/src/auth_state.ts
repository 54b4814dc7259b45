import type { EventEmitter } from "node:events";
import type { AuthenticationCreds, SignalDataSet, SignalDataTypeMap } from "baileys" with {
  "resolution-mode": "import",
};
import { watchForCacheLayer } from "./baileys/cache_layer.js";
import { type FirstCredsDeps, takeCreds } from "./baileys/first_creds.js";
import { decode, encode, toWrites } from "./baileys/stored_values.js";
import { brokenAnswer, endedError, type LostError } from "./errors.js";
import type { Value } from "./gen/authstate/v1/value.js";
import { checkKeyId, checkKeyType } from "./names.js";
import type { Pacing } from "./rpc/pacing.js";
import { Shared } from "./session/key_cache.js";
import type { ListedKey } from "./session/key_listing.js";
import { WriteDeadlines } from "./writes/write_deadlines.js";
import { WriteQueue } from "./writes/write_queue.js";

export interface AuthStateDeps extends FirstCredsDeps {
  pacing: Pacing;
  patienceMs: number;
  /** Whether records of Signal sessions are kept as they are given, and given to all who ask. */
  sharesRecords: boolean;
  events: EventEmitter<AuthStateEvents>;
  /** Called when the session is about to be given up. It is when `attempt` resolves; if that rejects, it may go on. */
  onLeaving(attempt: Promise<void>): void;
  /** Called once, after the store was closed. */
  onClosed(): void;
}

/** The keys of one session, as Baileys asks for them. */
export interface AuthStateKeys {
  /** Keys that are not there are left out. An outage is waited out, then thrown; it never reads as absence. */
  get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]): Promise<{ [id: string]: SignalDataTypeMap[T] }>;
  /** Writes keys, and deletes those that are `null`; durable when it resolves. All or nothing up to 10,000 keys and 32 MiB. */
  set(data: SignalDataSet): Promise<void>;
  /** Deletes all keys and keeps the creds. */
  clear(): Promise<void>;
  /**
   * The keys of a type with their values, in the order of their ids (by bytes), read from the store page by page as the
   * loop goes on; none where there is no such session. Begins after the writes so far have settled. What is written
   * during the loop may come or not, and no id comes twice. An outage is waited out for `patienceMs` a page, then thrown
   * from the loop: that it ends says that all came. Baileys' `migrateAuthState` asks for this of what it copies from.
   */
  list<T extends keyof SignalDataTypeMap>(type: T): AsyncIterable<readonly [id: string, value: SignalDataTypeMap[T]]>;
  /** The ids that `list` would tell, exactly as they are stored. The store reads no values for it. */
  listIds<T extends keyof SignalDataTypeMap>(type: T): AsyncIterable<string>;
}

/** What happens to the lease of a session. */
export interface AuthStateEvents {
  /**
   * The session is no longer this process's: close its socket, for another one is about to connect, or the server lets this
   * process do nothing more (`TokenRefusedError`, `AccessDeniedError`). Emitted at most once; nothing is written from then
   * on, and every call fails with the same error. `owner` says who has it, where known.
   */
  lost: [error: LostError];
  /** The lease could not be renewed for its whole time. Calls wait until the server answers, and then `back` or `lost` follows. */
  away: [];
  /** The lease was renewed after all, and nobody else had it in between. */
  back: [];
}

/** The authentication state of one session. */
export interface AuthState {
  /** What `makeWASocket` takes as `auth`. */
  state: { creds: AuthenticationCreds; keys: AuthStateKeys };
  /** Stores the creds as they are when the write leaves; together with the key writes of the same tick, in one commit. */
  saveCreds(): Promise<void>;
  /**
   * Deletes creds and keys in the store, and ends this auth state: every later call is refused, and the lease is given
   * back, so that the session may be opened and paired anew. If it rejects, the auth state goes on.
   */
  removeSession(): Promise<void>;
  /** Waits for the writes under way, then gives the lease back. Rejects if one of them failed. */
  close(): Promise<void>;
  /** Tells what happens to the lease. */
  events: EventEmitter<AuthStateEvents>;
}

const APP_STATE_SYNC_KEY = "app-state-sync-key";

// Sets what every object has under an id such as `constructor` or `__proto__`. Where that key is absent, it has to read as
// undefined, and must not show among the keys that were found.
function setOwn(found: object, id: string, value: unknown): void {
  const enumerable = value !== undefined;
  Object.defineProperty(found, id, { value, enumerable, writable: true, configurable: true });
}

/** Opens the auth state of `sessionId`. Takes over `store`, unless it rejects. */
export async function openAuthState(sessionId: string, deps: AuthStateDeps): Promise<AuthState> {
  const { store, baileys, pacing, patienceMs, sharesRecords, logger, events, onLeaving, onClosed } = deps;
  let ended: "CLOSED" | "SESSION_REMOVED" | undefined;
  let closing: Promise<void> | undefined;

  const patienceEnd = (): number => pacing.now() + patienceMs;
  const { creds: own, stored } = await takeCreds(sessionId, deps);
  const lookForCacheLayer = await watchForCacheLayer(baileys, logger);
  const deadlines = new WriteDeadlines(pacing, patienceMs);

  const queue = new WriteQueue({
    sessionId,
    // Keys are never stored without creds: the first commit carries new ones along, whatever it is.
    credsOwed: !stored,
    encodeCreds: () => encode("creds", own),
    commit: (request, until) => store.commit(request, until),
    deleteSession: (until) => store.deleteSession(until),
    now: () => pacing.now(),
  });

  const refuseIfEnded = (): void => {
    if (ended !== undefined) throw endedError(ended);
  };

  const revive = (type: string, id: string, value: Value | Shared | undefined): unknown => {
    if (value instanceof Shared) return value.object;
    const what = `session ${sessionId}, key ${type} ${id}`;
    const decoded = decode(what, value);
    // Its JSON holds `keyData` as a bare base64 string; only fromObject makes bytes of it.
    if (type !== APP_STATE_SYNC_KEY) return decoded;
    try {
      return baileys.proto.Message.AppStateSyncKeyData.fromObject(decoded as Record<string, unknown>);
    } catch {
      // The cause may quote the value.
      throw brokenAnswer(`${what} cannot be read back`);
    }
  };

  async function* listed(type: string, withValues: boolean): AsyncGenerator<ListedKey, void, void> {
    refuseIfEnded();
    checkKeyType("type", type);
    await queue.settled();
    refuseIfEnded();
    for await (const key of store.listKeys({ type, withValues }, patienceMs)) {
      yield key;
      refuseIfEnded();
    }
  }

  const keys: AuthStateKeys = {
    async get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]) {
      lookForCacheLayer(keys.get);
      refuseIfEnded();
      const found: { [id: string]: SignalDataTypeMap[T] } = {};
      const take = (id: string, value: Value | Shared | undefined): void => {
        if (id in found) setOwn(found, id, value && revive(type, id, value));
        else if (value !== undefined) found[id] = revive(type, id, value) as SignalDataTypeMap[T];
      };
      // Baileys mostly asks for a single id: that cannot be there twice, and is mostly in memory.
      const wanted = ids.length === 1 ? ids.slice() : [...new Set(ids)];
      checkKeyType("keys[0].type", type);
      wanted.forEach((id, index) => checkKeyId(`keys[0].ids[${index}]`, id));
      const [first] = wanted;
      if (first === undefined) return found;
      const known = wanted.length === 1 && queue.idle ? store.peek(type, first) : undefined;
      if (known !== undefined) {
        take(first, known ?? undefined);
        return found;
      }

      const end = patienceEnd();
      if (!queue.idle) await queue.settled(wanted.map((id) => ({ type, id })));
      refuseIfEnded();
      const values = await store.getKeys(type, wanted, end);
      for (const id of wanted) take(id, values.get(id));
      return found;
    },

    async set(data) {
      lookForCacheLayer(keys.set);
      refuseIfEnded();
      const writes = toWrites(data, sharesRecords);
      if (writes.length > 0) await deadlines.run(data, (end) => queue.push({ kind: "keys", writes }, end));
    },

    async clear() {
      refuseIfEnded();
      await queue.push({ kind: "clear" }, patienceEnd());
    },

    async *list<T extends keyof SignalDataTypeMap>(type: T) {
      for await (const { id, value } of listed(type, true)) {
        yield [id, revive(type, id, value) as SignalDataTypeMap[T]] as const;
      }
    },

    async *listIds(type) {
      for await (const { id } of listed(type, false)) yield id;
    },
  };

  const end = (): Promise<void> =>
    (closing ??= queue
      .drain()
      .finally(() => store.close())
      .finally(onClosed));

  return {
    state: { creds: own, keys },
    events,

    async saveCreds() {
      refuseIfEnded();
      await queue.push({ kind: "creds" }, patienceEnd());
    },

    async removeSession() {
      refuseIfEnded();
      ended = "SESSION_REMOVED";
      const removal = queue.push({ kind: "removeSession" }, patienceEnd()).then(
        // A write that failed before the removal has told its own caller.
        () => end().catch(() => undefined),
        (error: unknown) => {
          ended = closing === undefined ? undefined : "CLOSED";
          throw error;
        },
      );
      onLeaving(removal);
      return removal;
    },

    close() {
      ended ??= "CLOSED";
      const closed = end();
      onLeaving(closed);
      return closed;
    },
  };
}
