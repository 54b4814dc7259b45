// An authstated that speaks mutual TLS, serves those alone who show a token, and encrypts what it stores: its files, which
// may be replaced while it runs, its tokens, and the keys of its keyring.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AuthStatePool, type AuthStatePoolOptions, TokenRefusedError } from "../../client/node/dist/esm/index.js";
import { REPOSITORY, TestFolder } from "./processes.ts";
import { Authstated, runControl } from "./servers.ts";
import type { CreateStore, StoreServer } from "./stores.ts";

const POLL_MS = 20;
// Connections are made anew all the time, so that each replacement is met by handshakes.
const MAX_CONNECTION_AGE = "1s";

// Of one token: its id, and the file that its owner reads it from.
export interface Credential {
  id: string;
  file: string;
}

type Access = Required<Pick<AuthStatePoolOptions, "tls" | "tokenFile">>;

export class SecuredServer {
  readonly #folder: TestFolder;
  readonly #store: StoreServer;
  readonly authstated: Authstated;
  #admin: Credential | undefined;

  private constructor(folder: TestFolder, store: StoreServer) {
    this.#folder = folder;
    this.#store = store;
    const [certificate, key, ca] = ["server.pem", "server.key", "made/ca.pem"].map((name) => this.#file(name));
    this.authstated = new Authstated([
      ...store.options,
      ...["--tls-certificate", certificate!, "--tls-key", key!, "--tls-client-ca", ca!],
      ...["--max-connection-age", MAX_CONNECTION_AGE, "--keyring-file", this.#file("keyring")],
    ]);
  }

  static async start(createStore: CreateStore): Promise<SecuredServer> {
    const folder = new TestFolder();
    const server = new SecuredServer(folder, await createStore(folder));
    execFileSync("sh", [join(REPOSITORY, "tests/support/make_certificates.sh"), server.#file("made")], {
      stdio: "pipe",
    });
    server.putCertificate("server", "server");
    server.putCertificate("client", "client");
    await server.#store.start();
    await server.#keyring("init", server.#file("keyring"), "first");
    await server.authstated.start();
    // Where there is no token yet, whoever is on this machine is let in.
    server.#admin = await server.createToken("admin", "--rights", "admin,read,write", "--all-sessions");
    return server;
  }

  async stop(): Promise<void> {
    await this.authstated.crash();
    await this.#store.stop();
    this.#folder.remove();
  }

  // What a pool with this token needs.
  accessOf({ file }: Credential): Access {
    const [ca, certificate, key] = ["made/ca.pem", "client.pem", "client.key"].map((name) => this.#file(name));
    return { tls: { ca: ca!, certificate: certificate!, key: key!, serverName: "localhost" }, tokenFile: file };
  }

  // Puts what was made as `name` in the place of the server's, or the clients', certificate and key.
  putCertificate(place: "server" | "client", name: string, keyOf = name): void {
    this.#put(place + ".pem", (next) => copyFileSync(this.#file(`made/${name}.pem`), next));
    this.#put(place + ".key", (next) => copyFileSync(this.#file(`made/${keyOf}.key`), next));
  }

  async createToken(name: string, ...terms: string[]): Promise<Credential> {
    const token = await this.#token("create", "--quiet", "--label", name, ...terms);
    const credential = { id: token.split("_")[1]!, file: this.#file(`${name}.token`) };
    this.putToken(credential, token);
    return credential;
  }

  // Gives the token another secret. Its owner can read that only when the former one is refused.
  async rotateToken(credential: Credential): Promise<void> {
    const { tls } = this.accessOf(credential);
    const former = new AuthStatePool({ address: this.authstated.address, tls, token: this.tokenOf(credential) });
    const token = await this.#token("rotate", "--quiet", credential.id);
    await assert.rejects(former.exists("any"), TokenRefusedError);
    await former.close();
    this.putToken(credential, token);
  }

  tokenOf({ file }: Credential): string {
    return readFileSync(file, "utf8");
  }

  putToken({ file }: Credential, token: string): void {
    this.#put(file, (next) => writeFileSync(next, token));
  }

  async revokeToken({ id }: Credential): Promise<void> {
    await this.#token("revoke", id);
  }

  // Brings everything under another key, as docs/encryption.md has it: the server is started again for each change of its
  // keyring, and goes on while its sessions are brought under the new key.
  async replaceKey(id: string): Promise<void> {
    for (const change of ["add", "activate"]) {
      await this.#keyring(change, this.#file("keyring"), id);
      await this.authstated.stop();
      await this.authstated.start();
    }
    await this.#keyring("rewrap", "--keyring-file", this.#file("keyring"), ...this.#store.options);
  }

  // How many sessions are not encrypted, and how many are under each key.
  async keysInUse(): Promise<{ plain: number; keys: Record<string, number> }> {
    const status = await this.#keyring("status", "--json", ...this.#store.options);
    return JSON.parse(status) as { plain: number; keys: Record<string, number> };
  }

  async says(text: string): Promise<void> {
    while (!this.authstated.log.includes(text)) await sleep(POLL_MS);
  }

  async #token(...args: string[]): Promise<string> {
    const tls = ["--ca", "made/ca.pem", "--cert", "made/client.pem", "--key", "made/client.key"];
    const files = tls.map((word) => (word.startsWith("--") ? word : this.#file(word)));
    const shown = this.#admin === undefined ? [] : ["--token-file", this.#admin.file];
    const words = [...files, "--server-name", "localhost", ...shown, "token", ...args];
    return (await this.authstated.control(...words)).trim();
  }

  // Changes a file, or goes to the database by itself, so it asks no server.
  #keyring(...args: string[]): Promise<string> {
    return runControl("keyring", ...args);
  }

  // In one step, as those who replace files should.
  #put(name: string, write: (next: string) => void): void {
    const next = this.#file("next");
    write(next);
    renameSync(next, resolve(this.#folder.path, name));
  }

  #file(name: string): string {
    return join(this.#folder.path, name);
  }
}
