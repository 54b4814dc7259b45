import { isDeepStrictEqual } from "node:util";
import { AuthStateError, brokenAnswer, sessionExistsError } from "../errors.js";
import type { CommitRequest } from "../gen/authstate/v1/auth_state_service.js";
import type { Value } from "../gen/authstate/v1/value.js";
import { holdingLease, type LeaseHoldDeps } from "../session/lease_hold.js";
import { LOAD_TIMEOUT_MS, type OnPage, readWhole, type StoredKey } from "../session/session_load.js";
import { saysAbsent } from "../session/session_retry.js";
import { newCommitId, nameOf, planCommits } from "../writes/commit_plan.js";
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
  /** In how many commits. One is all or nothing; of several the creds came last. 0: the session held all of it already. */
  commits: number;
  /** creds.json held JSON text in a JSON string, and is unwrapped. */
  credsUnwrapped: boolean;
  /** Files in which bytes stood as numbers; they are Buffers now. */
  mended: string[];
  /** Files that were missing, in whose place their `.bak` was read. */
  fromBackup: string[];
  /** Entries that are no `.json` files, and were not read. */
  ignored: string[];
}

export interface FolderImportDeps extends LeaseHoldDeps {
  /** Whether a session that exists gives way. */
  replace: boolean;
  onProgress: (progress: FolderProgress) => void;
}

// Stands in a session while an import of several commits is under way, and says of what. No key of Baileys; the mark of
// authstatectl is the same (client/cli/import_plan.h), so that each finishes what the other began.
const markOf = (directory: string): StoredKey => ({
  key: { type: "import", id: "unfinished" },
  value: { kind: { $case: "json", value: JSON.stringify(`folder ${directory}`) } },
});

/**
 * The commits that bring `folder` into the store. One where it fits; else the keys come first, with the mark, and the creds
 * last: an import that ends early leaves keys without creds, for which no client makes a new identity.
 */
function planImport(sessionId: string, { creds, keys }: Folder, mark: StoredKey, exists: boolean): CommitRequest[] {
  const clear = exists ? [{ kind: "clear" } as const] : [];
  const [whole, ...more] = planCommits(sessionId, creds, [...clear, { kind: "keys", writes: keys }]);
  if (whole !== undefined && more.length === 0) return [whole];
  const commits = planCommits(sessionId, undefined, [...clear, { kind: "keys", writes: [mark, ...keys] }]);
  const [last] = planCommits(sessionId, creds, [{ kind: "keys", writes: [{ key: mark.key, value: undefined }] }]);
  return last === undefined ? commits : [...commits, last];
}

// Whether the store holds what was imported: the same bytes or, where it keeps JSON in its own way (the old tables do),
// the same meaning.
function isSame(imported: Value | undefined, stored: Value | undefined): boolean {
  const [one, other] = [imported?.kind, stored?.kind];
  if (one?.$case === "raw" && other?.$case === "raw") return Buffer.compare(one.value, other.value) === 0;
  if (one?.$case !== "json" || other?.$case !== "json") return false;
  return one.value === other.value || isDeepStrictEqual(JSON.parse(one.value), JSON.parse(other.value));
}

