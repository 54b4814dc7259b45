import { AuthStateError, brokenAnswer } from "../errors.js";
import type { LoadSessionResponse } from "../gen/authstate/v1/auth_state_service.js";
import type { Key, Value } from "../gen/authstate/v1/value.js";
import type { LoadedPart } from "../rpc/transport.js";
import { keysOf } from "./session_load.js";
import { saysAbsent } from "./session_retry.js";

/** A key that is there, by its id within the type that was asked for. */
export interface ListedKey {
  readonly id: string;
  /** Unset where values were not asked for. */
  readonly value: Value | undefined;
}

/** Which keys are listed. */
export interface ListedKeys {
  type: string;
  withValues: boolean;
}

/** The part of a session that is read for them. */
export const partFor = ({ type, withValues }: ListedKeys): LoadedPart => ({
  ...{ types: [type], withoutCreds: true, withoutValues: !withValues },
});

export interface KeyListing {
  /** Begins to read the session: its pages, from one snapshot. */
  open(): Promise<AsyncIterator<LoadSessionResponse>>;
  /** Tries until it succeeds, fails for good, or patience, which begins with the call, has ended. */
  attempt<T>(work: () => Promise<T>): Promise<T>;
}

function namesOf({ summaries }: LoadSessionResponse): { key: Key; value: undefined }[] {
  return summaries.map(({ key }) => {
    if (key === undefined) throw brokenAnswer("LoadSession: a key without a name");
    return { key, value: undefined };
  });
}

// Whoever takes the pages slowly, while others wait for their turn, loses the stream; the rest is read by another one.
function mayGoOn(error: unknown): unknown {
  return error instanceof AuthStateError && error.code === "CANCELLED" ? error.with({ retryable: true }) : error;
}

/**
 * The keys of `type` in the order of their ids, by bytes, page by page as they are asked for; none where there is no such
 * session. Where the stream breaks, a new one goes on after the last key that was handed out.
 */
export async function* listKeys(type: string, { open, attempt }: KeyListing): AsyncGenerator<ListedKey, void, void> {
  let pages: AsyncIterator<LoadSessionResponse> | undefined;
  // The id that was handed out last, and that of when the present stream began.
  let last: Buffer | undefined;
  let before: Buffer | undefined;
  let ended = false;

  const takeNew = (page: LoadSessionResponse): ListedKey[] => {
    const found: ListedKey[] = [];
    // A server of an older version answers all keys, with their values.
    for (const { key, value } of [...keysOf(page), ...namesOf(page)]) {
      ended ||= key.type > type;
      if (key.type !== type) continue;
      if (before === undefined || Buffer.compare(Buffer.from(key.id), before) > 0) found.push({ id: key.id, value });
    }
    return found;
  };
  // One try to read the next keys; none after the last one. A page that brings nothing new is no success, after which a
  // server that fails again and again would be given new patience.
  const readNew = async (): Promise<ListedKey[]> => {
    try {
      if (pages === undefined) {
        before = last;
        pages = await open();
      }
      for (;;) {
        const { done, value: page } = await pages.next();
        ended ||= done === true;
        const found = done ? [] : takeNew(page);
        if (ended || found.length > 0) return found;
      }
    } catch (error) {
      pages = undefined;
      throw mayGoOn(error);
    }
  };
  try {
    while (!ended) {
      for (const key of await attempt(readNew)) {
        yield key;
        last = Buffer.from(key.id);
      }
    }
  } catch (error) {
    if (!saysAbsent(error, "NO_SESSION")) throw error;
  } finally {
    await pages?.return?.();
  }
}
