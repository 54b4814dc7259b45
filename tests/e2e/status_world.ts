// A server of which its status page has all there is to show: two databases, of which one is asked by the way; maintenance that
// holds one call and has refused another; a file of write-behind of which a commit cannot be flushed; sessions of every state; a
// backup that lacks one of them, and one that was restored on trial long ago; a certificate that ends soon.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BufferJSON, initAuthCreds } from "baileys";
import pg from "pg";
import { AuthStatePool } from "../../client/node/dist/esm/index.js";
import { freePort, TestFolder } from "./processes.ts";
import { Authstated, runControl } from "./servers.ts";
import { makeCertificate } from "./staged_faults.ts";
import { PostgresStore, query } from "./stores.ts";

const DRILLED_DAYS_AGO = 9;
const CERTIFICATE_DAYS = 3;
const DAY_S = 86_400;
const POLL_MS = 50;

const ME = { id: "5511999990001:12@s.whatsapp.net" };
const CREDS: Record<string, object> = {
  sales: { account: {}, me: ME },
  office: { account: {}, me: ME },
  support: { me: ME },
  "front-desk": { me: { id: "5511999990002@s.whatsapp.net" }, pairingCode: "ABCD1234" },
  new: { registered: false },
  damaged: { account: {}, me: ME },
  // A pool opens this one, so it has all that Baileys wants.
  home: { ...initAuthCreds(), account: {}, me: ME },
};

export class StatusWorld {
  readonly #folder = new TestFolder();
  readonly #ends: (() => unknown)[] = [];
  #server!: Authstated;
  origin!: string;

  async start(): Promise<void> {
    const store = await PostgresStore.create(this.#folder);
    this.#ends.push(() => store.stop());
    await store.start();
    await query(store.url, "CREATE DATABASE former");
    const former = new URL("/former?sslmode=disable", store.url);
    const stores = [
      ...["--backend=timeweb", `--timeweb-url=${store.url}?sslmode=disable`, `--supabase-url=${former.toString()}`],
      ...["--keyring-file", this.#file("keyring")],
    ];
    for (const keyring of ["keyring", "backup.keyring"])
      await runControl("keyring", "init", this.#file(keyring), "first");
    await this.#fill(new Authstated(stores), store.url);
    const drilled = Date.now() / 1000 - DRILLED_DAYS_AGO * DAY_S;
    writeFileSync(this.#file("drill.prom"), `authstate_backup_drill_last_success_timestamp_seconds ${drilled}\n`);

    makeCertificate(this.#file("tls"), CERTIFICATE_DAYS);
    const port = await freePort();
    this.origin = `http://127.0.0.1:${port}`;
    this.#server = new Authstated([
      ...[...stores, `--http-listen=127.0.0.1:${port}`, "--drain-timeout-ms=1000"],
      ...["--write-behind", this.#file("near.db"), "--audit=on", "--audit-file", this.#file("audit")],
      ...["--tls-certificate", this.#file("tls.pem"), "--tls-key", this.#file("tls.key")],
      ...["--backup-metrics", `${this.#file("create.prom")},${this.#file("drill.prom")}`],
    ]);
    this.#ends.push(() => this.#server.crash());
    await this.#server.start();
    await this.#leaveUnflushed(store.url);
    for (const absent of ["nobody", "damaged"])
      assert.notEqual((await this.#tryControl("creds", "get", absent)).code, 0);
    await this.#control("backend", "status", "--probe");
    await this.#beginMaintenance();
  }

  // What `authstatectl top` shows.
  top(): Promise<string> {
    return runControl("top", "--once", "--url", this.origin);
  }

  stopServer(): Promise<unknown> {
    return this.#server.stop();
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
    this.#folder.remove();
  }

  // Sessions of every state, and a backup that could not read one of them.
  async #fill(server: Authstated, url: string): Promise<void> {
    await server.start();
    try {
      for (const [session, creds] of Object.entries(CREDS)) {
        await server.control("creds", "set", session, JSON.stringify(creds, BufferJSON.replacer));
      }
      await server.control("keys", "set", "leftover", "note", "1", "1");
      await server.control("lease", "acquire", "sales", "--owner", "another", "--ttl", "1h");
      await query(url, "UPDATE authstate.auth_creds SET value = value || '\\x00' WHERE session_id = 'damaged'");
      await query(
        url,
        "UPDATE authstate.auth_sessions SET updated_at = now() - interval '8 days' WHERE session_id = 'office'",
      );
      const words = ["--keyring-file", this.#file("backup.keyring"), "--metrics-file", this.#file("create.prom")];
      assert.equal((await server.tryControl("backup", "create", this.#file("backups"), ...words)).code, 6);
    } finally {
      await server.stop();
    }
  }

  // Has a session at home in the file, whose row in the database somebody has locked.
  async #leaveUnflushed(url: string): Promise<void> {
    const tls = { ca: this.#file("tls.pem"), serverName: "localhost" };
    const pool = new AuthStatePool({ address: this.#server.address, tls });
    this.#ends.push(() => pool.close());
    const { state } = await pool.useAuthState("home");
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    this.#ends.push(() => holder.end());
    await holder.query("BEGIN");
    await holder.query("SELECT FROM authstate.auth_sessions WHERE session_id = 'home' FOR UPDATE");
    await state.keys.set({ "lid-mapping": { "1": "1" } });
  }

  async #beginMaintenance(): Promise<void> {
    const words = ["--reason", "a new disk for the database", "--hold", "1h", "--wait", "0s"];
    await this.#tryControl("maintenance", "on", ...words);
    const write = ["creds", "set", "office", JSON.stringify(CREDS["office"])];
    assert.equal((await this.#tryControl("--timeout", "1s", ...write)).code, 5);
    // It is held until the server ends.
    void this.#tryControl("--timeout", "1h", ...write);
    while (!(await this.#control("maintenance", "status")).includes("1 call held")) await sleep(POLL_MS);
  }

  #file(name: string): string {
    return join(this.#folder.path, name);
  }

  get #tls(): string[] {
    return ["--ca", this.#file("tls.pem"), "--server-name", "localhost"];
  }
  #control(...words: string[]): Promise<string> {
    return this.#server.control(...this.#tls, ...words);
  }
  #tryControl(...words: string[]): Promise<{ code: number; stdout: string }> {
    return this.#server.tryControl(...this.#tls, ...words);
  }
}
