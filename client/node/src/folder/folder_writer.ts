// Writes a folder that Baileys' useMultiFileAuthState opens, all or nothing.
import { mkdtemp, open, readdir, realpath, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { canonicalTag } from "../codec/buffer_tag.js";
import { refusal } from "../errors.js";
import type { Key, Value } from "../gen/authstate/v1/value.js";
import type { StoredKey } from "../session/session_load.js";
import { CREDS_FILE, toFileName } from "./file_name.js";

// How many files are made durable at a time, which a disk does for several as quickly as for one.
const FILES_AT_ONCE = 16;

type NamedFile = readonly [name: string, value: Value];

function textOf({ kind }: Value): string {
  return kind?.$case === "raw" ? canonicalTag(kind.value) : (kind?.value ?? "");
}

const shown = ({ type, id }: Key): string => `${type} ${id}`;

// Two keys may have one name where `/` and `:` were in one of them; and in many folders of macOS and Windows, where one
// has the capitals of the other's small letters.
function nameFiles(creds: Value, keys: readonly StoredKey[]): NamedFile[] {
  const files: NamedFile[] = [[CREDS_FILE, creds]];
  const names = new Map<string, Key>();
  for (const { key, value } of keys) {
    const name = toFileName(key);
    const other = names.get(name);
    if (other !== undefined) {
      throw refusal("FOLDER_PROBLEMS", `the keys ${shown(other)} and ${shown(key)} would share the file ${name}`);
    }
    names.set(name, key);
    files.push([name, value]);
  }
  return files;
}

async function writeNewFile(directory: string, [name, value]: NamedFile): Promise<void> {
  try {
    const file = await open(join(directory, name), "wx", 0o600);
    try {
      await file.writeFile(textOf(value));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    throw refusal("FOLDER_PROBLEMS", `the file ${name} cannot be written (${code}); nothing was exported`);
  }
}

async function syncFolder(directory: string): Promise<void> {
  // Windows opens no folder as a file.
  if (process.platform === "win32") return;
  const folder = await open(directory);
  await folder.sync().finally(() => folder.close());
}

/** Throws unless `target` is absent or an empty folder; the path to write to, through links. */
export async function checkTarget(target: string): Promise<string> {
  const path = resolve(target);
  try {
    if ((await readdir(path)).length === 0) return await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return join(await realpath(dirname(path)), basename(path));
    throw error;
  }
  throw refusal("FOLDER_NOT_EMPTY", `${target} is not empty; export to a folder that is absent or empty`);
}

/**
 * Writes the files into a hidden folder beside `target`, then puts that in its place in one step. `target` is what
 * checkTarget returned. Folder 0700, files 0600; durable when it resolves. `onFile` is told of each; what it throws ends it,
 * with nothing left behind.
 */
export async function writeFolder(
  target: string,
  creds: Value,
  keys: readonly StoredKey[],
  onFile: (done: number, total: number) => void,
): Promise<void> {
  const files = nameFiles(creds, keys);
  const staging = await mkdtemp(join(dirname(target), `.${basename(target)}.`));
  try {
    for (let done = 0; done < files.length; done += FILES_AT_ONCE) {
      onFile(done, files.length);
      const writes = files.slice(done, done + FILES_AT_ONCE).map((file) => writeNewFile(staging, file));
      // All have ended before the folder may be removed.
      for (const result of await Promise.allSettled(writes)) if (result.status === "rejected") throw result.reason;
    }
    onFile(files.length, files.length);
    await syncFolder(staging);
    // Windows puts no folder in the place of an empty one.
    await rmdir(target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    await rename(staging, target);
    await syncFolder(dirname(target));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
