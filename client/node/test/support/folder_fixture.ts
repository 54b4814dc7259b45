// A folder as useMultiFileAuthState makes it, for tests of importFolder and exportFolder, beside the servers of
// pool_fixture.ts. Made anew for every test of a file that imports this; that of tests/integration/cli_folder_test.cc is one
// of those here.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "node:test";
import { BufferJSON, initAuthCreds } from "baileys";
import type { AuthStateError } from "../../src/errors.ts";
import { server, SESSION } from "./pool_fixture.ts";

// A place for whatever a test makes, and the folder in it.
export let path: string;
export let folder: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "authstate-folder-"));
  folder = join(path, "auth");
  mkdirSync(folder);
});
afterEach(() => rmSync(path, { recursive: true }));

export const creds = (): string => JSON.stringify({ ...initAuthCreds(), nextPreKeyId: 2 }, BufferJSON.replacer);
export const file = (name: string, text: string): void => writeFileSync(join(folder, name), text);
export const filesOf = (directory: string): Record<string, string> =>
  Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")]));

export function makeFolder(): void {
  file("creds.json", creds());
  file("pre-key-1.json", '{"public":{"type":"Buffer","data":"AA=="}}');
  file("session-5511_1.0.json", '{"_sessions":{},"version":"v1"}');
  file("sender-key-120@g.us--5511_1--0.json", '{"type":"Buffer","data":"eA=="}');
  file("app-state-sync-key-AA__A+K____6w==.json", '{"keyData":"x"}');
  file("lid-mapping-5511.json", '"123"');
  file("tctoken-__index.json", '{"token":{"type":"Buffer","data":""}}');
}

// Five values that need two commits.
export function makeLargeFolder(): void {
  file("creds.json", creds());
  for (let id = 1; id <= 5; id++) file(`session-${id}.0.json`, JSON.stringify("x".repeat(7 << 20)));
}

export const failure = async (work: Promise<unknown>): Promise<AuthStateError> => {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof Error, "it did not fail");
  return error as AuthStateError;
};
export const untouched = (): void => {
  const { exists, fence, owner } = server.session(SESSION);
  assert.deepEqual([exists, fence, owner], [false, 0n, ""]);
};
export const jsonOf = (name: string): unknown => {
  const kind = server.session(SESSION).keys.get(name)?.value.kind;
  return kind?.$case === "json" ? kind.value : kind?.value.toString();
};
