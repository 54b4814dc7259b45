import type { EventEmitter } from "node:events";
import type { AuthenticationCreds, SignalDataSet, SignalDataTypeMap } from "baileys" with {
  "resolution-mode": "import",
};
import { CodecError } from "./codec/buffer_tag.js";
import { decodeValue, encodeValue } from "./codec/value_codec.js";
import type { KeyWrite } from "./commit_plan.js";
import { brokenAnswer, endedError, invalidField, type LeaseLostError } from "./errors.js";
import type { Value } from "./gen/authstate/v1/value.js";
import { checkKeyId, checkKeyType, checkValue } from "./names.js";
import type { Pacing } from "./retry.js";
import type { SessionStore } from "./session_store.js";
import { WriteQueue } from "./write_queue.js";

/** The part of Baileys that is used at run time. */
export type BaileysModule = Pick<
  typeof import("baileys", { with: { "resolution-mode": "import" } }),
  "initAuthCreds" | "proto"
>;

export interface AuthStateDeps {
  store: SessionStore;
  baileys: BaileysModule;
  pacing: Pacing;
  patienceMs: number;
  events: EventEmitter<AuthStateEvents>;
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
}

/** What happens to the lease of a session. */
export interface AuthStateEvents {
  /**
   * The session is no longer this process's: close its socket, for another one is about to connect. Emitted at most once;
   * nothing is written from then on, and every call fails with the same error. `owner` says who has it, where known.
   */
  lost: [error: LeaseLostError];
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
  /** Deletes creds and keys in the store, and ends this auth state: every later write is refused. */
  removeSession(): Promise<void>;
  /** Waits for the writes under way, then gives the lease back. Rejects if one of them failed. */
  close(): Promise<void>;
  /** Tells what happens to the lease. */
  events: EventEmitter<AuthStateEvents>;
}

const APP_STATE_SYNC_KEY = "app-state-sync-key";

function encode(field: string, value: unknown): Value {
  try {
    const encoded = encodeValue(value);
    checkValue(field, encoded);
    return encoded;
  } catch (error) {
    throw error instanceof CodecError ? invalidField(field, error.message) : error;
  }
}

function toWrites(data: SignalDataSet): KeyWrite[] {
  const writes: KeyWrite[] = [];
  for (const [type, entries] of Object.entries(data)) {
    for (const [id, value] of Object.entries(entries as Record<string, unknown>)) {
      const field = value === null || value === undefined ? "deletes" : "sets";
      const at = `${field}[${writes.length}]`;
      checkKeyType(`${at}.key.type`, type);
      checkKeyId(`${at}.key.id`, id);
      writes.push({ key: { type, id }, value: field === "sets" ? encode(`${at}.value`, value) : undefined });
    }
  }
  return writes;
}

function decode(what: string, value: Value | undefined): unknown {
  try {
    return decodeValue(value);
  } catch {
    // The cause would quote the value.
    throw brokenAnswer(`${what} cannot be read back`);
  }
}

function creds(value: Value | undefined, baileys: BaileysModule): AuthenticationCreds {
  if (value === undefined) return baileys.initAuthCreds();
  const stored = decode("the creds", value);
  if (typeof stored !== "object" || stored === null || Buffer.isBuffer(stored)) {
    throw brokenAnswer("the creds are no object");
  }
  return stored as AuthenticationCreds;
}

/** Opens the auth state of `sessionId`. Takes over `store`, unless it rejects. */
export async function openAuthState(sessionId: string, deps: AuthStateDeps): Promise<AuthState> {
  const { store, baileys, pacing, patienceMs, events, onClosed } = deps;
  let ended: "CLOSED" | "SESSION_REMOVED" | undefined;
  let closing: Promise<void> | undefined;

  const patienceEnd = (): number => pacing.now() + patienceMs;
  const own = creds(await store.takeCreds(patienceEnd()), baileys);

  const queue = new WriteQueue({
    sessionId,
    encodeCreds: () => encode("creds", own),
    commit: (request, until) => store.commit(request, until),
    deleteSession: (until) => store.deleteSession(until),
    patienceEnd,
    now: () => pacing.now(),
  });

  const refuseIfEnded = (): void => {
    if (ended !== undefined) throw endedError(ended);
  };

  const revive = (type: string, value: Value): unknown => {
    const decoded = decode("a key", value);
    // Its JSON holds `keyData` as a bare base64 string; only fromObject makes bytes of it.
    return type === APP_STATE_SYNC_KEY
      ? baileys.proto.Message.AppStateSyncKeyData.fromObject(decoded as Record<string, unknown>)
      : decoded;
  };

  const keys: AuthStateKeys = {
    async get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]) {
      refuseIfEnded();
      const found: { [id: string]: SignalDataTypeMap[T] } = {};
      // One, as Baileys asks for most: nothing is there twice.
      const wanted = ids.length === 1 ? ids.slice() : [...new Set(ids)];
      checkKeyType("keys[0].type", type);
      wanted.forEach((id, index) => checkKeyId(`keys[0].ids[${index}]`, id));
      if (wanted.length === 0) return found;

      const until = patienceEnd();
      if (!queue.idle) await queue.settled(wanted.map((id) => ({ type, id })));
      refuseIfEnded();
      const values = await store.getKeys(type, wanted, until);
      for (const [id, value] of values) found[id] = revive(type, value) as SignalDataTypeMap[T];
      return found;
    },

    async set(data) {
      refuseIfEnded();
      const writes = toWrites(data);
      if (writes.length > 0) await queue.push({ kind: "keys", writes });
    },

    async clear() {
      refuseIfEnded();
      await queue.push({ kind: "clear" });
    },
  };

  return {
    state: { creds: own, keys },
    events,

    async saveCreds() {
      refuseIfEnded();
      await queue.push({ kind: "creds" });
    },

    async removeSession() {
      refuseIfEnded();
      ended = "SESSION_REMOVED";
      try {
        await queue.push({ kind: "removeSession" });
      } catch (error) {
        if (ended === "SESSION_REMOVED") ended = undefined;
        throw error;
      }
    },

    close() {
      ended = "CLOSED";
      closing ??= queue
        .drain()
        .finally(() => store.close())
        .finally(onClosed);
      return closing;
    },
  };
}
