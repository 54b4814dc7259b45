import type { AuthenticationCreds } from "baileys" with { "resolution-mode": "import" };
import { noCredsError, orphanedKeysError } from "../errors.js";
import type { AuthStateLogger } from "../logger.js";
import type { SessionStore } from "../session/session_store.js";
import { planCommits } from "../writes/commit_plan.js";
import type { BaileysModule } from "./baileys_module.js";
import { checkCreds } from "./creds_check.js";
import { decode, encode } from "./stored_values.js";

/** What becomes of the keys of a session that has no creds. */
export type OrphanedKeys = "refuse" | "clear";

export interface FirstCredsDeps {
  store: SessionStore;
  baileys: BaileysModule;
  /** When the patience with the opening ends, by the pacing's clock. */
  openingEnd: number;
  onOrphanedKeys: OrphanedKeys;
  /** Whether new creds may be made at all. */
  create: boolean;
  logger: AuthStateLogger | undefined;
}

/** The creds that a session goes on with. */
export interface FirstCreds {
  creds: AuthenticationCreds;
  /** False if they are new, and not in the store. */
  stored: boolean;
}

/**
 * The stored creds, or new ones for a session that is proved to have none. Where it has keys all the same, either
 * ORPHANED_KEYS, or the keys go with the commit that brings the creds: what is stored is at any moment of one identity.
 * Without `create`, NO_CREDS in place of new ones.
 */
export async function takeCreds(sessionId: string, deps: FirstCredsDeps): Promise<FirstCreds> {
  const { store, baileys, openingEnd, onOrphanedKeys, create, logger } = deps;
  const { creds, hasKeys } = await store.takeFirst(openingEnd);
  if (creds !== undefined) {
    const found = decode(`session ${sessionId}, creds`, creds);
    checkCreds(sessionId, found);
    return { creds: found as AuthenticationCreds, stored: true };
  }
  if (hasKeys && (onOrphanedKeys === "refuse" || !create)) throw orphanedKeysError(sessionId);
  if (!create) throw noCredsError(sessionId);
  const made = baileys.initAuthCreds();
  if (!hasKeys) return { creds: made, stored: false };
  for (const commit of planCommits(sessionId, encode("creds", made), [{ kind: "clear" }])) {
    await store.commit(commit, openingEnd);
  }
  logger?.warn({ sessionId }, "keys without creds were deleted, and new creds stored");
  return { creds: made, stored: true };
}
