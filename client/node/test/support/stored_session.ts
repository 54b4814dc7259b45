// What servers of tests keep of a session, and how they read and write it.
import type { CommitRequest, GetKeysResponse, KeySelection } from "../../src/gen/authstate/v1/auth_state_service.ts";
import type { Key, Value } from "../../src/gen/authstate/v1/value.ts";

export interface StoredSession {
  creds: Value | undefined;
  // By type and id, as `lid-mapping/a`.
  keys: Map<string, { key: Key; value: Value }>;
}

const nameOf = ({ type, id }: Key): string => `${type}/${id}`;

export function readKeys(keys: StoredSession["keys"] | undefined, wanted: readonly KeySelection[]): GetKeysResponse {
  const all = wanted.flatMap(({ type, ids }) => ids.map((id) => ({ type, id })));
  return {
    found: all.flatMap((key) => keys?.get(nameOf(key)) ?? []),
    absent: all.filter((key) => keys?.has(nameOf(key)) !== true),
    revision: 1n,
  };
}

export function applyWrites(
  session: StoredSession,
  { creds, sets, deletes, clearKeys }: Pick<CommitRequest, "creds" | "sets" | "deletes" | "clearKeys">,
): void {
  session.creds = creds ?? session.creds;
  if (clearKeys) session.keys.clear();
  for (const { key, value } of sets) session.keys.set(nameOf(key!), { key: key!, value: value! });
  for (const key of deletes) session.keys.delete(nameOf(key));
}
