// The program of a worker thread that has one account; see worker_accounts.test.ts.
import { parentPort, workerData } from "node:worker_threads";
import * as baileys from "baileys";
import { useAuthState } from "../../client/node/dist/esm/index.js";
import { pairCreds, SignalAccount } from "../vectors/signal_account.ts";
import type { AccountApi } from "./account_api.ts";
import { answer, type Request } from "./calls.ts";

export interface WorkerAccountOptions {
  address: string;
  sessionId: string;
  jid: string;
  lid: string;
}

export type WorkerAccountApi = Pick<AccountApi, "openSession" | "encrypt" | "decrypt" | "close">;

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
  port.on("message", async (text: string) => {
    port.postMessage(write(await answer(api, read(text) as Request<WorkerAccountApi>)));
  });
}
