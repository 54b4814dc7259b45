// Runs the example pool on a real authstated, against a WhatsApp that accepts connections and closes them, or refuses them
// with a status: Baileys takes the status of a refusal for the reason of the disconnect (see refuse_loudly.mjs).
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { DisconnectReason } from "baileys";
import { useAuthState } from "../../client/node/dist/esm/index.js";
import { FakeWhatsApp } from "./fake_whatsapp.ts";
import { REPOSITORY, TestFolder } from "./processes.ts";
import { Program } from "./program.ts";
import { Authstated } from "./servers.ts";
import { SqliteStore } from "./stores.ts";

const CLIENT = join(REPOSITORY, "client/node");
const REFUSE_LOUDLY = new URL("refuse_loudly.mjs", import.meta.url).href;

describe("the session pool example", () => {
  const folder = new TestFolder();
  const authstated = new Authstated(new SqliteStore(folder).options);
  let whatsApp: FakeWhatsApp;
  let pools: Program[];

  const start = (imports: string[], args: string[]): Program => {
    const options = imports.flatMap((module) => ["--import", module]);
    const given = ["--address", authstated.address, "--wa-url", whatsApp.url, ...args];
    const pool = new Program(process.execPath, [...options, "examples/session-pool.ts", ...given], { cwd: CLIENT });
    pools.push(pool);
    return pool;
  };
  const startPool = (...args: string[]): Program => start(["tsx", REFUSE_LOUDLY], args);
  const storedIdentity = async (sessionId: string): Promise<unknown> => {
    const { state, close } = await useAuthState(sessionId, { address: authstated.address, lease: false });
    await close();
    return state.creds.signedIdentityKey;
  };

  before(() => authstated.start());
  after(async () => {
    await authstated.crash();
    folder.remove();
  });
  beforeEach(async () => {
    whatsApp = new FakeWhatsApp();
    await whatsApp.start();
    pools = [];
  });
  afterEach(async () => {
    await Promise.all(pools.map((pool) => pool.stop("SIGKILL")));
    whatsApp.stop();
  });

  it("stores new creds, connects again after every disconnect, and stops with exit code 0", async () => {
    const pool = startPool("one");
    await whatsApp.connected(3);
    await pool.says(/^one: disconnected \(428\); connecting again in \d+ ms$/m);
    const identity = await storedIdentity("one");
    assert.deepEqual(await storedIdentity("one"), identity, "there are no stored creds");
    pool.stop("SIGTERM");
    assert.equal(await pool.ended, 0, pool.output);
    assert.match(pool.output, /^one: stopped$/m);

    // Another process goes on with the same identity.
    const connections = whatsApp.connections;
    const next = startPool("one");
    await whatsApp.connected(connections + 1);
    next.stop("SIGINT");
    assert.equal(await next.ended, 0, next.output);
    assert.deepEqual(await storedIdentity("one"), identity);
  });

  it("stops cleanly while its sockets are open", async () => {
    whatsApp.patient = true;
    const pool = startPool("two", "three");
    await whatsApp.connected(2);
    pool.stop("SIGTERM");
    assert.equal(await pool.ended, 0, pool.output);
    assert.match(pool.output, /^two: stopped$/m);
    assert.match(pool.output, /^three: stopped$/m);
  });

  it("deletes the state of a session that was logged out", async () => {
    whatsApp.patient = true;
    const first = startPool("four");
    await whatsApp.connected(1);
    const identity = await storedIdentity("four");
    first.stop("SIGTERM");
    await first.ended;

    whatsApp.refusals.push(DisconnectReason.loggedOut);
    const second = startPool("four");
    assert.equal(await second.ended, 0, second.output);
    assert.match(second.output, /^four: logged out$/m);
    assert.notDeepEqual(await storedIdentity("four"), identity);
  });

  it("leaves the account to whoever replaced it", async () => {
    whatsApp.refusals.push(DisconnectReason.connectionReplaced);
    const pool = startPool("five");
    assert.equal(await pool.ended, 0, pool.output);
    assert.match(pool.output, /^five: replaced by another connection; stopping$/m);
    assert.equal(whatsApp.connections, 1);
    const identity = await storedIdentity("five");
    assert.deepEqual(await storedIdentity("five"), identity);
  });

  it("connects again at once when a restart is required", async () => {
    whatsApp.patient = true;
    whatsApp.refusals.push(DisconnectReason.restartRequired);
    const pool = startPool("six");
    await whatsApp.connected(2);
    assert.doesNotMatch(pool.output, /connecting again in/);
    pool.stop("SIGTERM");
    assert.equal(await pool.ended, 0, pool.output);
  });

  it("does not wait forever for a connection that does not come up", async () => {
    whatsApp.patient = true;
    whatsApp.refusals.push(DisconnectReason.unavailableService, DisconnectReason.unavailableService);
    const pool = start(["tsx"], ["--connect-timeout", "200", "seven"]);
    await whatsApp.connected(3);
    pool.stop("SIGTERM");
    assert.equal(await pool.ended, 0, pool.output);
  });

  it("stands by for a session that another process has, and takes over when that is killed", async () => {
    whatsApp.patient = true;
    const first = startPool("--lease-ttl", "1000", "eight");
    await whatsApp.connected(1);
    const second = startPool("--lease-ttl", "1000", "eight");
    await second.says(/^eight: asking for the session$/m);
    const identity = await storedIdentity("eight");
    assert.equal(whatsApp.connections, 1);
    first.stop("SIGKILL");
    await second.says(/^eight: this process has the session$/m);
    await whatsApp.connected(2);
    assert.deepEqual(await storedIdentity("eight"), identity);
    second.stop("SIGTERM");
    assert.equal(await second.ended, 0, second.output);
  });

  it("closes the socket of a session that it lost, and stands by", async () => {
    whatsApp.patient = true;
    const pool = startPool("--lease-ttl", "1000", "nine");
    await whatsApp.connected(1);
    const thief = await useAuthState("nine", { address: authstated.address, steal: true });
    await pool.says(/^nine: taken over by another process; standing by$/m);
    await whatsApp.disconnected();
    assert.equal(whatsApp.connections, 1);
    await thief.close();
    await whatsApp.connected(2);
    pool.stop("SIGTERM");
    assert.equal(await pool.ended, 0, pool.output);
  });

  it("stops while it stands by", async () => {
    const owner = await useAuthState("ten", { address: authstated.address });
    const pool = startPool("ten");
    await pool.says(/^ten: asking for the session$/m);
    pool.stop("SIGTERM");
    assert.equal(await pool.ended, 0, pool.output);
    assert.equal(whatsApp.connections, 0);
    await owner.close();
  });

  it("deals its accounts out to threads, and ends them all", async () => {
    whatsApp.patient = true;
    const pool = startPool("--workers", "2", "eleven", "twelve", "thirteen");
    await whatsApp.connected(3);
    pool.stop("SIGTERM");
    assert.equal(await pool.ended, 0, pool.output);
    for (const sessionId of ["eleven", "twelve", "thirteen"]) {
      assert.match(pool.output, new RegExp(`^${sessionId}: stopped$`, "m"));
      const auth = await useAuthState(sessionId, { address: authstated.address, leaseWaitMs: 0 });
      await auth.close();
    }
  });

  it("ends with exit code 1 when one of its threads could not use the store", async () => {
    const pool = startPool("--workers", "1", "--patience", "0", "not a session id");
    assert.equal(await pool.ended, 1, pool.output);
  });

  it("says what is wrong with its arguments", async () => {
    for (const args of [
      [],
      ["--pair", "5511999990001", "a", "b"],
      ["a", "a"],
      ["--patience", "soon", "a"],
      ["--workers", "many", "a"],
      ["--nonsense"],
    ]) {
      const pool = startPool(...args);
      assert.equal(await pool.ended, 2, pool.output);
      assert.match(pool.output, /^session-pool: .+\nTry --help\.$/m);
    }
  });

  it("ends with exit code 1 when the store cannot be used", async () => {
    const pool = startPool("--patience", "0", "not a session id");
    assert.equal(await pool.ended, 1, pool.output);
    assert.match(pool.output, /INVALID_ARGUMENT/);
  });
});
