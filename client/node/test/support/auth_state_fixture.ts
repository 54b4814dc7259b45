// What tests of an auth state have in common: a server that fails as it is told, a clock that stands still, and auth states
// without a lease that are closed afterwards. Made anew for every test of a file that imports this.
import assert from "node:assert/strict";
import { afterEach, beforeEach } from "node:test";
import { status } from "@grpc/grpc-js";
import type * as baileys from "baileys";
import type { AuthState } from "../../src/auth_state.ts";
import { decodeValue } from "../../src/codec/value_codec.ts";
import { AuthStateError } from "../../src/errors.ts";
import type { CommitRequest } from "../../src/gen/authstate/v1/auth_state_service.ts";
import { Pool } from "../../src/pool.ts";
import type { Failure } from "./failure.ts";
import { FakePacing } from "./fake_pacing.ts";
import { ScriptedServer } from "./scripted_server.ts";

export const SESSION = "5511999990001";
export const PATIENCE_MS = 60_000;
export const DATABASE_AWAY: Failure = { code: status.UNAVAILABLE, reason: "DATABASE_UNAVAILABLE" };

export let server: ScriptedServer;
export let pacing: FakePacing;
let pool: Pool;

export function open(patienceMs = PATIENCE_MS): Promise<AuthState> {
  return pool.useAuthState(SESSION, { lease: false, patienceMs });
}

beforeEach(async () => {
  server = new ScriptedServer();
  await server.start();
  pacing = new FakePacing();
  pool = new Pool({ address: server.address }, pacing);
});

afterEach(async () => {
  await Promise.allSettled([pool.close()]);
  server.stop();
});

export const key = (value: number) => ({ public: Buffer.alloc(32, value), private: Buffer.alloc(32, value) });
export const setsOf = ({ sets }: CommitRequest): string[] => sets.map((entry) => `${entry.key?.type}/${entry.key?.id}`);
export const deletesOf = ({ deletes }: CommitRequest): string[] => deletes.map(({ type, id }) => `${type}/${id}`);
export const storedCreds = (): baileys.AuthenticationCreds =>
  decodeValue(server.session(SESSION).creds) as baileys.AuthenticationCreds;
export const failure = (fields: Partial<AuthStateError>) => (error: unknown) => {
  assert.ok(error instanceof AuthStateError, String(error));
  for (const [name, value] of Object.entries(fields)) assert.equal(error[name as keyof AuthStateError], value, name);
  return true;
};
