// What tests of an auth state have in common: a server that fails as it is told, a clock that stands still, and auth states
// without a lease that are closed afterwards. Made anew for every test of a file that imports this.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { afterEach, beforeEach } from "node:test";
import { credentials, status } from "@grpc/grpc-js";
import * as baileys from "baileys";
import { type AuthState, type AuthStateEvents, openAuthState } from "../../src/auth_state.ts";
import { decodeValue } from "../../src/codec/value_codec.ts";
import { WarningLimit } from "../../src/connection/warning_limit.ts";
import { AuthStateError } from "../../src/errors.ts";
import type { CommitRequest } from "../../src/gen/authstate/v1/auth_state_service.ts";
import { Endpoints } from "../../src/rpc/endpoints.ts";
import { GrpcTransport } from "../../src/rpc/grpc_transport.ts";
import { sessionRetry } from "../../src/session/session_retry.ts";
import { UnleasedSession } from "../../src/session/unleased_session.ts";
import { FakePacing } from "./fake_pacing.ts";
import { type Failure, ScriptedServer } from "./scripted_server.ts";

export const SESSION = "5511999990001";
export const PATIENCE_MS = 60_000;
export const DATABASE_AWAY: Failure = { code: status.UNAVAILABLE, reason: "DATABASE_UNAVAILABLE" };

export let server: ScriptedServer;
export let pacing: FakePacing;
let opened: AuthState[];

export async function open(patienceMs = PATIENCE_MS): Promise<AuthState> {
  const endpoints = new Endpoints([server.address], credentials.createInsecure());
  const retry = sessionRetry(SESSION, pacing, undefined, new WarningLimit(pacing));
  const store = new UnleasedSession(SESSION, new GrpcTransport(endpoints), retry);
  const events = new EventEmitter<AuthStateEvents>();
  const onClosed = (): void => endpoints.close();
  try {
    const auth = await openAuthState(SESSION, {
      ...{ store, baileys, pacing, patienceMs, onOrphanedKeys: "refuse", logger: undefined, events },
      openingEnd: pacing.now() + patienceMs,
      onLeaving: () => undefined,
      onClosed,
    });
    opened.push(auth);
    return auth;
  } catch (error) {
    endpoints.close();
    throw error;
  }
}

beforeEach(async () => {
  server = new ScriptedServer();
  await server.start();
  pacing = new FakePacing();
  opened = [];
});

afterEach(async () => {
  await Promise.allSettled(opened.map((auth) => auth.close()));
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
