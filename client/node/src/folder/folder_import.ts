import { isDeepStrictEqual } from "node:util";
import { AuthStateError, brokenAnswer, sessionExistsError } from "../errors.js";
import type { CommitRequest } from "../gen/authstate/v1/auth_state_service.js";
import type { Value } from "../gen/authstate/v1/value.js";
import { holdingLease, type LeaseHoldDeps } from "../session/lease_hold.js";
import { LOAD_TIMEOUT_MS, type OnPage, readWhole, type StoredKey } from "../session/session_load.js";
import { saysAbsent } from "../session/session_retry.js";
import { CommitSize, newCommitId, nameOf, planCommits } from "../writes/commit_plan.js";
import type { Folder } from "./folder_reader.js";

/** What a long work on a folder is at: how many files, commits or keys of how many. */
export interface FolderProgress {
  step: "reading" | "writing" | "comparing";
  done: number;
  total: number;
}

/** What an import did. */
export interface ImportedFolder {
  /** How many keys the session has now. */
  keys: number;
  /** In how many commits. One is all or nothing; of several the creds came last. */
  commits: number;
  /** creds.json held JSON text in a JSON string, and is unwrapped. */
  credsUnwrapped: boolean;
  /** Files in which bytes stood as numbers; they are Buffers now. */
  mended: string[];
  /** Entries that are no `.json` files, and were not read. */
  ignored: string[];
}

export interface FolderImportDeps extends LeaseHoldDeps {
  /** Whether a session that exists gives way. */
  replace: boolean;
  onProgress: (progress: FolderProgress) => void;
}

// No key of Baileys.
const MARK = { key: { type: "import", id: "unfinished" }, value: { kind: { $case: "json", value: "true" } } } as const;

/**
 * The commits that bring `folder` into the store. One where it fits; else the keys come first and the creds last: an import
 * that ends early leaves keys without creds, for which no client makes a new identity.
 */
function planImport(sessionId: string, { creds, keys }: Folder, exists: boolean): CommitRequest[] {
  const clear = exists ? [{ kind: "clear" } as const] : [];
  const commits = planCommits(sessionId, undefined, [...clear, { kind: "keys", writes: keys }]);
  const last = commits.at(-1);
  const size = new CommitSize().add(creds);
  for (const { value } of last?.sets ?? []) size.add(value);
  if (last !== undefined && size.fits) last.creds = creds;
  else commits.push(...planCommits(sessionId, creds, []));
  return commits;
}

// Whether the store holds what was imported: the same bytes or, where it keeps JSON in its own way (the old tables do),
// the same meaning.
function isSame(imported: Value | undefined, stored: Value | undefined): boolean {
  const [one, other] = [imported?.kind, stored?.kind];
  if (one?.$case === "raw" && other?.$case === "raw") return Buffer.compare(one.value, other.value) === 0;
  if (one?.$case !== "json" || other?.$case !== "json") return false;
  return one.value === other.value || isDeepStrictEqual(JSON.parse(one.value), JSON.parse(other.value));
}

function checkEqual(
  sessionId: string,
  imported: Folder,
  stored: { creds: Value | undefined; keys: StoredKey[] },
): void {
  if (!isSame(imported.creds, stored.creds)) {
    throw brokenAnswer(`${sessionId}: the store holds other creds than were imported`);
  }
  const left = new Map(imported.keys.map((entry) => [nameOf(entry.key), entry]));
  const differs = ({ key }: StoredKey): never => {
    throw brokenAnswer(`${sessionId}: the store does not hold what was imported: key ${key.type} ${key.id}`);
  };
  for (const entry of stored.keys) {
    const name = nameOf(entry.key);
    if (!isSame(left.get(name)?.value, entry.value)) differs(entry);
    left.delete(name);
  }
  for (const entry of left.values()) differs(entry);
}

// What is thrown when an import ends after some of it may be in the store.
function unfinished(sessionId: string, error: unknown, what: string): AuthStateError {
  const message = `${sessionId}: ${what}: ${error instanceof Error ? error.message : String(error)}`;
  if (error instanceof AuthStateError) return error.with({ message });
  return new AuthStateError(message, { code: "CANCELLED", reason: "IMPORT_UNFINISHED" });
}

/** Puts `folder` in the place of a session, under a lease that is taken for it, and compares what was stored. */
export function storeFolder(sessionId: string, folder: Folder, deps: FolderImportDeps): Promise<ImportedFolder> {
  const { transport, pacing, patienceMs, replace, throwIfUnwanted, onProgress } = deps;
  const attempt = <T>(rpc: string, work: (timeoutMs: number) => Promise<T>): Promise<T> =>
    deps.retry(rpc, pacing.now() + patienceMs, (timeoutMs) => {
      throwIfUnwanted();
      return work(timeoutMs);
    });

  return holdingLease(sessionId, deps, async (fence) => {
    const look = async (timeoutMs: number): Promise<{ exists: boolean; hasCreds: boolean }> => {
      let hasCreds = false;
      await transport.loadSession(sessionId, fence, timeoutMs, ({ creds }) => {
        hasCreds = creds !== undefined;
        return false;
      });
      return { exists: true, hasCreds };
    };
    const { exists, hasCreds } = await attempt("LoadSession", look).catch((error: unknown) => {
      if (saysAbsent(error, "NO_SESSION")) return { exists: false, hasCreds: false };
      throw error;
    });
    if (exists && !replace) throw sessionExistsError(sessionId);

    const commit = (request: CommitRequest): Promise<void> =>
      attempt("Commit", (timeoutMs) => transport.commit({ ...request, fence }, timeoutMs));
    const commits = planImport(sessionId, folder, exists);
    const total = commits.length;
    if (hasCreds && total > 1) {
      // Without any key either, it would look like a new session in between.
      for (const mark of planCommits(sessionId, undefined, [{ kind: "keys", writes: [MARK] }])) await commit(mark);
      const commitId = newCommitId();
      await attempt("DeleteCreds", (timeoutMs) => transport.deleteCreds(sessionId, commitId, fence, timeoutMs));
    }
    let done = 0;
    onProgress({ step: "writing", done, total });
    try {
      for (const request of commits) {
        await commit(request);
        onProgress({ step: "writing", done: ++done, total });
      }
    } catch (error) {
      if (total === 1 || done === total || (done === 0 && !hasCreds)) throw error;
      const what = `${done} of ${total} commits were applied, the session has no creds; import again with replace`;
      throw unfinished(sessionId, error, what);
    }
    const keys = folder.keys.length;
    const load = (onPage: OnPage): Promise<void> => transport.loadSession(sessionId, fence, LOAD_TIMEOUT_MS, onPage);
    const onKeys = (read: number): void => {
      throwIfUnwanted();
      onProgress({ step: "comparing", done: Math.min(read, keys), total: keys });
    };
    try {
      checkEqual(sessionId, folder, await attempt("LoadSession", () => readWhole(load, onKeys)));
    } catch (error) {
      if (error instanceof AuthStateError && error.code === "DATA_LOSS") throw error;
      throw unfinished(sessionId, error, "imported, but not compared");
    }
    const { credsUnwrapped, mended, ignored } = folder;
    return { keys, commits: total, credsUnwrapped, mended, ignored };
  });
}
