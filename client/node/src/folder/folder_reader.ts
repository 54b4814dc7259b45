// Reads a folder of useMultiFileAuthState: a whole one, or nothing.
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type AuthStateError, refusal } from "../errors.js";
import type { Value } from "../gen/authstate/v1/value.js";
import { checkKeyId, checkKeyType } from "../names.js";
import type { StoredKey } from "../session/session_load.js";
import { CREDS_FILE, type FileNameRules, fromFileName } from "./file_name.js";
import { Problem, problemOf, readCreds, readValue, withBuffers } from "./file_values.js";

/** What of a folder is read, and how. */
export interface FolderRules extends FileNameRules {
  /** Leaves creds.json unread. */
  keysOnly: boolean;
  /** Leaves out keys that cannot be read, and names them; creds never are left out so. */
  skipTorn: boolean;
}

/** A file that is left out, and why. */
export interface LeftOutFile {
  file: string;
  reason: string;
}

/** What a folder holds. Values are canonical and within the limits of the contract. */
export interface Folder {
  /** Unset if only the keys were asked for. */
  creds: Value | undefined;
  keys: StoredKey[];
  /** creds.json held JSON text within a JSON string. */
  credsUnwrapped: boolean;
  /** Files whose byte fields were written as something else than Buffers, and are Buffers here. */
  mended: string[];
  /** Files that were missing or torn, in whose place their `.bak` was read. */
  fromBackup: string[];
  /** Entries that are not `*.json`, which useMultiFileAuthState never reads. */
  ignored: string[];
  /** Files of keys that could not be read. */
  leftOut: LeftOutFile[];
  /** When the youngest file was written, in milliseconds of the epoch. */
  writtenAt: number;
}

interface Entry {
  // What changes when a file is written or replaced; empty of one that vanished, or cannot be looked at.
  version: string;
  writtenAt: number;
  isFile: boolean;
  isLink: boolean;
}

type Listing = ReadonlyMap<string, Entry>;

async function listFolder(directory: string): Promise<Listing> {
  const listing = new Map<string, Entry>();
  for (const name of (await readdir(directory)).sort()) {
    const facts = await lstat(join(directory, name), { bigint: true }).catch(() => undefined);
    listing.set(name, {
      version: facts === undefined ? "" : `${facts.ino} ${facts.size} ${facts.mtimeNs}`,
      writtenAt: Number(facts?.mtimeMs ?? 0),
      isFile: facts?.isFile() === true,
      isLink: facts?.isSymbolicLink() === true,
    });
  }
  return listing;
}

// Types of which an older value would use message keys again that its owner has used, which peers reject.
const RATCHETS = new Set(["session", "sender-key"]);

const backupOf = (file: string): string => `${file}.bak`;

// Reads one folder, file by file, and gathers what stands in the way.
class Reading {
  readonly problems = new Map<string, string>();
  readonly folder: Folder = {
    ...{ creds: undefined, keys: [], credsUnwrapped: false, mended: [], fromBackup: [], ignored: [], leftOut: [] },
    writtenAt: 0,
  };

  constructor(
    private readonly directory: string,
    private readonly rules: FolderRules,
    private readonly listing: Listing,
  ) {}

  async take(file: string, { writtenAt }: Entry): Promise<void> {
    const { folder } = this;
    folder.writtenAt = Math.max(folder.writtenAt, writtenAt);
    // Programs that put a new file in the place of the old one keep that as `.bak`. Of creds it may be older than the keys.
    const stem = file.slice(0, -".bak".length);
    const name = file.endsWith(".json.bak") && !this.listing.has(stem) ? stem : file;
    try {
      if (!name.endsWith(".json") || (name === CREDS_FILE && name !== file)) folder.ignored.push(file);
      else if (name !== CREDS_FILE) await this.#takeKey(name, file);
      else if (!this.rules.keysOnly) await this.#takeCreds();
    } catch (error) {
      this.problems.set(file, problemOf(error));
    }
  }

