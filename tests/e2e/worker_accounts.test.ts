// Accounts of one process that write to the same contact at the same time, each in a worker thread. In one thread they
// lose each other's session with it, with every store: libsignal has one queue for an address in a thread, and runs one
// account's job in the asynchronous context of another one.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import * as baileys from "baileys";
import { type AuthState, useAuthState } from "../../client/node/dist/esm/index.js";
import { pairCreds, SignalAccount } from "../vectors/signal_account.ts";
import { Calls, type Reply, type Request, valueOf } from "./calls.ts";
import { withServers } from "./servers.ts";
import { onSqlite } from "./stores.ts";
import { read, type WorkerAccountApi, type WorkerAccountOptions, write as toText } from "./worker_account.ts";

const ACCOUNTS = 4;
const ROUNDS = 10;
// How many messages each account encrypts at the same time.
const AT_ONCE = 3;
const CONTACT = { jid: "5511900000000@s.whatsapp.net", lid: "100@lid" };

const jidOf = (index: number): string => `551180000000${index}:3@s.whatsapp.net`;

function startWorker(options: WorkerAccountOptions): { api: WorkerAccountApi; stop(): Promise<unknown> } {
  // libsignal speaks of its sessions on stdout, which is left out here.
  const worker = new Worker(new URL("worker_account.mjs", import.meta.url), { workerData: options, stdout: true });
  const calls = new Calls<Reply>();
  worker.on("message", (text: string) => calls.take(read(text) as Reply));
  let ended: Error | undefined;
  worker.on("error", (error) => calls.fail((ended = error as Error)));
  const call =
    (method: keyof WorkerAccountApi) =>
    async (...args: unknown[]): Promise<never> => {
      if (ended !== undefined) throw ended;
      const send = (id: number): void =>
        worker.postMessage(toText({ id, method, args } satisfies Request<WorkerAccountApi>));
      return valueOf(await calls.make(send)) as never;
    };
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
    await withServers(onSqlite, 1, async ({ address }) => {
      const workers: ReturnType<typeof startWorker>[] = [];
      let auth: AuthState | undefined;
      try {
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

        // They go on with what is stored.
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
      }
    });
  });
});
