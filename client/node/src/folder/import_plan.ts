// The commits of an import, and whether the store holds what they bring.
import { isDeepStrictEqual } from "node:util";
import type { CommitRequest } from "../gen/authstate/v1/auth_state_service.js";
import type { Value } from "../gen/authstate/v1/value.js";
import type { StoredKey } from "../session/session_load.js";
import { nameOf, planCommits } from "../writes/commit_plan.js";
import type { Folder } from "./folder_reader.js";

// Stands in a session while an import of several commits is under way, and says of what. No key of Baileys; the mark of
// authstatectl is the same (client/cli/import_plan.h), so that each finishes what the other began.
export const markOf = (directory: string): StoredKey => ({
  key: { type: "import", id: "unfinished" },
  value: { kind: { $case: "json", value: JSON.stringify(`folder ${directory}`) } },
});

/**
 * The commits that bring `folder` into the store. One where it fits; else the keys come first, with the mark, and the creds
 * last: an import that ends early leaves keys without creds, for which no client makes a new identity.
 */
export function planImport(
  sessionId: string,
  { creds, keys }: Folder,
  mark: StoredKey,
  exists: boolean,
): CommitRequest[] {
  const clear = exists ? [{ kind: "clear" } as const] : [];
  const [whole, ...more] = planCommits(sessionId, creds, [...clear, { kind: "keys", writes: keys }]);
  if (whole !== undefined && more.length === 0) return [whole];
  const commits = planCommits(sessionId, undefined, [...clear, { kind: "keys", writes: [mark, ...keys] }]);
  const [last] = planCommits(sessionId, creds, [{ kind: "keys", writes: [{ key: mark.key, value: undefined }] }]);
  return last === undefined ? commits : [...commits, last];
}

// Whether the store holds what was imported: the same bytes or, where it keeps JSON in its own way (the old tables do),
// the same meaning.
export function isSame(imported: Value | undefined, stored: Value | undefined): boolean {
  const [one, other] = [imported?.kind, stored?.kind];
  if (one?.$case === "raw" && other?.$case === "raw") return Buffer.compare(one.value, other.value) === 0;
  if (one?.$case !== "json" || other?.$case !== "json") return false;
  return one.value === other.value || isDeepStrictEqual(JSON.parse(one.value), JSON.parse(other.value));
}

// What the store holds otherwise than `imported`, if anything.
export function differenceOf(
  imported: Folder,
  stored: { creds: Value | undefined; keys: readonly StoredKey[] },
): string | undefined {
  if (imported.creds !== undefined && !isSame(imported.creds, stored.creds)) return "the creds";
  const left = new Map(imported.keys.map((entry) => [nameOf(entry.key), entry]));
  const missed = stored.keys.find((entry) => {
    const name = nameOf(entry.key);
    const same = isSame(left.get(name)?.value, entry.value);
    left.delete(name);
    return !same;
  });
  const differs = missed ?? [...left.values()][0];
  return differs === undefined ? undefined : `key ${differs.key.type} ${differs.key.id}`;
}