  // To be called once, after the last file.
  async finish(): Promise<Folder> {
    const { directory, folder, problems, rules } = this;
    if (folder.creds === undefined && !rules.keysOnly) {
      const backup = join(directory, backupOf(CREDS_FILE));
      const isWhole = await readCreds(backup).then(
        () => true,
        () => false,
      );
      const advice = `; a whole ${CREDS_FILE}.bak stands beside it: if it is not older than the keys, put it in its place`;
      problems.set(CREDS_FILE, (problems.get(CREDS_FILE) ?? "is missing") + (isWhole ? advice : ""));
    }
    const after = await listFolder(directory);
    for (const file of new Set([...this.listing.keys(), ...after.keys()])) {
      const version = this.listing.get(file)?.version;
      if (version === after.get(file)?.version && version !== "") continue;
      problems.set(file, "was written while the folder was read: stop the program that uses it");
    }
    if (problems.size > 0) throw folderProblems(directory, problems);
    if (folder.creds === undefined && folder.keys.length === 0) {
      throw refusal("FOLDER_PROBLEMS", `${directory}: there is nothing to import`);
    }
    return folder;
  }

  async #takeCreds(): Promise<void> {
    this.#refuseOthers(CREDS_FILE);
    const { creds, credsUnwrapped, mended } = await readCreds(join(this.directory, CREDS_FILE));
    Object.assign(this.folder, { creds, credsUnwrapped });
    this.folder.mended.unshift(...mended);
  }

  // The key that `name` names, out of `file`.
  async #takeKey(name: string, file: string): Promise<void> {
    const key = fromFileName(name, this.rules);
    if (typeof key === "string") throw new Problem(key);
    checkKeyType("its key type", key.type);
    checkKeyId("its key id", key.id);
    const value = await this.#valueOf(key.type, name, file);
    if (value !== undefined) this.folder.keys.push({ key, value });
  }

  // Undefined of a value that is left out.
  async #valueOf(type: string, name: string, file: string): Promise<Value | undefined> {
    const { fromBackup, leftOut } = this.folder;
    try {
      const value = await this.#read(type, file);
      if (name !== file) fromBackup.push(name);
      return value;
    } catch (error) {
      if (!this.rules.skipTorn) throw error;
      const reason = problemOf(error);
      const mayBeOlder = name === file && !RATCHETS.has(type);
      const value = mayBeOlder ? await this.#read(type, backupOf(file)).catch(() => undefined) : undefined;
      if (value === undefined) leftOut.push({ file, reason });
      else fromBackup.push(name);
      return value;
    }
  }

  async #read(type: string, file: string): Promise<Value> {
    this.#refuseOthers(file);
    const value = await readValue(join(this.directory, file));
    return withBuffers(type, value, () => this.folder.mended.push(file));
  }

  #refuseOthers(file: string): void {
    const entry = this.listing.get(file);
    if (entry?.isLink) throw new Problem("is a symbolic link, which is not followed: put the file itself there");
    if (!entry?.isFile) throw new Problem("is not a regular file");
  }
}

/**
 * Reads a whole folder, or nothing: every file that is torn, empty, malformed, too large, of an unknown name or written
 * meanwhile is in the one error, and so are creds with which Baileys cannot work. `onFile` is told of each entry; what it
 * throws ends the reading.
 *
 * @throws AuthStateError (FOLDER_PROBLEMS), or what Node says of a folder that cannot be read
 */
export async function readFolder(
  directory: string,
  rules: FolderRules,
  onFile: (done: number, total: number) => void,
): Promise<Folder> {
  const listing = await listFolder(directory);
  const reading = new Reading(directory, rules, listing);
  let done = 0;
  for (const [file, entry] of listing) {
    await reading.take(file, entry);
    onFile(++done, listing.size);
  }
  return reading.finish();
}

function folderProblems(directory: string, problems: ReadonlyMap<string, string>): AuthStateError {
  const what = problems.size === 1 ? "1 file stands" : `${problems.size} files stand`;
  const list = [...problems].map(([file, why]) => `\n${file}: ${why}`).join("");
  return refusal("FOLDER_PROBLEMS", `${directory}: ${what} in the way; nothing was changed${list}`);
}
