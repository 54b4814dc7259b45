// The program of a worker thread that has one account; see worker_accounts.test.ts.
import { parentPort, workerData } from "node:worker_threads";
import * as baileys from "baileys";
import { useAuthState } from "../../client/node/dist/esm/index.js";
import { pairCreds, type PreKeyBundle, SignalAccount } from "../vectors/signal_account.ts";
import type { Message } from "./account_api.ts";

export interface WorkerAccountOptions {
  address: string;
  sessionId: string;
  jid: string;
  lid: string;
}

export interface WorkerAccountApi {
  openSession(jid: string, bundle: PreKeyBundle): Promise<void>;
  encrypt(to: string, text: string): Promise<Message>;
  decrypt(from: string, message: Message): Promise<string>;
  close(): Promise<void>;
}

export interface WorkerRequest {
  id: number;
  method: keyof WorkerAccountApi;
  args: unknown[];
}

export interface WorkerReply {
  id: number;
  value?: unknown;
  error?: string;
}

// A structured clone would make plain arrays of bytes out of Buffers.
export const write = (message: object): string => JSON.stringify(message, baileys.BufferJSON.replacer);
export const read = (text: string): unknown => JSON.parse(text, baileys.BufferJSON.reviver);

export async function openAccount({ address, sessionId, jid, lid }: WorkerAccountOptions): Promise<WorkerAccountApi> {
  const auth = await useAuthState(sessionId, { address });
  const { state } = auth;
  if (!state.creds.registered) {
    pairCreds(baileys, state.creds, jid, lid);
    await auth.saveCreds();
  }
  const account = new SignalAccount(baileys, jid, state);
  return {
    openSession: (to, session) => account.repository.injectE2ESession({ jid: to, session }),
    encrypt: (to, text) => account.encrypt(to, text),
    decrypt: (from, message) => account.decrypt(from, message),
    close: () => auth.close(),
  };
}

if (parentPort !== null) {
  const port = parentPort;
  const api = await openAccount(workerData as WorkerAccountOptions);
  port.on("message", (text: string) => {
    const { id, method, args } = read(text) as WorkerRequest;
    const run = api[method] as (...given: unknown[]) => Promise<unknown>;
    run(...args).then(
      (value) => port.postMessage(write({ id, value } satisfies WorkerReply)),
      (error: unknown) => port.postMessage(write({ id, error: String(error) } satisfies WorkerReply)),
    );
  });
}
