import { refusal } from "../errors.js";
import type { Pacing } from "../rpc/pacing.js";
import type { Transport } from "../rpc/transport.js";
import { LOAD_TIMEOUT_MS, type OnPage, readWhole } from "../session/session_load.js";
import type { SessionRetry } from "../session/session_retry.js";
import type { FolderProgress } from "./folder_import.js";
import { isNull, unwrapCreds } from "./file_values.js";
import { checkTarget, writeFolder } from "./folder_writer.js";

const NO_FENCE = 0n;

export interface FolderExportDeps {
  transport: Transport;
  retry: SessionRetry;
  pacing: Pacing;
  patienceMs: number;
  /** Throws to give up; called again and again. */
  throwIfUnwanted(): void;
  onProgress: (progress: FolderProgress) => void;
}

/** What an export wrote. */
export interface ExportedFolder {
  /** How many keys, a file each. */
  keys: number;
  /** How many keys were left out, for their value is null, which Baileys takes for absent. */
  nullKeys: number;
  /** The creds are JSON text in a JSON string, with which Baileys cannot work; `importFolder` unwraps them. */
  credsEncodedTwice: boolean;
}

/** Writes a session, as it is in one snapshot, to a folder. Asks for no lease. */
export async function exportSession(
  sessionId: string,
  directory: string,
  deps: FolderExportDeps,
): Promise<ExportedFolder> {
  const { transport, retry, pacing, patienceMs, throwIfUnwanted, onProgress } = deps;
  const target = await checkTarget(directory);
  const load = (onPage: OnPage): Promise<void> => transport.loadSession(sessionId, NO_FENCE, LOAD_TIMEOUT_MS, onPage);
  const read = (): ReturnType<typeof readWhole> =>
    readWhole(load, (done) => {
      onProgress({ step: "reading", done, total: done });
      throwIfUnwanted();
    });
  const { creds, keys } = await retry("LoadSession", pacing.now() + patienceMs, read);
  const credsEncodedTwice = creds !== undefined && unwrapCreds(creds) !== undefined;
  const isObject = creds?.kind?.$case === "json" && creds.kind.value.startsWith("{");
  if (creds === undefined || !(isObject || credsEncodedTwice)) {
    const what = creds === undefined ? "has no creds" : "has creds that are no JSON object";
    throw refusal("NO_CREDS", `session ${sessionId} ${what}, and Baileys would make new ones in such a folder`);
  }
  const kept = keys.filter(({ value }) => !isNull(value));
  await writeFolder(target, creds, kept, (done, total) => {
    onProgress({ step: "writing", done, total });
    throwIfUnwanted();
  });
  return { keys: kept.length, nullKeys: keys.length - kept.length, credsEncodedTwice };
}
