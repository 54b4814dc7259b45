// Reads a folder of useMultiFileAuthState: a whole one, or nothing.
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { credsFault } from "../baileys/creds_check.js";
import { CodecError } from "../codec/buffer_tag.js";
import { parseBufferJson } from "../codec/canonical_text.js";
import { decodeValue, encodeValue } from "../codec/value_codec.js";
import { AuthStateError, refusal } from "../errors.js";
import type { Value } from "../gen/authstate/v1/value.js";
import { checkKeyId, checkKeyType, checkValue } from "../names.js";
import type { StoredKey } from "../session/session_load.js";
import { mendByteFields } from "./byte_fields.js";
import { CREDS_FILE, type FileNameRules, fromFileName } from "./file_name.js";

/** What a folder holds. Values are canonical and within the limits of the contract. */
export interface Folder {
  creds: Value;
  keys: StoredKey[];
  /** creds.json held JSON text within a JSON string. */
  credsUnwrapped: boolean;
  /** Files whose byte fields were written as something else than Buffers, and are Buffers here. */
  mended: string[];
  /** Files that were missing, in whose place their `.bak` was read. */
  fromBackup: string[];
  /** Entries that are not `*.json`, which useMultiFileAuthState never reads. */
  ignored: string[];
}

// Why a file cannot be taken; the file's name is the catcher's to add.
class Problem extends Error {}

interface Entry {
  // What changes when a file is written or replaced; empty of one that vanished, or cannot be looked at.
  version: string;
  isFile: boolean;
  isLink: boolean;
}

async function listFolder(directory: string): Promise<Map<string, Entry>> {
  const listing = new Map<string, Entry>();
  for (const name of (await readdir(directory)).sort()) {
    const facts = await lstat(join(directory, name), { bigint: true }).catch(() => undefined);
    listing.set(name, {
      version: facts === undefined ? "" : `${facts.ino} ${facts.size} ${facts.mtimeNs}`,
      isFile: facts?.isFile() === true,
      isLink: facts?.isSymbolicLink() === true,
    });
  }
  return listing;
}

export function isNull(value: Value): boolean {
  return value.kind?.$case === "json" && value.kind.value === "null";
}

async function readValue(path: string): Promise<Value> {
  const text = await readFile(path);
  if (text.length === 0) throw new Problem("is empty");
  const value = parseBufferJson(text);
  checkValue("its value", value);
  // useMultiFileAuthState deletes the file instead.
  if (isNull(value)) throw new Problem("holds null");
  return value;
}

// `value` with its byte fields as Buffers; `onMended` is told where that is another one.
function withBuffers(type: string | undefined, value: Value, onMended: () => void): Value {
  const mended = mendByteFields(type, () => decodeValue(value));
  const result = mended === undefined ? value : encodeValue(mended);
  const { kind } = result;
  // A sender key is bytes that hold JSON text. Older stores kept that text itself, on which Baileys 7 throws.
  const isBare = type === "sender-key" && kind?.$case === "json" && kind.value.startsWith("[{");
  if (isBare || mended !== undefined) onMended();
  return isBare ? { kind: { $case: "raw", value: Buffer.from(kind.value) } } : result;
}

/** The creds in a JSON string that holds their text, as a store leaves it that calls JSON.stringify twice. */
export function unwrapCreds(value: Value): Value | undefined {
  if (value.kind?.$case !== "json" || !value.kind.value.startsWith('"')) return undefined;
  try {
    return parseBufferJson(JSON.parse(value.kind.value) as string);
  } catch {
    return undefined;
  }
}

// The creds in `path`, with what had to be done to them.
async function readCreds(path: string): Promise<Pick<Folder, "creds" | "credsUnwrapped" | "mended">> {
  const stored = await readValue(path);
  const unwrapped = unwrapCreds(stored);
  const mended: string[] = [];
  const creds = withBuffers(undefined, unwrapped ?? stored, () => mended.push(CREDS_FILE));
  if (creds.kind?.$case !== "json" || !creds.kind.value.startsWith("{"))
    throw new Problem("creds must be a JSON object");
  const fault = credsFault(decodeValue(creds));
  if (fault !== undefined) throw new Problem(`${fault.path} ${fault.why}: Baileys cannot work with these creds`);
  return { creds, credsUnwrapped: unwrapped !== undefined, mended };
}

// The key that `name` names, out of `file`.
async function readKey(
  directory: string,
  { name, file }: { name: string; file: string },
  rules: FileNameRules,
  mended: string[],
): Promise<StoredKey> {
  const key = fromFileName(name, rules);
  if (typeof key === "string") throw new Problem(key);
  checkKeyType("its key type", key.type);
  checkKeyId("its key id", key.id);
  const value = await readValue(join(directory, file));
  return { key, value: withBuffers(key.type, value, () => mended.push(file)) };
}

// What is wrong with a file, in words; another failure is thrown on.
function problemOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof Problem || error instanceof CodecError || error instanceof AuthStateError) return message;
  if (error instanceof Error && code !== undefined) return `cannot be read (${code})`;
  throw error;
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
  rules: FileNameRules,
  onFile: (done: number, total: number) => void,
): Promise<Folder> {
  const before = await listFolder(directory);
  const problems = new Map<string, string>();
  const ignored: string[] = [];
  const fromBackup: string[] = [];
  const keys: StoredKey[] = [];
  const mended: string[] = [];
  let creds: Awaited<ReturnType<typeof readCreds>> | undefined;
  let done = 0;
  for (const [file, { isFile, isLink }] of before) {
    try {
      // Programs that put a new file in the place of the old one keep that as `.bak`. Of creds it may be older than the keys.
      const name = file.endsWith(".json.bak") && !before.has(file.slice(0, -4)) ? file.slice(0, -4) : file;
      if (!name.endsWith(".json") || (name === CREDS_FILE && name !== file)) ignored.push(file);
      else if (isLink) throw new Problem("is a symbolic link, which is not followed: put the file itself there");
      else if (!isFile) throw new Problem("is not a regular file");
      else if (file === CREDS_FILE) creds = await readCreds(join(directory, file));
      else {
        keys.push(await readKey(directory, { name, file }, rules, mended));
        if (name !== file) fromBackup.push(name);
      }
    } catch (error) {
      problems.set(file, problemOf(error));
    }
    onFile(++done, before.size);
  }
  if (creds === undefined) {
    const backup = `${CREDS_FILE}.bak`;
    const isWhole =
      before.has(backup) && (await readCreds(join(directory, backup)).catch(() => undefined)) !== undefined;
    const advice = `; a whole ${backup} stands beside it: if it is not older than the keys, put it in its place`;
    problems.set(CREDS_FILE, (problems.get(CREDS_FILE) ?? "is missing") + (isWhole ? advice : ""));
  }
  const after = await listFolder(directory);
  for (const file of new Set([...before.keys(), ...after.keys()])) {
    if (before.get(file)?.version === after.get(file)?.version && before.get(file)?.version !== "") continue;
    problems.set(file, "was written while the folder was read: stop the program that uses it");
  }
  if (creds === undefined || problems.size > 0) throw folderProblems(directory, problems);
  return { ...creds, keys, ignored, fromBackup, mended: [...creds.mended, ...mended] };
}

function folderProblems(directory: string, problems: ReadonlyMap<string, string>): AuthStateError {
  const what = problems.size === 1 ? "1 file stands" : `${problems.size} files stand`;
  const list = [...problems].map(([file, why]) => `\n${file}: ${why}`).join("");
  return refusal("FOLDER_PROBLEMS", `${directory}: ${what} in the way; nothing was changed${list}`);
}
