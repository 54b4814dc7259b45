import { brokenAnswer } from "../errors.js";
import type { LoadSessionResponse } from "../gen/authstate/v1/auth_state_service.js";
import type { Key, Value } from "../gen/authstate/v1/value.js";
import type { SessionCache } from "./key_cache.js";
import { saysAbsent } from "./session_retry.js";
import type { FirstRead } from "./session_store.js";

/** How long a whole session may take, which is longer than one answer, in milliseconds. */
export const LOAD_TIMEOUT_MS = 60_000;

/** Takes one page of a session, and returns whether more are wanted. */
export type OnPage = (page: LoadSessionResponse) => boolean;

export interface StoredKey {
  readonly key: Key;
  readonly value: Value;
}

/** The keys of a page, each with its name and its value. */
export function keysOf({ keys }: LoadSessionResponse): StoredKey[] {
  const isBroken = keys.some(({ key, value }) => key === undefined || value === undefined);
  if (isBroken) throw brokenAnswer("LoadSession: a key without a name or a value");
  return keys as StoredKey[];
}

/** Reads a whole session into memory. `onKeys` is told how many keys are there so far. */
export async function readWhole(
  load: (onPage: OnPage) => Promise<void>,
  onKeys: (count: number) => void,
): Promise<{ creds: Value | undefined; keys: StoredKey[] }> {
  let creds: Value | undefined;
  const keys: StoredKey[] = [];
  await load((page) => {
    creds ??= page.creds;
    for (const key of keysOf(page)) keys.push(key);
    onKeys(keys.length);
    return true;
  });
  return { creds, keys };
}

/**
 * Reads a whole session into `cache`, or as much as there is room for. `load` hands over the pages of one snapshot. After a
 * failure the cache is empty, and takes no key for absent.
 */
export async function fillCache(cache: SessionCache, load: (onPage: OnPage) => Promise<void>): Promise<FirstRead> {
  // It stays complete unless some key has to make room for others.
  cache.reset(true);
  let first: { creds: FirstRead["creds"]; hasKeys: boolean } | undefined;
  const take: OnPage = (page) => {
    first ??= { creds: page.creds, hasKeys: false };
    first.hasKeys ||= page.keys.length > 0;
    for (const { key, value } of keysOf(page)) cache.fill(key, value, cache.version);
    return cache.complete;
  };
  try {
    await load(take);
    if (first === undefined) throw brokenAnswer("LoadSession: no page");
    return first;
  } catch (error) {
    cache.reset(saysAbsent(error, "NO_SESSION"));
    if (!cache.complete) throw error;
    return { creds: undefined, hasKeys: false };
  }
}
