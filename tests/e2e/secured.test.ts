// Real Baileys over mutual TLS, on a server that serves those alone who show a token and that encrypts what it stores, while
// certificates, tokens and keys are replaced.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  AccessDeniedError,
  AuthStatePool,
  isAuthStateError,
  TokenRefusedError,
} from "../../client/node/dist/esm/index.js";
import { AccountProcess, type BaileysPackage } from "./account_api.ts";
import { ALICE, BOB, deliver } from "./account_story.ts";
import { type Credential, SecuredServer } from "./secured_server.ts";
import { type CreateStore, isWhole, onPostgres, onSqlite } from "./stores.ts";

const PRE_KEYS = 20;

// Two accounts that write to each other all the time. Whatever fails ends it.
class Conversation {
  rounds = 0;
  #over = false;
  readonly #talk: Promise<void>;

  constructor(
    private readonly alice: AccountProcess,
    private readonly bob: AccountProcess,
  ) {
    this.#talk = this.#go();
    // It is told to whoever waits.
    this.#talk.catch(() => undefined);
  }

  // Resolves when so many more rounds were begun and have ended.
  async goesOn(rounds = 5): Promise<void> {
    const until = this.rounds + rounds + 1;
    while (this.rounds < until)
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 10)), this.#failure()]);
  }

  async end(): Promise<void> {
    this.#over = true;
    await this.#talk;
  }

  async #failure(): Promise<never> {
    await this.#talk;
    throw new Error("it is over");
  }

  async #go(): Promise<void> {
    const { alice, bob } = this;
    for (; !this.#over; this.rounds++) {
      await deliver(alice, bob, `there ${this.rounds}`);
      await deliver(bob, alice, `back ${this.rounds}`);
      await Promise.all([alice.call("touchCreds"), bob.call("touchCreds")]);
    }
  }
}

async function meet(alice: AccountProcess, bob: AccountProcess): Promise<void> {
  await Promise.all([alice.call("pair"), bob.call("pair")]);
  const first = await bob.call("makePreKeys", PRE_KEYS);
  await alice.call("openSession", bob.jid, await bob.call("preKeyBundle", first));
}

async function assertStored(...accounts: AccountProcess[]): Promise<void> {
  for (const account of accounts) {
    const { own, stored } = await account.call("creds");
    assert.deepEqual(JSON.parse(stored), JSON.parse(own));
  }
}

async function replaceCertificates(server: SecuredServer, talk: Conversation): Promise<void> {
  server.putCertificate("server", "renewed");
  await server.says("TLS certificate replaced");
  await talk.goesOn();

  // A set that cannot serve, and a certificate with another one's key.
  server.putCertificate("server", "expired");
  await server.says("new TLS files refused");
  server.putCertificate("client", "renewed-client", "client");
  await talk.goesOn(20);

  server.putCertificate("server", "server");
  server.putCertificate("client", "renewed-client");
  await talk.goesOn(20);
}

async function replaceTokens(
  server: SecuredServer,
  talk: Conversation,
  alice: Credential,
  bob: Credential,
): Promise<void> {
  await server.rotateToken(alice);
  await talk.goesOn();

  const next = await server.createToken("next", "--rights", "read,write", "--prefix", BOB.sessionId);
  server.putToken(bob, server.tokenOf(next));
  await server.revokeToken(bob);
  await talk.goesOn();
}

async function tellStory(createStore: CreateStore, baileys: BaileysPackage): Promise<void> {
  const server = await SecuredServer.start(createStore);
  const { address } = server.authstated;
  const tokens = {
    alice: await server.createToken("alice", "--rights", "read,write", "--session", ALICE.sessionId),
    bob: await server.createToken("bob", "--rights", "read,write", "--prefix", BOB.sessionId),
  };
  const common = { baileys, address, triesAgain: false };
  const alice = new AccountProcess({ ...common, ...ALICE, access: server.accessOf(tokens.alice) });
  const bob = new AccountProcess({ ...common, ...BOB, access: server.accessOf(tokens.bob) });
  const ofBob = new AuthStatePool({ address, ...server.accessOf(tokens.bob) });
  const ofAlice = new AuthStatePool({ address, ...server.accessOf(tokens.alice) });
  try {
    await Promise.all([alice.start(), bob.start()]);
    await meet(alice, bob);
    const talk = new Conversation(alice, bob);
    await talk.goesOn();
    await replaceCertificates(server, talk);
    await replaceTokens(server, talk, tokens.alice, tokens.bob);
    await server.replaceKey("second");
    await talk.goesOn();
    await talk.end();
    await assertStored(alice, bob);

    // A process that begins now shows what stands in its files now.
    await Promise.all([alice.crash(), bob.crash()]);
    await Promise.all([alice.start(), bob.start()]);
    await deliver(alice, bob, "after all of it");
    await assertStored(alice, bob);

    const { plain, keys } = await server.keysInUse();
    assert.deepEqual([plain, keys["first"] ?? 0, keys["second"]], [0, 0, 2]);

    // A session of others is as good as none.
    await assert.rejects(ofBob.useAuthState(ALICE.sessionId), AccessDeniedError);
    const seen: string[] = [];
    for await (const { sessionId } of ofBob.listSessions()) seen.push(sessionId);
    assert.deepEqual(seen, [BOB.sessionId]);

    const lost = alice.call("lost");
    await server.revokeToken(tokens.alice);
    await lost;
    await assert.rejects(alice.call("touchCreds"), /^Error: TokenRefusedError: .*the token was revoked/);
    await assert.rejects(ofAlice.exists(ALICE.sessionId), (error) => {
      assert.ok(error instanceof TokenRefusedError && isAuthStateError(error));
      return error.reason === "TOKEN_REVOKED";
    });
    await bob.call("touchCreds");
    await assertStored(bob);
  } finally {
    await Promise.all([alice.crash(), bob.crash(), ofBob.close(), ofAlice.close()]);
    await server.stop();
  }
}

describe("over mutual TLS, with tokens and encrypted, all of which is replaced in between, no operation fails", () => {
  it("with Baileys 7 on PostgreSQL", () => tellStory(onPostgres, "baileys"));

  it("with Baileys 6.7 on SQLite", () => tellStory(onSqlite, "baileys-6"));

  if (isWhole) it("with Baileys 7 on SQLite", () => tellStory(onSqlite, "baileys"));
});
