// Sockets of real Baileys that come and go over one session: the loops that programs reconnect with.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { addTransactionCapability, makeCacheableSignalKeyStore, makeWASocket } from "baileys";
import { type AuthState, AuthStatePool, isAuthStateError, useAuthState } from "../../client/node/dist/esm/index.js";
import { silentLogger } from "../vectors/signal_account.ts";
import { FakeWhatsApp } from "./fake_whatsapp.ts";
import { TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { SqliteStore } from "./stores.ts";

const RECONNECTS = 4;

describe("a program that reconnects", () => {
  const folder = new TestFolder();
  const authstated = new Authstated(new SqliteStore(folder).options);
  let whatsApp: FakeWhatsApp;

  before(() => authstated.start());
  after(async () => {
    await authstated.crash();
    folder.remove();
  });
  beforeEach(async () => {
    whatsApp = new FakeWhatsApp();
    await whatsApp.start();
  });
  afterEach(() => whatsApp.stop());

  // Resolves when the socket has closed.
  function connect({ state, saveCreds }: AuthState): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = makeWASocket({ auth: state, logger: silentLogger, waWebSocketUrl: whatsApp.url });
      socket.ev.on("creds.update", () => saveCreds().catch(reject));
      socket.ev.on("connection.update", ({ connection }) => {
        if (connection === "close") resolve();
      });
    });
  }

  it("may keep the handle, and give it to one socket after the other", async () => {
    const auth = await useAuthState("kept", { address: authstated.address });
    for (let round = 1; round <= RECONNECTS; round++) {
      await connect(auth);
      await auth.saveCreds();
    }
    await auth.close();
    assert.equal(whatsApp.connections, RECONNECTS);
  });

  it("may close the handle, and open the session anew for the next socket", async () => {
    const identities = new Set<string>();
    for (let round = 1; round <= RECONNECTS; round++) {
      const auth = await useAuthState("anew", { address: authstated.address, leaseWaitMs: 0 });
      identities.add(Buffer.from(auth.state.creds.noiseKey.public).toString("hex"));
      await auth.saveCreds();
      await connect(auth);
      // It works whether the program waits for that or not.
      const closed = auth.close();
      if (round % 2 === 0) await closed;
    }
    assert.equal(whatsApp.connections, RECONNECTS);
    assert.equal(identities.size, 1);
  });

  it("is told at once that it has the session when it forgets the handle", async () => {
    const { address } = authstated;
    const forgotten = await useAuthState("forgotten", { address });
    await connect(forgotten);
    const isOpen = (error: unknown): boolean => isAuthStateError(error) && error.reason === "ALREADY_OPEN";
    await assert.rejects(useAuthState("forgotten", { address, leaseWaitMs: Infinity }), isOpen);
    const port = address.split(":")[1];
    await assert.rejects(useAuthState("forgotten", { address: `localhost:${port}`, leaseWaitMs: Infinity }), isOpen);
    await forgotten.saveCreds();
    await forgotten.close();
  });

  it("pairs a removed session anew without closing anything", async () => {
    const pool = new AuthStatePool({ address: authstated.address });
    const identities = new Set<string>();
    for (let round = 1; round <= RECONNECTS; round++) {
      const auth = await pool.useAuthState("removed", { leaseWaitMs: 0 });
      identities.add(Buffer.from(auth.state.creds.noiseKey.public).toString("hex"));
      await auth.saveCreds();
      await auth.removeSession();
    }
    assert.equal(identities.size, RECONNECTS);
    await pool.close();
  });

  it("is warned once when it puts a cache of Baileys' over the keys", async () => {
    const auth = await useAuthState("cached", { address: authstated.address });
    const said: unknown[] = [];
    const { error: consoleError } = console;
    console.error = (line: unknown) => void said.push(line);
    try {
      for (let round = 1; round <= 2; round++) {
        const keys = makeCacheableSignalKeyStore(auth.state.keys, silentLogger);
        const transactional = addTransactionCapability(keys, silentLogger, {
          maxCommitRetries: 1,
          delayBetweenTriesMs: 0,
        });
        await transactional.set({ "lid-mapping": { a: "1" } });
        await transactional.get("lid-mapping", ["b"]);
      }
    } finally {
      console.error = consoleError;
    }
    assert.equal(said.length, 1);
    assert.match(String(said[0]), /^makeCacheableSignalKeyStore stands over the keys of authstate/);
    await auth.close();
  });

  const client = JSON.stringify(new URL("../../client/node/dist/esm/index.js", import.meta.url).href);
  for (const [how, open] of [
    ["alone", (address: string) => `await useAuthState("ending", { address: "${address}" })`],
    ["of a pool", (address: string) => `await new AuthStatePool({ address: "${address}" }).useAuthState("ending")`],
  ] as const) {
    for (const end of ["removeSession", "close"]) {
      it(`ends by itself after ${end} of a session ${how}`, async () => {
        const program = `import { AuthStatePool, useAuthState } from ${client};
          const auth = ${open(authstated.address)};
          await auth.saveCreds();
          await auth.${end}();`;
        const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: "inherit" });
        assert.deepEqual(await once(child, "exit"), [0, null]);
      });
    }
  }
});
