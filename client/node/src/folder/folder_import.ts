import { AuthStateError, brokenAnswer, sessionExistsError } from "../errors.js";
import type { CommitRequest } from "../gen/authstate/v1/auth_state_service.js";
import { type AuthStateLogger, notify } from "../logger.js";
import { holdingLease, type LeaseHoldDeps } from "../session/lease_hold.js";
import { LOAD_TIMEOUT_MS, type OnPage, readWhole, type StoredKey } from "../session/session_load.js";
import { saysAbsent } from "../session/session_retry.js";
import { newCommitId, nameOf, planCommits } from "../writes/commit_plan.js";
import type { Folder, LeftOutFile } from "./folder_reader.js";
import { differenceOf, isSame, markOf, planImport } from "./import_plan.js";

const NO_FENCE = 0n;
// A folder that was written so lately may be in use.
const YOUNG_MS = 60_000;

/** What a long work on a folder is at: how many files, commits or keys of how many. */
export interface FolderProgress {
  step: "reading" | "writing" | "comparing";
  done: number;
  total: number;
}

/** What an import did or, with `dryRun`, would do. */
export interface ImportedFolder {
  /** How many keys the session has now. */
  keys: number;
  /** In how many commits. One is all or nothing; of several the creds came last. 0: the session held all of it already. */
  commits: number;
  /** creds.json held JSON text in a JSON string, and is unwrapped. */
  credsUnwrapped: boolean;
  /** Files in which bytes stood as numbers; they are Buffers now. */
  mended: string[];
  /** Files that were missing (or, with `skipTorn`, torn), in whose place their `.bak` was read. */
  fromBackup: string[];
  /** Entries that are no `.json` files, and were not read. */
  ignored: string[];
  /** Files of keys that could not be read, with `skipTorn`, and why. */
  leftOut: LeftOutFile[];
}

export interface FolderImportDeps extends Pick<
  LeaseHoldDeps,
  "transport" | "retry" | "pacing" | "patienceMs" | "throwIfUnwanted"
> {
  /** Whether a session that exists gives way. */
  replace: boolean;
  onProgress: (progress: FolderProgress) => void;
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
  deps: FolderImportDeps & LeaseHoldDeps,
): Promise<ImportedFolder> {
  return holdingLease(sessionId, deps, (fence) =>
    new FolderImport(sessionId, folder, markOf(directory), fence, deps).run(),
  );
}

/** What `storeFolder` would do, or the error with which it would refuse. Writes nothing, and asks for no lease. */
export function previewImport(
  sessionId: string,
  directory: string,
  folder: Folder,
  deps: FolderImportDeps,
): Promise<ImportedFolder> {
  return new FolderImport(sessionId, folder, markOf(directory), NO_FENCE, deps).preview();
}

/** Warns of a folder that a program may still use: what that writes from now on would be missing. */
export function warnOfUse(logger: AuthStateLogger | undefined, directory: string, { writtenAt }: Folder): void {
  const ageMs = Date.now() - writtenAt;
  if (ageMs > YOUNG_MS) return;
  const when = `${directory} was written ${Math.max(0, Math.trunc(ageMs / 1_000))} s ago`;
  const advice = "if a program still uses it, stop that and import again, as what it writes from now on is missing";
  notify(logger, { directory, ageMs }, `${when}: ${advice}`);
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
    const { commits, hasCreds } = await this.#prepare();
    if (commits !== undefined) {
      await this.#write(commits, hasCreds);
      await this.#compare();
    }
    return this.#outcome(commits);
  }

  async preview(): Promise<ImportedFolder> {
    return this.#outcome((await this.#prepare()).commits);
  }

  // The commits to write; undefined where the session holds all of it already.
  async #prepare(): Promise<{ commits: CommitRequest[] | undefined; hasCreds: boolean }> {
    const { exists, hasCreds } = await this.#look();
    const isThere = exists && !this.deps.replace && (await this.#isThere());
    return { commits: isThere ? undefined : planImport(this.sessionId, this.folder, this.mark, exists), hasCreds };
  }

  #outcome(commits: readonly CommitRequest[] | undefined): ImportedFolder {
    const { keys, credsUnwrapped, mended, fromBackup, ignored, leftOut } = this.folder;
    const counts = { keys: keys.length, commits: commits?.length ?? 0 };
    return { ...counts, credsUnwrapped, mended, fromBackup, ignored, leftOut };
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
    const bringsCreds = this.folder.creds !== undefined;
    const takesCreds = hasCreds && bringsCreds && total > 1;
    if (takesCreds) {
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
      if (total === 1 || (done === 0 && !takesCreds)) throw error;
      const missing = bringsCreds ? ", the session has no creds" : "";
      const what = `${done} of ${total} commits were applied${missing}; import again to finish it`;
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
