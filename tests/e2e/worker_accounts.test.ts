// Accounts of one process that write to the same contact at the same time, each in a worker thread. In one thread they
// lose each other's session with it, with every store: libsignal has one queue for an address in a thread, and runs one
// account's job in the asynchronous context of another one.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import * as baileys from "baileys";
import { type AuthState, useAuthState } from "../../client/node/dist/esm/index.js";
import { pairCreds, SignalAccount } from "../vectors/signal_account.ts";
import type { Message } from "./account_api.ts";
import { Authstated, SqliteStore, TestFolder } from "./servers.ts";
import {
  read,
  type WorkerAccountApi,
  type WorkerAccountOptions,
  type WorkerReply,
  type WorkerRequest,
  write as toText,
} from "./worker_account.ts";

const ACCOUNTS = 4;
const ROUNDS = 10;
// Messages of each account that are encrypted at the same time.
const AT_ONCE = 3;
const CONTACT = { jid: "5511900000000@s.whatsapp.net", lid: "100@lid" };

const jidOf = (index: number): string => `551180000000${index}:3@s.whatsapp.net`;

function startWorker(options: WorkerAccountOptions): { api: WorkerAccountApi; stop(): Promise<unknown> } {
  // What libsignal says of its sessions is nobody's business here.
  const worker = new Worker(new URL("worker_account.mjs", import.meta.url), { workerData: options, stdout: true });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let lastId = 0;
  worker.on("message", (text: string) => {
    const { id, value, error } = read(text) as WorkerReply;
    const { resolve, reject } = waiting.get(id)!;
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(`${options.sessionId}: ${error}`));
  });
  let ended: Error | undefined;
  worker.on("error", (error) => {
    ended = error as Error;
    for (const { reject } of waiting.values()) reject(ended);
  });
  const call =
    (method: keyof WorkerAccountApi) =>
    (...args: unknown[]): Promise<never> =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended);
        const id = ++lastId;
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
        worker.postMessage(toText({ id, method, args } satisfies WorkerRequest));
      });
  const api = {
    openSession: call("openSession"),
    encrypt: call("encrypt"),
    decrypt: call("decrypt"),
    close: call("close"),
  };
  return { api, stop: () => worker.terminate() };
}

describe("accounts in a worker thread each", () => {
  it("keep their sessions with a contact to which they all write at once", async () => {
    const folder = new TestFolder();
    const authstated = new Authstated(new SqliteStore(folder).options);
    const workers: ReturnType<typeof startWorker>[] = [];
    let auth: AuthState | undefined;
    try {
      await authstated.start();
      const { address } = authstated;
      const startAll = (): void => {
        const indexes = Array.from({ length: ACCOUNTS }, (_, index) => index);
        workers.push(
          ...indexes.map((index) =>
            startWorker({ address, sessionId: `account-${index}`, jid: jidOf(index), lid: `20${index}@lid` }),
          ),
        );
      };
      startAll();
      auth = await useAuthState("contact", { address });
      pairCreds(baileys, auth.state.creds, CONTACT.jid, CONTACT.lid);
      const contact = new SignalAccount(baileys, CONTACT.jid, auth.state);
      const first = await contact.makePreKeys(ACCOUNTS);
      await auth.saveCreds();
      const open = async ({ api }: (typeof workers)[number], index: number): Promise<void> =>
        api.openSession(CONTACT.jid, await contact.preKeyBundle(first + index));
      await Promise.all(workers.map(open));

      // Each message moves a session on. An answer would begin a new chain of keys, and so hide what was lost.
      const write = async (round: number): Promise<void> => {
        const texts = Array.from({ length: AT_ONCE }, (_, number) => `${round}/${number}`);
        const sent = await Promise.all(
          workers.map(({ api }) => Promise.all(texts.map((text) => api.encrypt(CONTACT.jid, text)))),
        );
        for (const [index, messages] of sent.entries()) {
          for (const [number, message] of messages.entries()) {
            assert.equal(await contact.decrypt(jidOf(index), message), texts[number]);
          }
        }
      };
      for (let round = 0; round < ROUNDS; round++) await write(round);

      // What is stored is what they had.
      await Promise.all(workers.map(({ api }) => api.close()));
      await Promise.all(workers.splice(0).map(({ stop }) => stop()));
      startAll();
      await write(ROUNDS);
      for (const [index, { api }] of workers.entries()) {
        const answer = await contact.encrypt(jidOf(index), "read");
        assert.equal(await api.decrypt(CONTACT.jid, answer), "read");
      }
      await Promise.all(workers.map(({ api }) => api.close()));
    } finally {
      await auth?.close();
      await Promise.all(workers.map(({ stop }) => stop()));
      await authstated.crash();
      folder.remove();
    }
  });
});
