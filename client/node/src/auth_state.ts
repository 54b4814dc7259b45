import type { AuthenticationCreds, SignalDataSet, SignalDataTypeMap } from "baileys" with {
  "resolution-mode": "import",
};
import { CodecError } from "./codec/buffer_tag.js";
import { decodeValue, encodeValue } from "./codec/value_codec.js";
import { type KeyWrite, newCommitId } from "./commit_plan.js";
import { AuthStateError, brokenAnswer, endedError, invalidField } from "./errors.js";
import type { Value } from "./gen/authstate/v1/value.js";
import { readKeys } from "./key_reader.js";
import type { AuthStateLogger } from "./logger.js";
import { type Pacing, retry } from "./retry.js";
import type { Transport } from "./transport.js";
import { WriteQueue } from "./write_queue.js";

/** The part of Baileys that is used at run time. */
export type BaileysModule = Pick<
  typeof import("baileys", { with: { "resolution-mode": "import" } }),
  "initAuthCreds" | "proto"
>;

export interface AuthStateDeps {
  transport: Transport;
  baileys: BaileysModule;
  pacing: Pacing;
  patienceMs: number;
  logger: AuthStateLogger | undefined;
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

/** The authentication state of one session. */
export interface AuthState {
  /** What `makeWASocket` takes as `auth`. */
  state: { creds: AuthenticationCreds; keys: AuthStateKeys };
  /** Stores the creds as they are when the write leaves; together with the key writes of the same tick, in one commit. */
  saveCreds(): Promise<void>;
  /** Deletes creds and keys in the store, and ends this auth state: every later write is refused. */
  removeSession(): Promise<void>;
  /** Waits for the writes under way, then closes the connection. Rejects if one of them failed. */
  close(): Promise<void>;
}

const APP_STATE_SYNC_KEY = "app-state-sync-key";

function checkWellFormed(field: string, text: string): void {
  // Protobuf would write U+FFFD instead, and so name another key.
  if (!text.isWellFormed()) throw invalidField(field, "has an unpaired surrogate");
}

function toWrites(data: SignalDataSet): KeyWrite[] {
  const writes: KeyWrite[] = [];
  for (const [type, entries] of Object.entries(data)) {
    for (const [id, value] of Object.entries(entries as Record<string, unknown>)) {
      const field = value === null || value === undefined ? "deletes" : "sets";
      const at = `${field}[${writes.length}]`;
      checkWellFormed(`${at}.key.type`, type);
      checkWellFormed(`${at}.key.id`, id);
      try {
        writes.push({ key: { type, id }, value: field === "sets" ? encodeValue(value) : undefined });
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
        throw invalidField(`${at}.value`, error.message);
      }
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

async function loadCreds(read: () => Promise<Value | undefined>, baileys: BaileysModule): Promise<AuthenticationCreds> {
  let value: Value | undefined;
  try {
    value = await read();
  } catch (error) {
    // The store's own word that there are none: the one case in which a new identity may be made.
    const proven = error instanceof AuthStateError && error.code === "NOT_FOUND" && error.reason === "NO_CREDS";
    if (proven) return baileys.initAuthCreds();
    throw error;
  }
  const creds = decode("the creds", value);
  if (typeof creds !== "object" || creds === null || Buffer.isBuffer(creds))
    throw brokenAnswer("the creds are no object");
  return creds as AuthenticationCreds;
}

/** Opens the auth state of `sessionId`. Takes over `transport`, unless it rejects. */
export async function openAuthState(sessionId: string, deps: AuthStateDeps): Promise<AuthState> {
  const { transport, baileys, pacing, patienceMs, logger } = deps;
  checkWellFormed("session_id", sessionId);
  let ended: "CLOSED" | "SESSION_REMOVED" | undefined;
  let closing: Promise<void> | undefined;

  const patienceEnd = (): number => pacing.now() + patienceMs;
  const withPatience = <T>(rpc: string, until: number, attempt: (timeoutMs: number) => Promise<T>): Promise<T> =>
    retry(attempt, {
      pacing,
      until,
      onWait: ({ code, reason }, count, delayMs) =>
        logger?.warn(
          { sessionId, rpc, code, reason, attempt: count, delayMs: Math.round(delayMs) },
          "authstate does not answer; waiting",
        ),
    });

  const creds = await loadCreds(
    () => withPatience("GetCreds", patienceEnd(), (timeoutMs) => transport.getCreds(sessionId, timeoutMs)),
    baileys,
  );

  const queue = new WriteQueue({
    sessionId,
    encodeCreds: () => encodeValue(creds),
    commit: (request, until) => withPatience("Commit", until, (timeoutMs) => transport.commit(request, timeoutMs)),
    deleteSession: (until) => {
      const commitId = newCommitId();
      const attempt = (timeoutMs: number) => transport.deleteSession(sessionId, commitId, timeoutMs);
      return withPatience("DeleteSession", until, attempt).catch((error: unknown) => {
        const alreadyGone =
          error instanceof AuthStateError && error.code === "NOT_FOUND" && error.reason === "NO_SESSION";
        if (!alreadyGone) throw error;
      });
    },
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
      const wanted = [...new Set(ids)];
      wanted.forEach((id, index) => checkWellFormed(`keys[0].ids[${index}]`, id));
      if (wanted.length === 0) return found;

      const until = patienceEnd();
      await queue.settled(wanted.map((id) => ({ type, id })));
      const values = await readKeys(wanted, (part) =>
        withPatience("GetKeys", until, (timeoutMs) => {
          refuseIfEnded();
          return transport.getKeys(sessionId, [{ type, ids: part }], timeoutMs);
        }),
      );
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
    state: { creds, keys },

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
      closing ??= queue.drain().finally(() => transport.close());
      return closing;
    },
  };
}
