// Has everything that the stores run on, in one folder; Redis and MariaDB are started when they are first needed.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { freePort, TestFolder } from "../e2e/processes.ts";
import { Authstated, runControl } from "../e2e/servers.ts";
import { PostgresStore, query, SqliteStore } from "../e2e/stores.ts";
import { type Server, startDelay, startMariaDb, startProgram, startRedis } from "./servers.ts";
import type { AuthstateKind, StoreKind, StorePlace } from "./stores/store.ts";

const TABLES = fileURLToPath(new URL("../support/legacy_tables.sql", import.meta.url));
const CERTIFICATES = fileURLToPath(new URL("../support/make_certificates.sh", import.meta.url));
const ADAPTER_DATABASE = "pg_adapter";
const WRITE_BEHIND_DATABASE = "authstate_wb";

type PlainKind = "authstate" | "authstate-wb";
type SecuredKind = Exclude<AuthstateKind, PlainKind>;
const SECURED: Record<SecuredKind, { sealed: boolean; tls: boolean }> = {
  "authstate-sealed": { sealed: true, tls: false },
  "authstate-tls": { sealed: false, tls: true },
  "authstate-sealed-tls": { sealed: true, tls: true },
};
const isSecured = (kind: StoreKind): kind is SecuredKind => kind in SECURED;

// The same database, reached through a proxy.
function atPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.toString();
}

function inDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.toString();
}

export class Testbed {
  readonly #servers: { stop(): Promise<unknown> }[] = [];
  readonly #delays = new Map<string, Promise<Server>>();
  #redis: Promise<Server> | undefined;
  #mariaDb: Promise<Server> | undefined;
  #cached: Promise<Authstated> | undefined;
  #http = "";
  readonly #secured = new Map<SecuredKind, Promise<StorePlace>>();
  // One of each kind runs at a time, and idles while another store is measured.
  readonly #authstated = new Map<PlainKind, { server: Authstated; delayMs: number }>();

  private constructor(
    readonly folder: TestFolder,
    readonly postgresUrl: string,
  ) {}

  static async create(): Promise<Testbed> {
    const folder = new TestFolder();
    const postgres = await PostgresStore.create(folder);
    await postgres.start();
    const bed = new Testbed(folder, postgres.url);
    bed.#servers.push(postgres);
    for (const database of [ADAPTER_DATABASE, WRITE_BEHIND_DATABASE]) {
      await bed.run(`CREATE DATABASE ${database}`, "postgres");
    }
    await bed.run(readFileSync(TABLES, "utf8"), ADAPTER_DATABASE);
    return bed;
  }