// What the store holds otherwise than `imported`, if anything.
function differenceOf(
  imported: Folder,
  stored: { creds: Value | undefined; keys: readonly StoredKey[] },
): string | undefined {
  if (!isSame(imported.creds, stored.creds)) return "the creds";
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

// What is thrown when an import ends after some of it may be in the store.
function unfinished(sessionId: string, error: unknown, what: string): AuthStateError {
  const message = `${sessionId}: ${what}: ${error instanceof Error ? error.message : String(error)}`;
  if (error instanceof AuthStateError) return error.with({ message });
  return new AuthStateError(message, { code: "CANCELLED", reason: "IMPORT_UNFINISHED" });
}

/** Puts `folder`, which was read from `directory`, into a session, under a lease that is taken for it, and compares. */
export function storeFolder(
  sessionId: string,
  directory: string,
  folder: Folder,
  deps: FolderImportDeps,
): Promise<ImportedFolder> {
  return holdingLease(sessionId, deps, (fence) =>
    new FolderImport(sessionId, folder, markOf(directory), fence, deps).run(),
  );
}

class FolderImport {
  constructor(
    private readonly sessionId: string,
    private readonly folder: Folder,
    private readonly mark: StoredKey,
    private readonly fence: bigint,
    private readonly deps: FolderImportDeps,
  ) {}

  async run(): Promise<ImportedFolder> {
    const { credsUnwrapped, mended, fromBackup, ignored } = this.folder;
    const { exists, hasCreds } = await this.#look();
    const isThere = exists && !this.deps.replace && (await this.#isThere());
    const commits = isThere ? [] : planImport(this.sessionId, this.folder, this.mark, exists);
    await this.#write(commits, hasCreds);
    if (!isThere) await this.#compare();
    return { keys: this.folder.keys.length, commits: commits.length, credsUnwrapped, mended, fromBackup, ignored };
  }

  #attempt<T>(rpc: string, work: (timeoutMs: number) => Promise<T>): Promise<T> {
    const { retry, pacing, patienceMs, throwIfUnwanted } = this.deps;
    return retry(rpc, pacing.now() + patienceMs, (timeoutMs) => {
      throwIfUnwanted();
      return work(timeoutMs);
    });
  }

  async #look(): Promise<{ exists: boolean; hasCreds: boolean }> {
    const { sessionId, fence, deps } = this;
    let hasCreds = false;
    const look = (timeoutMs: number): Promise<void> =>
      deps.transport.loadSession(sessionId, fence, timeoutMs, ({ creds }) => {
        hasCreds = creds !== undefined;
        return false;
      });
    try {
      await this.#attempt("LoadSession", look);
      return { exists: true, hasCreds };
    } catch (error) {
      if (!saysAbsent(error, "NO_SESSION")) throw error;
      return { exists: false, hasCreds: false };
    }
  }

  // Whether a session that is not to be replaced holds all of the folder, and nothing else; not where this import ended
  // early. Throws where it holds something else.
  async #isThere(): Promise<boolean> {
    const stored = await this.#read();
    const mark = stored.keys.find(({ key }) => nameOf(key) === nameOf(this.mark.key));
    if (isSame(mark?.value, this.mark.value)) return false;
    if (differenceOf(this.folder, stored) !== undefined) throw sessionExistsError(this.sessionId);
    return true;
  }

  async #write(commits: readonly CommitRequest[], hasCreds: boolean): Promise<void> {
    const { sessionId, fence, deps } = this;
    const commit = (request: CommitRequest): Promise<void> =>
      this.#attempt("Commit", (timeoutMs) => deps.transport.commit({ ...request, fence }, timeoutMs));
    const total = commits.length;
    if (hasCreds && total > 1) {
      // Without any key either, it would look like a new session in between.
      for (const request of planCommits(sessionId, undefined, [{ kind: "keys", writes: [this.mark] }])) {
        await commit(request);
      }
      const commitId = newCommitId();
      await this.#attempt("DeleteCreds", (timeoutMs) =>
        deps.transport.deleteCreds(sessionId, commitId, fence, timeoutMs),
      );
    }
    let done = 0;
    try {
      for (const request of commits) {
        deps.onProgress({ step: "writing", done, total });
        await commit(request);
        done++;
      }
    } catch (error) {
      if (total === 1 || (done === 0 && !hasCreds)) throw error;
      const what = `${done} of ${total} commits were applied, the session has no creds; import again to finish it`;
      throw unfinished(sessionId, error, what);
    }
    deps.onProgress({ step: "writing", done, total });
  }

  async #compare(): Promise<void> {
    let difference: string | undefined;
    try {
      difference = differenceOf(this.folder, await this.#read());
    } catch (error) {
      throw unfinished(this.sessionId, error, "imported, but not compared");
    }
    if (difference === undefined) return;
    throw brokenAnswer(`${this.sessionId}: the store does not hold what was imported: ${difference}`);
  }

  #read(): ReturnType<typeof readWhole> {
    const { sessionId, fence, deps } = this;
    const total = this.folder.keys.length;
    const load = (onPage: OnPage): Promise<void> =>
      deps.transport.loadSession(sessionId, fence, LOAD_TIMEOUT_MS, onPage);
    const onKeys = (read: number): void => {
      deps.throwIfUnwanted();
      deps.onProgress({ step: "comparing", done: Math.min(read, total), total });
    };
    return this.#attempt("LoadSession", () => readWhole(load, onKeys));
  }
}