  // Where a store is that has `delayMs` added to each round trip to its database.
  async place(kind: StoreKind, delayMs: number): Promise<StorePlace> {
    if (!isSecured(kind)) return { kind, place: await this.#placeOf(kind, delayMs) };
    const starting = this.#secured.get(kind) ?? this.#startSecured(kind);
    this.#secured.set(kind, starting);
    return starting;
  }

  // The PostgreSQL database of a store, without any delay.
  databaseUrl(kind: StoreKind): string {
    if (kind === "pg-adapter") return inDatabase(this.postgresUrl, ADAPTER_DATABASE);
    return kind === "authstate-wb" ? inDatabase(this.postgresUrl, WRITE_BEHIND_DATABASE) : this.postgresUrl;
  }

  get serverPid(): number {
    return this.#authstated.get("authstate")?.server.pid ?? 0;
  }

  urlOf(database: string): string {
    return inDatabase(this.postgresUrl, database);
  }

  run(sql: string, database: string): Promise<pg.QueryResult> {
    return query(this.urlOf(database), sql);
  }

  // Runs a statement in a transaction of authstate's database that stays open until the result is called.
  async hold(sql: string): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: this.databaseUrl("authstate") });
    await client.connect();
    await client.query("BEGIN");
    await client.query(sql);
    return () => client.end();
  }

  // authstated on the PostgreSQL of this bed, with its defaults but for the log and, where that is its kind, a file.
  async authstated(delayMs: number, kind: PlainKind = "authstate"): Promise<Authstated> {
    const running = this.#authstated.get(kind);
    if (running?.delayMs === delayMs) return running.server;
    await running?.server.stop();
    const url = await this.delayedUrl(this.databaseUrl(kind), delayMs);
    const file = kind === "authstate-wb" ? ["--write-behind", join(this.folder.path, `${kind}.db`)] : [];
    const server = new Authstated(["--backend", "postgres", "--postgres-url", url, "--log-level", "warn", ...file]);
    await server.start();
    this.#authstated.set(kind, { server, delayMs });
    return server;
  }

  // The same with encryption and a token, over TLS, or both, on a database of its own. It idles while others are measured.
  async #startSecured(kind: SecuredKind): Promise<StorePlace> {
    const { sealed, tls } = SECURED[kind];
    const database = kind.replaceAll("-", "_");
    await this.run(`CREATE DATABASE ${database}`, "postgres");
    const where = ["--backend=postgres", `--postgres-url=${this.urlOf(database)}`];
    const options = [...where, "--log-level=warn"];
    const place: StorePlace = { kind, place: "" };
    if (sealed) {
      const keyring = join(this.folder.path, `${kind}.keyring`);
      await runControl("keyring", "init", keyring, "bench");
      const rights = ["--label=bench", "--read", "--write", "--all-sessions"];
      place.token = (await runControl("token", "create", "--quiet", ...rights, ...where)).trim();
      options.push(`--keyring-file=${keyring}`);
    }
    if (tls) {
      const files = join(this.folder.path, `${kind}.tls`);
      execFileSync("sh", [CERTIFICATES, files], { stdio: "pipe" });
      place.ca = join(files, "ca.pem");
      options.push(`--tls-certificate=${join(files, "server.pem")}`, `--tls-key=${join(files, "server.key")}`);
    }
    const server = new Authstated(options);
    await server.start();
    this.#servers.push(server);
    return { ...place, place: server.address };
  }

  // authstated on a SQLite file: over PostgreSQL, which others may write to, it keeps no cache.
  cachedAuthstated(): Promise<Authstated> {
    this.#cached ??= this.#startCached();
    return this.#cached;
  }

  // Where its metrics are.
  async cachedMetrics(): Promise<string> {
    await this.cachedAuthstated();
    return `http://${this.#http}/metrics`;
  }

  async #startCached(): Promise<Authstated> {
    this.#http = `127.0.0.1:${await freePort()}`;
    const options = ["--http-listen", this.#http, "--log-level", "warn"];
    const server = new Authstated([...new SqliteStore(this.folder).options, ...options]);
    await server.start();
    this.#servers.push(server);
    return server;
  }

  // Starts a program of this build, which then serves until the end.
  program(name: string, args: string[]): Promise<Server> {
    return this.#keep(startProgram(name, args));
  }

  async stop(): Promise<void> {
    for (const { server } of this.#authstated.values()) await server.stop();
    for (const server of this.#servers.reverse()) await server.stop();
    this.folder.remove();
  }

  async #placeOf(kind: Exclude<StoreKind, SecuredKind>, delayMs: number): Promise<string> {
    switch (kind) {
      case "authstate":
      case "authstate-wb":
        return (await this.authstated(delayMs, kind)).address;
      case "pg-adapter":
        return this.delayedUrl(this.databaseUrl(kind), delayMs);
      case "multi-file":
        return join(this.folder.path, "multi-file");
      case "redis": {
        this.#redis ??= this.#keep(startRedis(this.folder));
        const { port } = await this.#redis;
        return this.delayedUrl(`redis://127.0.0.1:${port}`, delayMs);
      }
      case "mysql-baileys": {
        this.#mariaDb ??= this.#keep(startMariaDb(this.folder));
        const { port } = await this.#mariaDb;
        return this.delayedUrl(`mysql://root@127.0.0.1:${port}/bench`, delayMs);
      }
    }
  }

  // The same place, `delayMs` further away.
  async delayedUrl(url: string, delayMs: number): Promise<string> {
    if (delayMs === 0) return url;
    const port = Number(new URL(url).port);
    const name = `${port}+${delayMs}`;
    const proxy = this.#delays.get(name) ?? this.#keep(startDelay(port, delayMs));
    this.#delays.set(name, proxy);
    return atPort(url, (await proxy).port);
  }

  async #keep(starting: Promise<Server>): Promise<Server> {
    const server = await starting;
    this.#servers.push(server);
    return server;
  }
}
